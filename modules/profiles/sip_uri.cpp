#include "modules/profiles/sip_uri.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace whitebrick::profiles {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// unreserved and user-unreserved of RFC 3261.
bool is_user_character(char c) {
  return is_digit(c) || is_letter(c) ||
         std::string_view("-_.!~*'()&=+$,;?/").find(c) != std::string_view::npos;
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// Two ways to write the same user become one: %61 is a, %3a is %3A.
std::optional<std::string> normalise_user(std::string_view user) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  if (user.empty()) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < user.size(); ++i) {
    if (user[i] != '%') {
      if (!is_user_character(user[i])) return std::nullopt;
      out += user[i];
      continue;
    }
    if (i + 2 >= user.size()) return std::nullopt;
    const int high = hex_value(user[i + 1]), low = hex_value(user[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    const int byte = high * 16 + low;
    if (byte < 0x20 || byte == 0x7F) return std::nullopt;
    if (is_user_character(static_cast<char>(byte))) {
      out += static_cast<char>(byte);
    } else {
      out += '%';
      out += kHex[static_cast<std::size_t>(high)];
      out += kHex[static_cast<std::size_t>(low)];
    }
    i += 2;
  }
  return out;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, [](char c) { return is_digit(c) || is_letter(c) || c == '-'; });
}

std::optional<std::string> normalise_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string out;
  std::transform(host.begin(), host.end(), std::back_inserter(out), lower);
  std::string_view rest = out;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (!is_label(label)) return std::nullopt;
    if (dot != std::string_view::npos) {
      rest.remove_prefix(dot + 1);
      continue;
    }
    // A last label of digits only is no name: an IPv4 address, or nothing.
    in_addr address{};
    if (is_digit(label.front()) && inet_pton(AF_INET, out.c_str(), &address) != 1) return std::nullopt;
    return out;
  }
}

std::optional<std::string> normalise_ipv6(std::string_view inside) {
  in6_addr address{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_pton(AF_INET6, std::string(inside).c_str(), &address) != 1) return std::nullopt;
  if (!inet_ntop(AF_INET6, &address, text.data(), text.size())) return std::nullopt;
  return "[" + std::string(text.data()) + "]";
}

// ":5061" or nothing at all.
bool is_port(std::string_view text) {
  if (text.empty()) return true;
  const std::string_view digits = text.substr(1);
  if (text.front() != ':' || digits.empty() || digits.size() > 5 || digits.front() == '0') return false;
  if (!std::ranges::all_of(digits, is_digit)) return false;
  return std::stoi(std::string(digits)) <= 65535;
}

std::optional<std::string> normalise_host(std::string_view text) {
  std::optional<std::string> host;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = normalise_ipv6(text.substr(1, end - 1));
    port = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    host = normalise_name(text.substr(0, colon));
    if (colon != std::string_view::npos) port = text.substr(colon);
  }
  if (!host || !is_port(port)) return std::nullopt;
  return *host + std::string(port);
}

}  // namespace

std::optional<std::string> normalise_sip(std::string_view rest) {
  const std::size_t at = rest.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const auto user = normalise_user(rest.substr(0, at));
  std::string_view address = rest.substr(at + 1);
  address = address.substr(0, address.find_first_of(";?"));
  const auto host = normalise_host(address);
  if (!user || !host) return std::nullopt;
  return *user + "@" + *host;
}

}  // namespace whitebrick::profiles
