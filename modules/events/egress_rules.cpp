#include "modules/events/egress_rules.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <stdexcept>

namespace whitebrick::events {
namespace {

namespace ip = boost::asio::ip;

struct Range {
  const char* base;
  unsigned prefix;
  std::string_view name;
};

// IANA's special-purpose registries: all that is not globally reachable, and what leads back into
// IPv4.
constexpr std::array<Range, 17> kSpecialV4{{{"0.0.0.0", 8, "this network"},
                                            {"10.0.0.0", 8, "private"},
                                            {"100.64.0.0", 10, "carrier-grade NAT"},
                                            {"127.0.0.0", 8, "loopback"},
                                            {"169.254.0.0", 16, "link-local"},
                                            {"172.16.0.0", 12, "private"},
                                            {"192.0.0.0", 24, "protocol assignments"},
                                            {"192.0.2.0", 24, "documentation"},
                                            {"192.31.196.0", 24, "AS112"},
                                            {"192.52.193.0", 24, "AMT"},
                                            {"192.88.99.0", 24, "6to4 relay"},
                                            {"192.168.0.0", 16, "private"},
                                            {"192.175.48.0", 24, "AS112"},
                                            {"198.18.0.0", 15, "benchmarking"},
                                            {"198.51.100.0", 24, "documentation"},
                                            {"203.0.113.0", 24, "documentation"},
                                            {"224.0.0.0", 3, "multicast or reserved"}}};
constexpr std::array<Range, 10> kSpecialV6{{{"::1", 128, "loopback"},
                                            {"fc00::", 7, "unique local"},
                                            {"fe80::", 10, "link-local"},
                                            {"ff00::", 8, "multicast"},
                                            {"64:ff9b::", 96, "NAT64"},
                                            {"2001::", 23, "protocol assignments"},
                                            {"2001:db8::", 32, "documentation"},
                                            {"2002::", 16, "6to4"},
                                            {"2620:4f:8000::", 48, "AS112"},
                                            {"3fff::", 20, "documentation"}}};

template <class Bytes>
bool same_prefix(const Bytes& a, const Bytes& b, unsigned prefix) {
  for (std::size_t i = 0; i < a.size() && prefix > 0; ++i) {
    const unsigned bits = std::min(prefix, 8U);
    const unsigned mask = 0xFFU << (8 - bits) & 0xFFU;
    if ((a[i] & mask) != (b[i] & mask)) return false;
    prefix -= bits;
  }
  return true;
}

bool contains(const ip::address& base, unsigned prefix, const ip::address& address) {
  if (base.is_v4() != address.is_v4()) return false;
  if (base.is_v4()) return same_prefix(base.to_v4().to_bytes(), address.to_v4().to_bytes(), prefix);
  return same_prefix(base.to_v6().to_bytes(), address.to_v6().to_bytes(), prefix);
}

// ::ffff:a.b.c.d as a.b.c.d.
ip::address unmapped(const ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

using UrlHandle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::optional<std::string> part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return std::nullopt;
  std::string copy(text);
  curl_free(text);
  return copy;
}

// Some resolvers take 127.1, 0x7f000001 or 017700000001 for an address; nobody means it.
bool is_disguised(const EndpointUrl& url, const std::string& text) {
  return url.literal && url.literal->is_v4() && lower(text).find("//" + url.host) == std::string::npos;
}

}  // namespace

std::optional<EndpointUrl> parse_endpoint(const std::string& text) {
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c >= 0x7F || c == '\\'; }))
    return std::nullopt;
  const UrlHandle handle(curl_url(), curl_url_cleanup);
  CURLU* const url = handle.get();
  if (url == nullptr || curl_url_set(url, CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK)
    return std::nullopt;
  const auto scheme = part(url, CURLUPART_SCHEME);
  const auto host = part(url, CURLUPART_HOST);
  const auto port = part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (!scheme || !host || !port || part(url, CURLUPART_FRAGMENT) || part(url, CURLUPART_ZONEID))
    return std::nullopt;
  EndpointUrl parsed;
  parsed.scheme = lower(*scheme);
  parsed.host = lower(*host);
  const auto [end, error] = std::from_chars(port->data(), port->data() + port->size(), parsed.port);
  if (error != std::errc() || *end != '\0' || parsed.port == 0) return std::nullopt;
  const bool bracketed = parsed.host.size() > 2 && parsed.host.front() == '[' && parsed.host.back() == ']';
  if (bracketed) parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  boost::system::error_code no_address;
  const ip::address address = ip::make_address(parsed.host, no_address);
  if (!no_address) parsed.literal = address;
  if (bracketed ? !parsed.literal : !is_host_name(parsed.host)) return std::nullopt;
  return parsed;
}

