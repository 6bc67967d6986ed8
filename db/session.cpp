#include "db/session.hpp"

#include "db/connection.hpp"

namespace whitebrick::db {
namespace {

constexpr std::string_view kLastInsertId = "SELECT LAST_INSERT_ID() AS id";

}  // namespace

std::uint64_t Session::execute_with(std::string_view sql, const std::vector<Value>& args) {
  return connection_.execute(sql, args);
}

std::uint64_t Session::insert_with(std::string_view sql, const std::vector<Value>& args) {
  connection_.execute(sql, args);
  std::uint64_t id = 0;
  connection_.each_row(kLastInsertId, {}, [&](const Row& row) { id = row.id("id"); });
  return id;
}

void Session::each_row(std::string_view sql, const std::vector<Value>& args,
                       const std::function<void(const Row&)>& read) {
  connection_.each_row(sql, args, read);
}

Time Session::now() { return connection_.now(); }

void Session::after_commit(std::function<void()> action) { connection_.after_commit(std::move(action)); }

std::string placeholders(std::size_t count) {
  std::string text;
  text.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) text += i == 0 ? "?" : ",?";
  return text;
}

std::string row_placeholders(std::size_t rows, std::size_t width) {
  const std::string row = "(" + placeholders(width) + ")";
  std::string text;
  text.reserve((row.size() + 1) * rows);
  for (std::size_t i = 0; i < rows; ++i) {
    if (i != 0) text += ',';
    text += row;
  }
  return text;
}

}  // namespace whitebrick::db
