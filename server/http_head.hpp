#pragma once
// Rules for a request's head: what is refused, and what the rest of the server learns.
// Strict on purpose: where two readers could see different requests in the same bytes, the
// request is refused (request smuggling).

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>

#include "server/http_server.hpp"

namespace whitebrick {

using RequestHead = boost::beast::http::request_header<boost::beast::http::fields>;

struct Refusal {
  int status;
  std::string_view reason;
};

// Finds the end of a head while it arrives; looks at each line once.
class HeadScanner {
 public:
  static constexpr std::size_t kMaxHead = 16 * 1024;
  static constexpr std::size_t kMaxLine = 8 * 1024;

  explicit HeadScanner(std::size_t max_headers) : max_headers_(max_headers) {}

  // `text`: all that arrived so far, beginning with the same bytes each time.
  // Answers the length of the head, or 0: more is needed; or sets refusal().
  std::size_t scan(std::string_view text);
  const std::optional<Refusal>& refusal() const { return refusal_; }

 private:
  std::size_t max_headers_;
  std::size_t line_start_ = 0;
  std::size_t lines_ = 0;
  std::optional<Refusal> refusal_;
};

std::optional<Refusal> check_head(const RequestHead&);

// The body this path may have.
std::size_t body_limit(std::string_view path, const HttpSettings&);

// Without the body. Nothing: the target cannot be decoded.
std::optional<HttpRequest> read_head(const RequestHead&, const boost::asio::ip::address& remote, bool tls,
                                     const std::vector<boost::asio::ip::address>& trusted_proxies);

}  // namespace whitebrick
