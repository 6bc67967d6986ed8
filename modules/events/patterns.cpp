#include "modules/events/patterns.hpp"

#include <algorithm>
#include <array>

#include "modules/events/events.hpp"

namespace whitebrick::events {
namespace {

constexpr std::size_t kMaxLength = 128;

// First parts of the types that server components publish (wsdl/events.xsd), and of
// those that its catalogue will hold.
constexpr std::array<std::string_view, 12> kReserved{"account", "authorisation", "contact",      "context",
                                                     "event",   "gauge",         "mode",         "profile",
                                                     "service", "session",       "subscription", "urgent"};

// Services have events of their own about calls; these are the server's.
constexpr std::array<std::string_view, 4> kReservedTypes{"call.diverted", "call.incoming", "call.lost",
                                                         "call.taken"};

// What one server component tells another, and nobody else.
constexpr std::array<std::string_view, 7> kInternal{
    "account.changed",          "profile.changed", "profile.deleted", "profile.service_removed",
    "profile.terminal_deleted", "session.changed", "session.refresh"};

std::string_view first_part(std::string_view type) { return type.substr(0, type.find('.')); }

bool is_part(std::string_view part) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto inner = [&](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '_'; };
  return !part.empty() && lower(part.front()) && std::all_of(part.begin(), part.end(), inner);
}

// Number of parts; 0 when one is malformed.
std::size_t parts(std::string_view text) {
  std::size_t count = 1;
  for (;; ++count) {
    const std::size_t dot = text.find('.');
    if (!is_part(text.substr(0, dot))) return 0;
    if (dot == std::string_view::npos) return count;
    text.remove_prefix(dot + 1);
  }
}

bool is_prefix(std::string_view pattern) { return pattern.ends_with(".*"); }

}  // namespace

bool is_type(std::string_view text) { return text.size() <= kMaxLength && parts(text) >= 2; }

bool is_pattern(std::string_view text) {
  if (text == "*") return true;
  if (text.size() > kMaxLength) return false;
  return is_prefix(text) ? parts(text.substr(0, text.size() - 2)) >= 1 : is_type(text);
}

bool covers(std::string_view pattern, std::string_view type) {
  if (pattern == "*") return true;
  if (is_prefix(pattern)) return type.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == type;
}

bool is_internal(std::string_view type) {
  return std::find(kInternal.begin(), kInternal.end(), type) != kInternal.end();
}

bool covers_reserved(std::string_view pattern) {
  return pattern == "*" || is_reserved(std::string(pattern)) ||
         std::any_of(kReservedTypes.begin(), kReservedTypes.end(),
                     [&](auto type) { return covers(pattern, type); });
}

// In ASCII '/' follows '.', '!' is before all that types consist of, and '~' behind it.
TypeRange range_of(std::string_view pattern) {
  if (pattern == "*") return {"", "~"};
  if (!is_prefix(pattern)) return {std::string(pattern), std::string(pattern) + '!'};
  const std::string prefix(pattern.substr(0, pattern.size() - 2));
  return {prefix + '.', prefix + '/'};
}

bool is_reserved(const std::string& type) {
  return std::find(kReserved.begin(), kReserved.end(), first_part(type)) != kReserved.end() ||
         std::find(kReservedTypes.begin(), kReservedTypes.end(), type) != kReservedTypes.end();
}

std::vector<std::string> matching_patterns(const std::string& type) {
  std::vector<std::string> patterns{type};
  for (std::size_t dot = type.rfind('.'); dot != std::string::npos && dot != 0;
       dot = type.rfind('.', dot - 1)) {
    patterns.push_back(type.substr(0, dot) + ".*");
  }
  patterns.emplace_back("*");
  return patterns;
}

}  // namespace whitebrick::events
