#pragma once
// What a request's values must be, where the schema does not see to it. Pure.
// All throw Fault naming `field`: LIMIT_EXCEEDED for too long or too many, else
// INVALID_ARGUMENT.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/time.hpp"

namespace whitebrick::check {

// The maxima that hold for what several modules read; beyond them LIMIT_EXCEEDED.
inline constexpr std::size_t kMaxItems = 1000;              // of any list
inline constexpr std::size_t kMaxText = 65536;              // of any string but event content
inline constexpr std::size_t kMaxAnswer = 4 * 1024 * 1024;  // bytes of a list whose items can be long
inline constexpr std::size_t kMaxProfiles = 50;             // of a user
inline constexpr std::size_t kMaxTerminals = 50;            // of a user
inline constexpr std::size_t kMaxTokens = 1000;  // of an account; one more ends the one that expires first

// [A-Za-z0-9][A-Za-z0-9._:@+-]{0,63}
void identifier(std::string_view value, const std::string& field);
bool is_identifier(std::string_view value);
// At most `max` characters (code points of UTF-8), as the schema and the columns count.
void length(std::string_view value, std::size_t max, const std::string& field);
// The same and not empty.
void filled(std::string_view value, std::size_t max, const std::string& field);
void range(std::int64_t value, std::int64_t least, std::int64_t most, const std::string& field);
// Of a list's items.
void count(std::size_t items, std::size_t max, const std::string& field);
// For one more of `what`, when there are `held` already.
void room(std::size_t held, std::size_t max, const std::string& what, const std::string& field);
// Cuts a list that was read with one item too many, and says whether it was longer.
template <class Item>
bool cut(std::vector<Item>& items, std::size_t max = kMaxItems) {
  const bool more = items.size() > max;
  if (more) items.erase(items.begin() + static_cast<std::ptrdiff_t>(max), items.end());
  return more;
}
// The same behind what fits into one answer: at most `max` together, but the first whatever its size.
template <class Item, class Size>
bool cut_by_size(std::vector<Item>& items, Size&& size_of, std::size_t max = kMaxAnswer) {
  std::size_t together = 0, fit = 0;
  while (fit < items.size() && (together += size_of(items[fit])) <= max) ++fit;
  return cut(items, std::max<std::size_t>(fit, 1));
}
void in_future(Time value, Time now, const std::string& field);

// For what a request may leave out: absent is fine.
void identifier(const std::same_as<std::optional<std::string>> auto& value, const std::string& field) {
  if (value) identifier(std::string_view(*value), field);
}
void length(const std::same_as<std::optional<std::string>> auto& value, std::size_t max,
            const std::string& field) {
  if (value) length(std::string_view(*value), max, field);
}

}  // namespace whitebrick::check
