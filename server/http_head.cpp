#include "server/http_head.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>
#include <random>

#include <boost/beast/core/string.hpp>

namespace whitebrick {

namespace {

namespace http = boost::beast::http;
using boost::asio::ip::address;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool has_control(std::string_view line) {
  return std::any_of(line.begin(), line.end(),
                     [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 19 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const char* const digits = text.data() + i + 1;
    const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc{} || end != digits + 2 || value == 0) return std::nullopt;
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

address plain(const address& a) {
  if (a.is_v6() && a.to_v6().is_v4_mapped())
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, a.to_v6());
  return a;
}

bool contains(const std::vector<address>& all, const address& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// The nearest address that is not one of our proxies; each proxy appended the one it saw.
address client_behind(std::string_view forwarded, const address& proxy, const std::vector<address>& trusted) {
  address client = proxy;
  while (!forwarded.empty() && contains(trusted, client)) {
    const std::size_t comma = forwarded.rfind(',');
    const std::string_view last = comma == std::string_view::npos ? forwarded : forwarded.substr(comma + 1);
    boost::system::error_code error;
    const address next = boost::asio::ip::make_address(std::string(trimmed(last)), error);
    if (error) break;
    client = plain(next);
    forwarded = comma == std::string_view::npos ? std::string_view{} : forwarded.substr(0, comma);
  }
  return client;
}

bool is_correlation_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) || c == '-'; });
}

// Unique, no secret: a generator per thread spares a system call per request.
std::string new_correlation_id() {
  thread_local std::mt19937_64 generator{(std::uint64_t{std::random_device{}()} << 32U) ^
                                         std::random_device{}()};
  std::string id;
  for (int half = 0; half < 2; ++half) {
    std::uint64_t bits = generator();
    for (int digit = 0; digit < 16; ++digit, bits >>= 4U) id += "0123456789abcdef"[bits & 15U];
  }
  return id;
}

}  // namespace

std::size_t HeadScanner::scan(std::string_view text) {
  const auto refuse = [&](int status, std::string_view reason) {
    refusal_ = Refusal{status, reason};
    return std::size_t{0};
  };
  for (;;) {
    const std::size_t newline = text.find('\n', line_start_);
    const std::string_view line =
        text.substr(line_start_, newline == std::string_view::npos ? newline : newline - line_start_);
    if (line.size() > kMaxLine) return refuse(431, "a header line is too long");
    if (text.substr(0, newline).size() > kMaxHead) return refuse(431, "the headers are too long");
    if (newline == std::string_view::npos) return 0;
    if (line.empty() || line.back() != '\r') return refuse(400, "a line must end with CR LF");
    line_start_ = newline + 1;
    if (line.size() == 1) return line_start_;
    if (has_control(line.substr(0, line.size() - 1)))
      return refuse(400, "a control character in the headers");
    if (lines_ > 0 && (line[0] == ' ' || line[0] == '\t')) return refuse(400, "a folded header line");
    if (lines_++ > max_headers_) return refuse(431, "too many headers");
  }
}

std::optional<Refusal> check_head(const RequestHead& head) {
  const bool http10 = head.version() < 11;
  if (head.count(http::field::host) > 1 || (!http10 && head.count(http::field::host) == 0)) {
    return Refusal{400, "exactly one Host header is needed"};
  }
  const auto lengths = head.count(http::field::content_length);
  const auto codings = head.count(http::field::transfer_encoding);
  if (lengths > 1 || (lengths == 1 && !is_number(view(head[http::field::content_length])))) {
    return Refusal{400, "a wrong Content-Length"};
  }
  if (codings > 0) {
    const bool chunked = boost::beast::iequals(head[http::field::transfer_encoding], "chunked");
    if (codings > 1 || lengths > 0 || http10 || !chunked) return Refusal{400, "a wrong Transfer-Encoding"};
  }
  const auto method = head.method();
  if (method != http::verb::get && method != http::verb::post && method != http::verb::options &&
      method != http::verb::head) {
    return Refusal{405, "only GET, HEAD, POST and OPTIONS are served"};
  }
  const std::string_view target = view(head.target());
  if (!target.starts_with('/') && !(target == "*" && method == http::verb::options)) {
    return Refusal{400, "the target must be a path"};
  }
  if (head.count(http::field::content_encoding) > 0) return Refusal{415, "Content-Encoding is not supported"};
  if (method == http::verb::post && lengths == 0 && codings == 0)
    return Refusal{411, "Content-Length is needed"};
  if (head.count(http::field::expect) > 0 &&
      !boost::beast::iequals(head[http::field::expect], "100-continue")) {
    return Refusal{417, "only 100-continue can be expected"};
  }
  return std::nullopt;
}

std::size_t body_limit(std::string_view path, const HttpSettings& settings) {
  const bool bulk =
      std::any_of(settings.bulk_paths.begin(), settings.bulk_paths.end(), [&](const std::string& prefix) {
        return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
      });
  return bulk ? settings.max_bulk_body : settings.max_body;
}

std::optional<HttpRequest> read_head(const RequestHead& head, const address& remote, bool tls,
                                     const std::vector<address>& trusted_proxies) {
  HttpRequest request;
  const std::string_view target = view(head.target());
  const std::size_t question = target.find('?');
  auto path = percent_decoded(target.substr(0, question));
  if (!path) return std::nullopt;
  request.method = head.method() == http::verb::head ? "GET" : view(head.method_string());
  request.path = std::move(*path);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  request.headers.reserve(static_cast<std::size_t>(std::distance(head.begin(), head.end())));
  for (const auto& field : head) {
    std::string name(view(field.name_string()));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    request.headers.emplace_back(std::move(name), view(field.value()));
  }

  const address proxy = plain(remote);
  const bool trusted = contains(trusted_proxies, proxy);
  address client = proxy;
  request.tls = tls;
  if (!trusted) {  // anybody can write them; the contract's address is made from them
    std::erase_if(request.headers,
                  [](const auto& header) { return header.first.starts_with("x-forwarded-"); });
  }
  if (trusted) {
    std::string forwarded;  // several headers count as one list
    for (const auto& [name, value] : request.headers) {
      if (name == "x-forwarded-for") forwarded += (forwarded.empty() ? "" : ",") + value;
    }
    client = client_behind(forwarded, proxy, trusted_proxies);
    if (boost::beast::iequals(request.header("x-forwarded-proto"), "https")) request.tls = true;
    if (is_correlation_id(request.header("x-correlation-id"))) {
      request.correlation_id = request.header("x-correlation-id");
    }
  }
  request.peer = client.to_string();
  request.private_channel = request.tls || trusted || client.is_loopback();
  if (request.correlation_id.empty()) request.correlation_id = new_correlation_id();
  return request;
}

}  // namespace whitebrick
