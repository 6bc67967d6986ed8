#include "db/migration_text.hpp"

#include <algorithm>
#include <cctype>

#include "db/error.hpp"

namespace whitebrick::db {

std::string quoted_schema(const std::string& name) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '$'; };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), allowed)) {
    throw Error(0, "'" + name + "' cannot be the name of a schema (letters, digits, '_', '-', '$')");
  }
  return "`" + name + "`";
}

std::vector<std::string> statements_of(std::string_view sql) {
  std::vector<std::string> statements;
  std::string statement;
  const auto finish = [&] {
    if (statement.find_first_not_of(" \t\r\n") != std::string::npos) statements.push_back(statement);
    statement.clear();
  };
  while (!sql.empty()) {
    const auto end = std::min(sql.find('\n'), sql.size());
    std::string_view line = sql.substr(0, end);
    sql.remove_prefix(std::min(end + 1, sql.size()));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t'))
      line.remove_suffix(1);
    const auto text = line.find_first_not_of(" \t");
    if (text == std::string_view::npos || line.substr(text).starts_with("--")) continue;
    const bool last = line.ends_with(';');
    if (last) line.remove_suffix(1);
    statement.append(line).push_back('\n');
    if (last) finish();
  }
  finish();
  return statements;
}

}  // namespace whitebrick::db
