#include "server/http_connection.hpp"

#include <algorithm>
#include <limits>

#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

namespace whitebrick {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr std::size_t kChunk = 8 * 1024;
// Bytes of a next request that may wait here while one is answered, and of a chunked
// body's framing.
constexpr std::size_t kMaxWaiting = 16 * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view text_of(const boost::beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

// A chunk extension means nothing here, and others may frame it otherwise.
void refuse_extension(std::uint64_t, boost::beast::string_view extension, boost::system::error_code& error) {
  if (!extension.empty()) error = http::error::bad_chunk_extension;
}

}  // namespace

HttpConnection::HttpConnection(HttpCore& core, HttpLoop& loop, asio::ip::tcp::socket&& socket,
                               asio::ssl::context* tls)
    : core_(core),
      loop_(loop),
      socket_(std::move(socket)),
      tls_(tls ? std::make_unique<asio::ssl::stream<asio::ip::tcp::socket&>>(socket_, *tls) : nullptr),
      timer_(loop.context),
      scanner_(core.settings.max_headers) {
  ++core_.connections;
}

HttpConnection::~HttpConnection() { core_.connection_ended(); }

void HttpConnection::start() {
  loop_.connections.insert(this);
  Error error;
  const auto endpoint = socket_.remote_endpoint(error);
  if (!error) socket_.non_blocking(true, error);
  if (error) return close();
  remote_ = endpoint.address();
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  if (!tls_) return begin_request();
  arm(Clock::now() + core_.settings.receive_within);
  tls_->async_handshake(asio::ssl::stream_base::server, [self = shared_from_this()](const Error& failed) {
    if (self->phase_ == Phase::kClosed) return;
    failed ? self->close() : self->begin_request();
  });
}

void HttpConnection::drain() {
  if (exchange_) exchange_->drain();
}

void HttpConnection::close_if_idle() {
  if (phase_ == Phase::kHandshake || (phase_ == Phase::kHead && !receiving_)) close();
}

void HttpConnection::close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  if (exchange_) std::exchange(exchange_, nullptr)->abandon();
  timer_.cancel();
  Error ignored;
  socket_.close(ignored);
  loop_.connections.erase(this);
}

// ---- reading

void HttpConnection::read() {
  if (reading_) return;
  reading_ = true;
  if (!chunk_) chunk_ = std::make_unique<char[]>(kChunk);
  const auto space = asio::buffer(chunk_.get(), kChunk);
  auto done = [self = shared_from_this()](const Error& error, std::size_t count) {
    self->on_read(error, count);
  };
  if (tls_) {
    tls_->async_read_some(space, std::move(done));
  } else {
    socket_.async_read_some(space, std::move(done));
  }
}

void HttpConnection::on_read(const Error& error, std::size_t count) {
  reading_ = false;
  switch (phase_) {
    case Phase::kClosed:
      return;
    case Phase::kExchange:  // over TLS, bytes are the only way to see a farewell
      if (error) return hung_up();
      keep(chunk_.get(), count);
      return watch_client();
    case Phase::kLingering:
      return error ? close() : read();
    case Phase::kHandshake:
    case Phase::kHead:
    case Phase::kConfirming:
    case Phase::kBody:
    case Phase::kWriting:
      if (error) return close();
      keep(chunk_.get(), count);
      if (phase_ == Phase::kHead || phase_ == Phase::kBody) progress();
  }
}

void HttpConnection::keep(const char* data, std::size_t count) {
  in_.commit(asio::buffer_copy(in_.prepare(count), asio::buffer(data, count)));
}

// While an answer is awaited, the only news from the client is its end; bytes of a
// next request are kept.
void HttpConnection::watch_client() {
  if (reading_ || in_.size() >= kMaxWaiting) return;
  reading_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const Error& error) { self->on_readable(error); });
}

void HttpConnection::on_readable(const Error& error) {
  reading_ = false;
  if (phase_ == Phase::kClosed || phase_ == Phase::kWriting) return;
  if (phase_ != Phase::kExchange) return error ? close() : read();
  if (error) return hung_up();
  if (tls_) return read();
  Error failed;
  char bytes[1024];
  const std::size_t count = socket_.read_some(asio::buffer(bytes), failed);
  if (failed && failed != asio::error::would_block) return hung_up();
  keep(bytes, count);
  watch_client();
}

void HttpConnection::hung_up() {
  if (exchange_ && exchange_->is_parked()) ++core_.hung_up;
  close();
}

void HttpConnection::begin_request() {
  phase_ = Phase::kHead;
  scanner_ = HeadScanner(core_.settings.max_headers);
  receiving_ = false;
  keep_alive_ = true;
  head_only_ = false;
  version_ = 11;
  cors_origin_ = nullptr;
  correlation_id_.clear();
  arm(Clock::now() + core_.settings.idle_timeout);
  in_.size() > 0 ? progress() : read();
}

void HttpConnection::progress() {
  if (!receiving_ && in_.size() > 0) {
    receiving_ = true;
    arm(Clock::now() + core_.settings.receive_within);
  }
  // A line end too many behind the last body is forgiven, as RFC 9112 asks.
  while (phase_ == Phase::kHead && text_of(in_).starts_with("\r\n")) in_.consume(2);
  if (phase_ == Phase::kHead && !take_head()) return;
  if (phase_ == Phase::kBody && take_body()) dispatch();
}

