// What other modules ask about many services at once.

#include "db/list.hpp"
#include "modules/events/events.hpp"

namespace whitebrick::events {
namespace {

const std::string kLiveTypes = R"sql(
  SELECT service_id, type FROM event_declaration WHERE live = 1 AND service_id IN ({}) ORDER BY service_id, type)sql";
const std::string kSubscriptions = R"sql(
  SELECT DISTINCT s.id AS id FROM subscription s JOIN subscription_pattern p ON p.subscription_id = s.id
   WHERE s.owner_kind = 1 AND s.transmitter_id IS NULL AND (s.profile_id IS NULL OR s.profile_id = ?)
     AND s.owner_id IN ({}) AND p.pattern IN ({}) ORDER BY s.id)sql";

// In the place of the first {}.
void put_list(std::string& statement, const std::string& list) {
  statement.replace(statement.find("{}"), 2, list);
}

}  // namespace

std::map<std::uint64_t, std::vector<std::string>> Events::live_types(
    db::Session& db, const std::vector<std::uint64_t>& service_ids) {
  std::map<std::uint64_t, std::vector<std::string>> types;
  db::in_pieces(service_ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args;
    std::string statement = kLiveTypes;
    put_list(statement, db::in_list(piece, args));
    db.query_with(
        statement,
        [&](const db::Row& row) {
          types[row.id("service_id")].push_back(row.text("type"));
          return true;
        },
        args);
  });
  return types;
}

std::vector<std::uint64_t> Events::subscriptions_for(db::Session& db,
                                                     const std::vector<std::uint64_t>& service_ids,
                                                     const std::string& type,
                                                     std::optional<std::uint64_t> profile_id) {
  std::vector<std::uint64_t> subscriptions;
  db::in_pieces(service_ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args{profile_id};
    std::string statement = kSubscriptions;
    put_list(statement, db::in_list(piece, args));
    put_list(statement, db::in_list(matching_patterns(type), args));
    const auto some = db.query_with(
        statement, [](const db::Row& row) { return row.id("id"); }, args);
    subscriptions.insert(subscriptions.end(), some.begin(), some.end());
  });
  return subscriptions;
}

}  // namespace whitebrick::events
