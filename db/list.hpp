#pragma once
// Lists in statement texts, of which there must be few: a text per list length would fill the
// cache of prepared statements.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "db/session.hpp"

namespace whitebrick::db {

// A list of texts as one bound argument, ["a","b"], for
// ... FROM JSON_TABLE(?, '$[*]' COLUMNS(position FOR ORDINALITY, number VARCHAR(256) PATH '$')) t
std::string json_list(const std::vector<std::string>& texts);

inline constexpr std::array<std::size_t, 7> kListSizes{1, 4, 20, 64, 100, 256, 1000};
inline constexpr std::size_t kMaxList = kListSizes.back();

// The size of list that so many values (1 to kMaxList) go into.
inline std::size_t list_size(std::size_t values) {
  return *std::find_if(kListSizes.begin(), kListSizes.end() - 1,
                       [&](std::size_t size) { return size >= values; });
}

// Placeholders for an IN list of `values` (1 to kMaxList of them), which are appended to `args`: a few
// sizes, filled up with the last value.
template <class T>
std::string in_list(const std::vector<T>& values, std::vector<Value>& args) {
  const std::size_t size = list_size(values.size());
  for (std::size_t i = 0; i < size; ++i) args.emplace_back(values[std::min(i, values.size() - 1)]);
  return placeholders(size);
}

// The same for conditions of several columns: (condition OR condition ...), where `bind(value, args)`
// appends the arguments of one.
template <class T, class Bind>
std::string any_of(std::string_view condition, const std::vector<T>& values, std::vector<Value>& args,
                   Bind&& bind) {
  const std::size_t size = list_size(values.size());
  std::string text("(");
  for (std::size_t i = 0; i < size; ++i) {
    text.append(i == 0 ? "" : " OR ").append(condition);
    bind(values[std::min(i, values.size() - 1)], args);
  }
  return text.append(")");
}

// Calls `visit` with pieces of at most `size` values.
template <class T, class Visit>
void in_pieces(const std::vector<T>& values, std::size_t size, Visit&& visit) {
  for (std::size_t at = 0; at < values.size(); at += size) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(at);
    visit(std::vector<T>(begin, begin + static_cast<std::ptrdiff_t>(std::min(size, values.size() - at))));
  }
}

}  // namespace whitebrick::db
