#pragma once
// Lists of bound arguments in statement texts. A text per list length would fill the
// cache of prepared statements, so lists come in a few sizes: an IN list is filled up with
// its last value, rows of an INSERT are split into blocks.

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/session.hpp"

namespace whitebrick::events {

inline constexpr std::array<std::size_t, 7> kListSizes{1, 4, 16, 50, 100, 300, 1000};
inline constexpr std::array<std::size_t, 10> kBlockSizes{1000, 500, 200, 100, 50, 20, 10, 5, 2, 1};

// Placeholders for an IN list of `values` (at least one, at most 1,000), which are appended to
// `args`.
template <class T>
std::string in_list(std::span<const T> values, std::vector<db::Value>& args) {
  const auto size = *std::find_if(kListSizes.begin(), kListSizes.end(), [&](std::size_t s) {
    return s >= values.size() || s == kListSizes.back();
  });
  for (std::size_t i = 0; i < size; ++i) args.emplace_back(values[std::min(i, values.size() - 1)]);
  return db::placeholders(size);
}
template <class T>
std::string in_list(const std::vector<T>& values, std::vector<db::Value>& args) {
  return in_list(std::span<const T>(values), args);
}

// Calls `visit` with pieces of at most 1,000 values.
template <class T, class Visit>
void in_pieces(const std::vector<T>& values, Visit&& visit) {
  const std::span<const T> all(values);
  for (std::size_t at = 0; at < all.size(); at += kListSizes.back()) {
    visit(all.subspan(at, std::min(kListSizes.back(), all.size() - at)));
  }
}

// "(?,?),(?,?)", or with a row text of one's own.
inline std::string repeated(std::string_view row, std::size_t count) {
  std::string text;
  text.reserve((row.size() + 1) * count);
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) text += ',';
    text += row;
  }
  return text;
}

// INSERT of many rows: `insert` is the statement up to VALUES, `row` one row's text, and
// `bind(item, args)` appends its arguments.
template <class T, class Bind>
void insert_rows(db::Session& db, std::string_view insert, std::string_view row, const std::vector<T>& items,
                 Bind&& bind) {
  std::size_t at = 0;
  std::vector<db::Value> args;
  for (const std::size_t size : kBlockSizes) {
    while (items.size() - at >= size) {
      args.clear();
      for (std::size_t i = 0; i < size; ++i) bind(items[at + i], args);
      db.execute_with(std::string(insert) + repeated(row, size), args);
      at += size;
    }
  }
}

}  // namespace whitebrick::events
