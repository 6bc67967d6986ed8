// Retention: events that are old enough leave the log, with all that tells of them.

#include <algorithm>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/events.hpp"

namespace whitebrick::events {
namespace {

using Ids = std::vector<std::uint64_t>;

constexpr std::uint64_t kPiece = 1000;  // rows in a transaction, or looked at

// Ids grow with time closely enough: the search begins at the oldest one and ends at the first
// that is too young. What lives on beyond its time in the log stays, and what is still to be delivered
// or answered.
constexpr std::string_view kSelectOldest = R"sql(
  SELECT id, created_at <= UTC_TIMESTAMP(6) - INTERVAL ? DAY
             AND expires_at <= UTC_TIMESTAMP(6) - INTERVAL 1 DAY
             AND NOT EXISTS (SELECT 1 FROM fanout f WHERE f.event_id = event.id)
             AND NOT EXISTS (SELECT 1 FROM fanout_target f WHERE f.event_id = event.id)
             AND NOT EXISTS (SELECT 1 FROM awaited_response a WHERE a.event_id = event.id) AS is_over,
         created_at > UTC_TIMESTAMP(6) - INTERVAL ? DAY AS is_young
    FROM event WHERE id > ? ORDER BY id LIMIT 1000)sql";

struct Old {
  std::uint64_t id = 0;
  bool over = false, young = false;
};

// In this order, so that an event is there as long as anything tells of it.
constexpr std::string_view kDeleteHistory = "DELETE FROM delivery_history WHERE event_id IN (";
constexpr std::string_view kDeleteDead = "DELETE FROM dead_delivery WHERE event_id IN (";
constexpr std::string_view kDeleteStates = "DELETE FROM event_state WHERE event_id IN (";
constexpr std::string_view kDeleteTargets = "DELETE FROM event_target WHERE event_id IN (";
constexpr std::string_view kDeleteEvents = "DELETE FROM event WHERE id IN (";

// True when all is gone.
bool forget_piece(db::Session& db, const Ids& ids) {
  std::uint64_t room = kPiece;
  for (const std::string_view remove :
       {kDeleteHistory, kDeleteDead, kDeleteStates, kDeleteTargets, kDeleteEvents}) {
    std::vector<db::Value> args;
    const std::string sql = std::string(remove) + db::in_list(ids, args) + ") LIMIT ?";
    args.emplace_back(room);
    room -= db.execute_with(sql, args);
    if (room == 0) return false;
  }
  return true;
}

constexpr std::string_view kForgetConsumers = R"sql(
  DELETE FROM queue_consumer WHERE last_poll_at <= UTC_TIMESTAMP(6) - INTERVAL 7 DAY LIMIT 1000)sql";

constexpr std::string_view kForgetDepths = R"sql(
  DELETE FROM queue_depth WHERE queue_id NOT IN (SELECT id FROM queue) LIMIT 1000)sql";

}  // namespace

bool Events::forget_old(db::Pool& pool, int retention_days) {
  std::uint64_t after = 0;
  for (;;) {
    const auto oldest = pool.in_transaction([&](db::Session& db) {
      return db.query(
          kSelectOldest,
          [](const db::Row& row) {
            return Old{row.id("id"), row.flag("is_over"), row.flag("is_young")};
          },
          retention_days, retention_days, after);
    });
    Ids over;
    for (const Old& one : oldest) {
      if (one.over) over.push_back(one.id);
    }
    while (!over.empty() && !pool.in_transaction([&](db::Session& db) { return forget_piece(db, over); })) {
    }
    if (oldest.size() < kPiece || std::ranges::any_of(oldest, &Old::young)) {
      const auto forget = [&](std::string_view sql) {
        return pool.in_transaction([&](db::Session& db) { return db.execute(sql); });
      };
      const auto consumers = forget(kForgetConsumers);
      return forget(kForgetDepths) == kPiece || consumers == kPiece;
    }
    after = oldest.back().id;
  }
}

}  // namespace whitebrick::events