// True when the body may follow.
bool HttpConnection::take_head() {
  const std::size_t size = scanner_.scan(text_of(in_));
  if (scanner_.refusal()) return refuse(*scanner_.refusal()), false;
  if (size == 0) return read(), false;

  parser_ = std::make_unique<Parser>();
  parser_->header_limit(HeadScanner::kMaxHead + 4);
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // known by the path; set below
  parser_->on_chunk_header(refuse_extension);
  Error error;
  parser_->put(asio::buffer(in_.data().data(), size), error);
  in_.consume(size);
  if (error || !parser_->is_header_done()) return refuse({400, "not an HTTP request"}), false;

  const RequestHead& head = parser_->get().base();
  version_ = head.version();
  keep_alive_ = parser_->keep_alive();
  head_only_ = head.method() == http::verb::head;
  if (const auto refusal = check_head(head)) return refuse(*refusal), false;
  auto request = read_head(head, remote_, tls_ != nullptr, core_.trusted_proxies);
  if (!request) return refuse({400, "the target cannot be decoded"}), false;
  request_ = std::make_unique<HttpRequest>(std::move(*request));
  correlation_id_ = request_->correlation_id;
  const auto& origins = core_.settings.cors_origins;
  const auto origin = std::find(origins.begin(), origins.end(), request_->header("origin"));
  if (origin != origins.end()) cors_origin_ = &*origin;

  const std::size_t limit = body_limit(request_->path, core_.settings);
  if (parser_->content_length() && *parser_->content_length() > limit) {
    return refuse({413, "the body is too long"}), false;
  }
  parser_->body_limit(limit);
  parser_->eager(true);
  phase_ = Phase::kBody;
  return !confirm_expectation();
}

// True when the client waits for our word before it sends the body.
bool HttpConnection::confirm_expectation() {
  if (version_ < 11 || request_->header("expect").empty() || parser_->is_done() || in_.size() > 0)
    return false;
  phase_ = Phase::kConfirming;
  auto done = [self = shared_from_this()](const Error& error, std::size_t) {
    if (self->phase_ == Phase::kClosed) return;
    if (error) return self->close();
    self->phase_ = Phase::kBody;
    self->progress();
  };
  const auto text = asio::buffer(kContinue.data(), kContinue.size());
  if (tls_) {
    asio::async_write(*tls_, text, std::move(done));
  } else {
    asio::async_write(socket_, text, std::move(done));
  }
  return true;
}

// True when the request is complete.
bool HttpConnection::take_body() {
  while (!parser_->is_done() && in_.size() > 0) {
    Error error;
    in_.consume(parser_->put(in_.data(), error));
    if (error == http::error::need_more) {
      if (in_.size() > kMaxWaiting) return refuse({400, "a wrong chunk"}), false;
      break;
    }
    if (error == http::error::body_limit) return refuse({413, "the body is too long"}), false;
    if (error) return refuse({400, "a wrong body"}), false;
  }
  if (parser_->is_done()) return true;
  return read(), false;
}

void HttpConnection::dispatch() {
  request_->body = std::move(parser_->get().body());
  if (request_->body.capacity() > 2 * request_->body.size()) request_->body.shrink_to_fit();
  parser_.reset();
  const auto request = std::move(request_);
  phase_ = Phase::kExchange;
  due_ = Clock::time_point::max();
  if (request->method == "OPTIONS") return answer_options();
  exchange_ = std::make_shared<HttpExchange>(core_, loop_, static_cast<Owner&>(*this), std::move(*request));
  // Kept here: an answer at once lets go of the member.
  const auto exchange = exchange_;
  exchange->start();
}

// ---- time

void HttpConnection::call_due_at(Clock::time_point due) { arm(due); }

void HttpConnection::arm(Clock::time_point due) {
  due_ = due;
  if (armed_for_ <= due) return;
  armed_for_ = due;
  timer_.expires_at(due);
  timer_.async_wait([self = shared_from_this(), due](const Error& error) {
    if (!error && self->armed_for_ == due) self->on_timer();
  });
}

void HttpConnection::on_timer() {
  armed_for_ = Clock::time_point::max();
  if (phase_ == Phase::kClosed || due_ == Clock::time_point::max()) return;
  if (Clock::now() < due_) return arm(due_);
  on_due();
}

void HttpConnection::on_due() {
  due_ = Clock::time_point::max();
  switch (phase_) {
    case Phase::kExchange: {
      const auto exchange = exchange_;  // an answer lets go of the member
      if (exchange) exchange->due();
      return;
    }
    case Phase::kHead:
      if (!receiving_) return close();
      [[fallthrough]];
    case Phase::kBody:
      return refuse({408, "the request did not arrive in time"});
    case Phase::kHandshake:
    case Phase::kConfirming:
    case Phase::kWriting:
    case Phase::kLingering:
    case Phase::kClosed:
      return close();
  }
}

}  // namespace whitebrick
