#pragma once
// The prepared statements of one connection, kept by their text.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "db/session.hpp"

namespace sql {
class Connection;
class PreparedStatement;
}  // namespace sql

namespace whitebrick::db {

// Column names of a result, found once per statement.
class Columns {
 public:
  // 1-based; looks behind the last hit first, because rows are read in order.
  unsigned find(::sql::ResultSet& result, const char* name);

 private:
  void read_names(::sql::ResultSet& result);

  std::vector<std::string> names_;
  std::size_t next_ = 0;
};

struct PreparedText {
  std::unique_ptr<::sql::PreparedStatement> statement;
  std::size_t parameters = 0;
  Columns columns;
  std::uint64_t used = 0;  // when, in look-ups
};

class StatementCache {
 public:
  // Well under max_prepared_stmt_count (16,382 by default) over all connections.
  static constexpr std::size_t kCapacity = 200;

  StatementCache();
  ~StatementCache();

  // Prepares on first use; forgets the one unused for longest when full.
  PreparedText& get(::sql::Connection& connection, std::string_view text);
  void forget(std::string_view text);
  void clear();
  std::size_t size() const { return statements_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  void evict_oldest();

  std::unordered_map<std::string, PreparedText, Hash, std::equal_to<>> statements_;
  std::uint64_t lookups_ = 0;
};

// Throws Error when the number of arguments is wrong: the driver would take the
// missing ones from the run before.
void bind(PreparedText& prepared, const std::vector<Value>& args);

}  // namespace whitebrick::db
