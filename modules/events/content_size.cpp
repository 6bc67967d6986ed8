#include "modules/events/content_size.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "db/list.hpp"
#include "modules/events/delivery_rules.hpp"

namespace whitebrick::events {
namespace {

constexpr std::uint64_t kSmall = 4096;

constexpr std::string_view kSelectContents = R"sql(
  SELECT id, content FROM event WHERE id IN ()sql";

constexpr std::string_view kSelectSizes = R"sql(
  SELECT id, LENGTH(content) AS bytes FROM event WHERE id IN ()sql";

// `read(row)` of every event, by id.
template <class Value, class Read>
std::map<std::uint64_t, Value> by_id(db::Session& db, std::string_view select,
                                     const std::vector<std::uint64_t>& event_ids, Read&& read) {
  std::map<std::uint64_t, Value> found;
  db::in_pieces(event_ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args;
    const std::string sql = std::string(select).append(db::in_list(piece, args)).append(")");
    db.query_with(
        sql, [&](const db::Row& row) { return found.emplace(row.id("id"), read(row)).second; }, args);
  });
  return found;
}

}  // namespace

std::uint64_t small_size(std::size_t events) {
  return std::max<std::uint64_t>(kSmall, kMostBytes / std::max<std::size_t>(events, 1));
}

std::map<std::uint64_t, std::string> read_contents(db::Session& db,
                                                   const std::vector<std::uint64_t>& event_ids) {
  return by_id<std::string>(db, kSelectContents, event_ids,
                            [](const db::Row& row) { return row.bytes("content").value; });
}

std::size_t count_fitting(db::Session& db, const std::vector<std::uint64_t>& event_ids) {
  const auto sizes =
      by_id<std::uint64_t>(db, kSelectSizes, event_ids, [](const db::Row& row) { return row.id("bytes"); });
  std::vector<std::uint64_t> in_order;
  in_order.reserve(event_ids.size());
  for (const std::uint64_t id : event_ids) {
    const auto size = sizes.find(id);
    in_order.push_back(size == sizes.end() ? 0 : size->second);
  }
  return fitting(in_order);
}

}  // namespace whitebrick::events
