#pragma once
// One client's connection: reads a request under limits, hands it to an exchange, writes
// the answer, and begins again. All on its loop's thread.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "server/http_exchange.hpp"
#include "server/http_head.hpp"

namespace whitebrick {

class HttpConnection final : public std::enable_shared_from_this<HttpConnection>,
                             private HttpExchange::Owner {
 public:
  HttpConnection(HttpCore&, HttpLoop&, boost::asio::ip::tcp::socket&&, boost::asio::ssl::context*);
  ~HttpConnection() override;

  void start();
  void drain();
  // At the end: what is not answering now goes at once; the rest after its answer.
  void close_if_idle();
  void close();

 private:
  using Clock = HttpExchange::Clock;
  using Error = boost::system::error_code;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using Response = boost::beast::http::response<boost::beast::http::string_body>;
  enum class Phase { kHandshake, kHead, kConfirming, kBody, kExchange, kWriting, kLingering, kClosed };

  // Reading. One read, or wait for readability, is under way at most.
  void read();
  void on_read(const Error&, std::size_t count);
  void keep(const char* data, std::size_t count);
  void watch_client();
  void on_readable(const Error&);
  void hung_up();
  void begin_request();
  void progress();
  bool take_head();
  bool take_body();
  bool confirm_expectation();
  void dispatch();

  // Answering.
  void refuse(const Refusal&);
  void answer_options();
  void answered(HttpResponse&&) override;
  void has_parked() override;
  void write(HttpResponse&&);
  void add_cors(Response&) const;
  void on_written(const Error&);
  void linger();

  // Time. The timer is not set back when the time moves: it fires early and looks again.
  void call_due_at(Clock::time_point) override;
  void arm(Clock::time_point);
  void on_timer();
  void on_due();

  HttpCore& core_;
  HttpLoop& loop_;
  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  boost::asio::steady_timer timer_;
  Clock::time_point due_ = Clock::time_point::max();
  Clock::time_point armed_for_ = Clock::time_point::max();
  // A read may be under way while what came before is taken, so it has its own place.
  std::unique_ptr<char[]> chunk_;
  boost::beast::flat_buffer in_;
  HeadScanner scanner_;
  boost::asio::ip::address remote_;
  std::unique_ptr<Parser> parser_;
  std::unique_ptr<HttpRequest> request_;  // while its body arrives
  std::shared_ptr<HttpExchange> exchange_;
  std::unique_ptr<Response> response_;
  const std::string* cors_origin_ = nullptr;  // of the request, when it is one we allow
  std::string correlation_id_;
  Phase phase_ = Phase::kHandshake;
  unsigned version_ = 11;
  bool reading_ = false;
  bool receiving_ = false;  // the first byte of a request is here
  bool keep_alive_ = true;
  bool head_only_ = false;
};

}  // namespace whitebrick