std::optional<std::string_view> special_range(const ip::address& address) {
  const ip::address plain = unmapped(address);
  const auto find = [&](const auto& ranges) -> std::optional<std::string_view> {
    for (const Range& range : ranges) {
      if (contains(ip::make_address(range.base), range.prefix, plain)) return range.name;
    }
    return std::nullopt;
  };
  if (plain.is_v4()) return find(kSpecialV4);
  if (const auto found = find(kSpecialV6)) return found;
  // Nothing else is routed: unspecified, IPv4-compatible, site-local and what is not assigned.
  if (!contains(ip::make_address("2000::"), 3, plain)) return "not global";
  return std::nullopt;
}

EgressRules::EgressRules(const std::vector<std::string>& allow, const std::vector<std::string>& ports,
                         bool allow_http)
    : allow_http_(allow_http) {
  for (const std::string& item : allow) {
    const std::size_t slash = item.find('/');
    boost::system::error_code error;
    const ip::address base = ip::make_address(item.substr(0, slash), error);
    const std::string host = lower(item);
    if (error && slash == std::string::npos && is_host_name(host)) {
      hosts_.push_back(host);
      continue;
    }
    unsigned prefix = base.is_v4() ? 32 : 128;
    const unsigned most = prefix;
    if (!error && slash != std::string::npos) {
      const auto [end, bad] = std::from_chars(item.data() + slash + 1, item.data() + item.size(), prefix);
      if (bad != std::errc() || end != item.data() + item.size()) prefix = most + 1;
    }
    if (error || prefix > most)
      throw std::invalid_argument("events.push_allow: '" + item + "' is no address, network or host name.");
    networks_.push_back({base, prefix});
  }
  for (const std::string& item : ports) {
    if (item == "*") {
      any_port_ = true;
      continue;
    }
    std::uint16_t port = 0;
    const auto [end, bad] = std::from_chars(item.data(), item.data() + item.size(), port);
    if (bad != std::errc() || end != item.data() + item.size() || port == 0)
      throw std::invalid_argument("events.push_ports: '" + item + "' is neither a port nor *.");
    ports_.push_back(port);
  }
}

bool EgressRules::names(const std::string& host) const {
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const std::string& allowed) {
    return allowed.front() == '.' ? host.ends_with(allowed) : host == allowed;
  });
}

bool EgressRules::inside(const ip::address& address) const {
  const ip::address plain = unmapped(address);
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const Network& network) { return contains(network.base, network.prefix, plain); });
}

bool EgressRules::allows(const std::string& host, const ip::address& address) const {
  return !special_range(address) || names(host) || inside(address);
}

std::optional<std::string> EgressRules::refusal(const std::string& text) const {
  const auto url = parse_endpoint(text);
  if (!url) return "Give a plain URL: scheme, host, port and path.";
  if (url->scheme != "https" && !(allow_http_ && url->scheme == "http")) {
    return allow_http_ ? "Only http and https are spoken." : "Only https is spoken.";
  }
  if (!any_port_ && std::find(ports_.begin(), ports_.end(), url->port) == ports_.end())
    return "The port is not permitted.";
  if (url->literal) {
    const bool exempt = names(url->host) || inside(*url->literal);
    if (!exempt && (special_range(*url->literal) || is_disguised(*url, text)))
      return "The address is not one of the public Internet.";
  } else {
    const std::string name = url->host.back() == '.' ? url->host.substr(0, url->host.size() - 1) : url->host;
    const bool local = name == "localhost" || name.ends_with(".localhost") || name.ends_with(".local") ||
                       name.ends_with(".internal") || name.find('.') == std::string::npos;
    if (local && !names(url->host)) return "The host is not one of the public Internet.";
  }
  return std::nullopt;
}

}  // namespace whitebrick::events
