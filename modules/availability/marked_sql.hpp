#pragma once
// Statements in parts, in which #x stands for what `fill(x)` answers, and binds.

#include <string>
#include <string_view>

namespace whitebrick::availability {

// One more part of a UNION.
template <class Fill>
void add_part(std::string& sql, std::string_view part, Fill&& fill) {
  if (!sql.empty()) sql += "\nUNION ALL";
  for (std::size_t at; (at = part.find('#')) != std::string_view::npos; part.remove_prefix(at + 2)) {
    sql.append(part.substr(0, at)).append(fill(part[at + 1]));
  }
  sql += part;
}

}  // namespace whitebrick::availability
