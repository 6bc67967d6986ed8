#pragma once
// One connection to the database, as the use cases see it: bound arguments in,
// rows read by column name out. Knows no feature.
//
// A Session belongs to one thread at a time. Statements are prepared once per
// connection and kept (keyed by their text), so pass the same constant again.
//
// Failures: DuplicateKey, Conflict, Unavailable, else Error (db/error.hpp).

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "db/error.hpp"
#include "db/time.hpp"

namespace sql {
class ResultSet;
}

namespace whitebrick::db {

// Bytes that are not text (hashes, tokens, event content): bound and read byte-true.
struct Bytes {
  std::string value;
  friend bool operator==(const Bytes&, const Bytes&) = default;
};

// A bound argument. Made implicitly from what use cases hold; std::nullopt is NULL.
class Value {
 public:
  using Storage = std::variant<std::nullptr_t, std::int64_t, std::uint64_t, double, std::string, Bytes>;

  Value(std::nullptr_t) : storage_(nullptr) {}
  Value(std::nullopt_t) : storage_(nullptr) {}
  template <class T>
  requires std::is_integral_v<T> Value(T v) : storage_(widen(v)) {}
  Value(double v) : storage_(v) {}
  Value(const char* v) : storage_(std::string(v)) {}
  Value(std::string v) : storage_(std::move(v)) {}
  Value(std::string_view v) : storage_(std::string(v)) {}
  Value(Bytes v) : storage_(std::move(v)) {}
  Value(Time v) : storage_(to_sql(v)) {}
  template <class T>
  Value(const std::optional<T>& v) : storage_(v ? Value(*v).storage_ : Storage(nullptr)) {}

  const Storage& storage() const { return storage_; }

 private:
  template <class T>
  static Storage widen(T v) {
    if constexpr (std::is_signed_v<T>)
      return std::int64_t{v};
    else
      return std::uint64_t{v};
  }
  Storage storage_;
};

class Columns;  // names of a result's columns, db/statement_cache.hpp

// The current row of a result. Valid only inside the row function it is passed to.
// Reading NULL through a form without `_or_null` throws Error.
class Row {
 public:
  Row(::sql::ResultSet& result, Columns& columns) : result_(result), columns_(columns) {}

  std::string text(const char* column) const;
  std::optional<std::string> text_or_null(const char* column) const;
  Bytes bytes(const char* column) const;
  std::optional<Bytes> bytes_or_null(const char* column) const;
  std::int64_t number(const char* column) const;
  std::optional<std::int64_t> number_or_null(const char* column) const;
  std::uint64_t id(const char* column) const;
  std::optional<std::uint64_t> id_or_null(const char* column) const;
  bool flag(const char* column) const;
  Time time(const char* column) const;
  std::optional<Time> time_or_null(const char* column) const;

 private:
  template <class Get>
  auto read(const char* column, Get get) const -> std::optional<std::invoke_result_t<Get&, unsigned>>;

  ::sql::ResultSet& result_;
  Columns& columns_;
};

class Connection;  // the driver's side, db/connection.hpp

class Session {
 public:
  explicit Session(Connection& connection) : connection_(connection) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Runs a statement; answers the number of rows it changed (not matched:
  // an UPDATE that changes nothing counts 0).
  template <class... Args>
  std::uint64_t execute(std::string_view sql, const Args&... args) {
    return execute_with(sql, {Value(args)...});
  }

  // INSERT into a table with AUTO_INCREMENT; answers LAST_INSERT_ID of this statement.
  template <class... Args>
  std::uint64_t insert(std::string_view sql, const Args&... args) {
    return insert_with(sql, {Value(args)...});
  }

  // All rows, each through `read(const Row&)`. Also for INSERT/DELETE ... RETURNING.
  template <class Read, class... Args>
  auto query(std::string_view sql, Read&& read, const Args&... args) {
    return query_with(sql, std::forward<Read>(read), {Value(args)...});
  }

  // The first row, or nothing.
  template <class Read, class... Args>
  auto query_one(std::string_view sql, Read&& read, const Args&... args)
      -> std::optional<std::invoke_result_t<Read&, const Row&>> {
    std::optional<std::invoke_result_t<Read&, const Row&>> found;
    each_row(sql, {Value(args)...}, [&](const Row& row) {
      if (!found) found.emplace(read(row));
    });
    return found;
  }

  // The same with arguments whose number is only known at run time.
  std::uint64_t execute_with(std::string_view sql, const std::vector<Value>& args);
  std::uint64_t insert_with(std::string_view sql, const std::vector<Value>& args);
  template <class Read>
  auto query_with(std::string_view sql, Read&& read, const std::vector<Value>& args) {
    std::vector<std::invoke_result_t<Read&, const Row&>> rows;
    each_row(sql, args, [&](const Row& row) { rows.push_back(read(row)); });
    return rows;
  }

  // UTC_TIMESTAMP(6), read once per transaction (per call outside of one).
  Time now();

  // `action` runs once, on this thread, after the COMMIT of the transaction under
  // way (at once outside of one); never after a rollback. It must not throw.
  void after_commit(std::function<void()> action);

 private:
  void each_row(std::string_view sql, const std::vector<Value>& args,
                const std::function<void(const Row&)>& read);
  Connection& connection_;
};

// "?,?,?" - the list for `count` arguments; and "(?,?),(?,?)" for rows of `width`.
std::string placeholders(std::size_t count);
std::string row_placeholders(std::size_t rows, std::size_t width);

}  // namespace whitebrick::db
