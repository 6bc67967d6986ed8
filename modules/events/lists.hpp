#pragma once
// INSERTs of many rows, in blocks of a few sizes: a text per number of rows would fill the cache of
// prepared statements. Lists in conditions: db/list.hpp.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "db/session.hpp"

namespace whitebrick::events {

inline constexpr std::array<std::size_t, 10> kBlockSizes{1000, 500, 200, 100, 50, 20, 10, 5, 2, 1};

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
