#include <cppconn/exception.h>
#include <cppconn/resultset.h>

#include "db/failure.hpp"
#include "db/session.hpp"
#include "db/statement_cache.hpp"

namespace whitebrick::db {

// The column's value through `get(index)`, or nothing where it is NULL.
template <class Get>
auto Row::read(const char* column, Get get) const -> std::optional<std::invoke_result_t<Get&, unsigned>> {
  const unsigned index = columns_.find(result_, column);
  try {
    if (result_.isNull(index)) return std::nullopt;
    return get(index);
  } catch (const ::sql::SQLException& e) {
    rethrow(e);
  }
}

namespace {

template <class T>
T present(std::optional<T> value, const char* column) {
  if (!value) throw Error(0, "column '" + std::string(column) + "' is NULL");
  return std::move(*value);
}

}  // namespace

std::optional<std::string> Row::text_or_null(const char* column) const {
  return read(column, [&](unsigned i) { return result_.getString(i).asStdString(); });
}
std::optional<Bytes> Row::bytes_or_null(const char* column) const {
  return read(column, [&](unsigned i) { return Bytes{result_.getString(i).asStdString()}; });
}
std::optional<std::int64_t> Row::number_or_null(const char* column) const {
  return read(column, [&](unsigned i) -> std::int64_t { return result_.getInt64(i); });
}
std::optional<std::uint64_t> Row::id_or_null(const char* column) const {
  return read(column, [&](unsigned i) -> std::uint64_t { return result_.getUInt64(i); });
}
std::optional<Time> Row::time_or_null(const char* column) const {
  return read(column, [&](unsigned i) { return from_sql(result_.getString(i).asStdString()); });
}

std::string Row::text(const char* column) const { return present(text_or_null(column), column); }
Bytes Row::bytes(const char* column) const { return present(bytes_or_null(column), column); }
std::int64_t Row::number(const char* column) const { return present(number_or_null(column), column); }
std::uint64_t Row::id(const char* column) const { return present(id_or_null(column), column); }
bool Row::flag(const char* column) const { return number(column) != 0; }
Time Row::time(const char* column) const { return present(time_or_null(column), column); }

}  // namespace whitebrick::db
