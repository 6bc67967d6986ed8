// The end of subscriptions that nobody polls any more.

#include <string_view>

#include "modules/events/events.hpp"
#include "modules/events/markers.hpp"
#include "server/pulse.hpp"

namespace whitebrick::events {
namespace {

constexpr std::string_view kSelectExpired = R"sql(
  SELECT id FROM queue WHERE expires_at <= UTC_TIMESTAMP(6) AND state <> 2 ORDER BY expires_at LIMIT 100)sql";

constexpr std::string_view kExpire = R"sql(
  UPDATE queue SET state = 2, state_at = UTC_TIMESTAMP(6)
   WHERE id = ? AND expires_at <= UTC_TIMESTAMP(6) AND state <> 2)sql";

// What is left may be pulled for a day.
constexpr std::string_view kSelectOver = R"sql(
  SELECT owner_kind, owner_id, name FROM queue
   WHERE expires_at <= UTC_TIMESTAMP(6) AND state = 2 AND state_at <= UTC_TIMESTAMP(6) - INTERVAL 1 DAY
   ORDER BY expires_at LIMIT 100)sql";

constexpr std::string_view kIsOver = R"sql(
  SELECT id FROM queue
   WHERE owner_kind = ? AND owner_id = ? AND name = ? AND expires_at <= UTC_TIMESTAMP(6) AND state = 2
     FOR UPDATE)sql";

struct Named {
  Party owner;
  std::string name;
};

}  // namespace

bool Events::expire_subscriptions(db::Pool& pool) {
  if (!pool.in_transaction(leases_may_expire)) return false;
  const auto id = [](const db::Row& row) { return row.id("id"); };
  const auto expired = pool.in_transaction([&](db::Session& db) { return db.query(kSelectExpired, id); });
  for (const std::uint64_t queue : expired) {
    pool.in_transaction([&](db::Session& db) {
      if (db.execute(kExpire, queue) == 0) return;  // polled or renewed meanwhile
      put_marker(db, queue, Marker::kExpired);
      db.after_commit([this, queue] { wake_.wake({wait_key(queue)}); });
    });
  }
  const auto over = pool.in_transaction([](db::Session& db) {
    return db.query(kSelectOver, [](const db::Row& row) {
      return Named{{static_cast<PartyKind>(row.number("owner_kind")), row.id("owner_id")}, row.text("name")};
    });
  });
  for (const Named& one : over) {
    pool.in_transaction([&](db::Session& db) {
      if (db.query_one(kIsOver, id, static_cast<unsigned>(one.owner.kind), one.owner.id, one.name))
        unsubscribe(db, one.owner, one.name);
    });
  }
  return expired.size() == 100 || over.size() == 100;
}

}  // namespace whitebrick::events
