#include "db/statement_cache.hpp"

#include <cppconn/connection.h>
#include <cppconn/parameter_metadata.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/resultset_metadata.h>

#include <algorithm>

namespace whitebrick::db {

void Columns::read_names(::sql::ResultSet& result) {
  auto* meta = result.getMetaData();
  for (unsigned i = 1; i <= meta->getColumnCount(); ++i)
    names_.push_back(meta->getColumnLabel(i).asStdString());
}

unsigned Columns::find(::sql::ResultSet& result, const char* name) {
  if (names_.empty()) read_names(result);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::size_t at = (next_ + i) % names_.size();
    if (names_[at] == name) {
      next_ = at + 1;
      return static_cast<unsigned>(at + 1);
    }
  }
  throw Error(0, "the result has no column '" + std::string(name) + "'");
}

StatementCache::StatementCache() = default;
StatementCache::~StatementCache() = default;

PreparedText& StatementCache::get(::sql::Connection& connection, std::string_view text) {
  auto found = statements_.find(text);
  if (found == statements_.end()) {
    std::string key(text);
    PreparedText entry;
    entry.statement.reset(connection.prepareStatement(key));
    entry.parameters = entry.statement->getParameterMetaData()->getParameterCount();
    if (statements_.size() >= kCapacity) evict_oldest();
    found = statements_.emplace(std::move(key), std::move(entry)).first;
  }
  found->second.used = ++lookups_;
  return found->second;
}

void StatementCache::evict_oldest() {
  statements_.erase(
      std::min_element(statements_.begin(), statements_.end(),
                       [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
}

void StatementCache::forget(std::string_view text) {
  if (auto found = statements_.find(text); found != statements_.end()) statements_.erase(found);
}

void StatementCache::clear() { statements_.clear(); }

void bind(PreparedText& prepared, const std::vector<Value>& args) {
  if (args.size() != prepared.parameters) {
    throw Error(0, "statement with " + std::to_string(prepared.parameters) + " parameters got " +
                       std::to_string(args.size()) + " arguments");
  }
  auto& statement = *prepared.statement;
  unsigned index = 0;
  for (const Value& arg : args) {
    ++index;
    std::visit(
        [&](const auto& v) {
          using T = std::decay_t<decltype(v)>;
          if constexpr (std::is_same_v<T, std::nullptr_t>)
            statement.setNull(index, 0);
          else if constexpr (std::is_same_v<T, std::int64_t>)
            statement.setInt64(index, v);
          else if constexpr (std::is_same_v<T, std::uint64_t>)
            statement.setUInt64(index, v);
          else if constexpr (std::is_same_v<T, double>)
            statement.setDouble(index, v);
          else if constexpr (std::is_same_v<T, Bytes>)
            statement.setString(index, v.value);
          else
            statement.setString(index, v);
        },
        arg.storage());
  }
}

}  // namespace whitebrick::db
