// The answering half of HttpConnection.

#include <utility>

#include <boost/asio/write.hpp>
#include <boost/beast/http/write.hpp>

#include "server/http_connection.hpp"

namespace whitebrick {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr const char* kMethods = "GET, HEAD, POST, OPTIONS";
// How long a client may take to read its last answer before the connection goes.
constexpr std::chrono::seconds kLinger{1};

}  // namespace

// Something is wrong with the request's framing or the rest of it is unread: whatever
// follows on this connection is not to be trusted.
void HttpConnection::refuse(const Refusal& refusal) {
  parser_.reset();
  request_.reset();
  keep_alive_ = false;
  HttpResponse response;
  response.status = refusal.status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::string(refusal.reason) + "\n";
  if (refusal.status == 405) response.headers.emplace_back("Allow", kMethods);
  write(std::move(response));
}

void HttpConnection::answer_options() {
  HttpResponse response;
  response.status = 204;
  response.headers.emplace_back("Allow", kMethods);
  if (cors_origin_) {
    response.headers.emplace_back("Access-Control-Allow-Methods", kMethods);
    response.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Content-Type, SOAPAction");
    response.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  write(std::move(response));
}

void HttpConnection::answered(HttpResponse&& response) {
  exchange_.reset();
  write(std::move(response));
}

void HttpConnection::has_parked() {
  // What a connection holds while it waits, it holds ten thousand times.
  if (in_.size() == 0) in_.shrink_to_fit();
  if (!reading_) chunk_.reset();
  watch_client();
}

void HttpConnection::add_cors(Response& response) const {
  if (core_.settings.cors_origins.empty()) return;
  response.set(http::field::vary, "Origin");
  if (!cors_origin_) return;
  response.set(http::field::access_control_allow_origin, *cors_origin_);
  response.set(http::field::access_control_expose_headers, "Retry-After, X-Correlation-Id");
}

void HttpConnection::write(HttpResponse&& answer) {
  phase_ = Phase::kWriting;
  if (core_.draining) keep_alive_ = false;
  response_ = std::make_unique<Response>();
  Response& response = *response_;
  response.result(static_cast<unsigned>(answer.status));
  response.set(http::field::date, loop_.date(std::time(nullptr)));
  for (const auto& [name, value] : answer.headers) response.insert(name, value);
  if (!correlation_id_.empty()) response.set("X-Correlation-Id", correlation_id_);
  add_cors(response);
  if (!keep_alive_) {
    response.set(http::field::connection, "close");
  } else if (version_ < 11) {
    response.set(http::field::connection, "keep-alive");
  }
  if (answer.status != 204) {
    response.set(http::field::content_type, answer.content_type);
    response.content_length(answer.body.size());
    if (!head_only_) response.body() = std::move(answer.body);
  }
  arm(Clock::now() + core_.settings.receive_within);
  auto done = [self = shared_from_this()](const Error& error, std::size_t) { self->on_written(error); };
  if (tls_) {
    http::async_write(*tls_, response, std::move(done));
  } else {
    http::async_write(socket_, response, std::move(done));
  }
}

void HttpConnection::on_written(const Error& error) {
  response_.reset();
  if (phase_ == Phase::kClosed) return;
  if (error) return close();
  if (keep_alive_) return begin_request();
  linger();
}

// A socket closed with unread bytes resets the connection, and the client may lose the
// answer: say that nothing more comes, and read on for a moment.
void HttpConnection::linger() {
  phase_ = Phase::kLingering;
  arm(Clock::now() + kLinger);
  in_.clear();
  if (tls_ && !reading_) {
    reading_ = true;
    return tls_->async_shutdown([self = shared_from_this()](const Error&) { self->close(); });
  }
  Error failed;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, failed);
  failed ? close() : read();
}

}  // namespace whitebrick
