#include "modules/events/transmitter_notices.hpp"

#include <string_view>

#include "modules/events/recipients.hpp"
#include "modules/events/settling.hpp"
#include "server/xml_text.hpp"

namespace whitebrick::events {
namespace {

constexpr std::string_view kTouchType = R"sql(
  UPDATE event_type SET recounts = recounts + 1 WHERE name = ?)sql";

}  // namespace

bool touch_type(db::Session& db, const std::string& type) { return db.execute(kTouchType, type) == 1; }

namespace {

// The order counts: settle_at depends on the change before.
constexpr std::string_view kNoteChange = R"sql(
  INSERT INTO transmitter_notice (type, service_id, available, cause, changed_at, settle_at)
  VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))
      ON DUPLICATE KEY UPDATE
         settle_at = IF(told_at > UTC_TIMESTAMP(6) - INTERVAL ? SECOND
                        OR (told_at > UTC_TIMESTAMP(6) - INTERVAL ? SECOND AND changed_at > UTC_TIMESTAMP(6) - INTERVAL ? SECOND),
                        LEAST(UTC_TIMESTAMP(6) + INTERVAL ? SECOND, told_at + INTERVAL ? SECOND), UTC_TIMESTAMP(6)),
         cause = VALUES(cause), changed_at = VALUES(changed_at))sql";

}  // namespace

void note_change(db::Session& db, const std::string& type, std::uint64_t service_id, bool was_live,
                 const std::string& cause) {
  db.execute(kNoteChange, type, service_id, was_live, cause, kHold, kLongestHold, kHold, kHold, kLongestHold);
}

NewEvent availability_notice(const std::string& type, std::uint64_t live, const std::string& cause) {
  const bool available = live > 0;
  NewEvent event;
  event.type = available ? "event.available" : "event.unavailable";
  event.content = xml_text(available ? "EventAvailable" : "EventUnavailable", kCatalogueNamespace,
                           {{"type", type}, {"liveTransmitters", std::to_string(live)}, {"cause", cause}});
  event.wait_for_terminal = false;
  return event;
}

namespace {

constexpr std::string_view kSelectUnsettled = R"sql(
  SELECT type, service_id FROM transmitter_notice WHERE settle_at <= UTC_TIMESTAMP(6) ORDER BY settle_at LIMIT 100)sql";

constexpr std::string_view kTakeUnsettled = R"sql(
  UPDATE transmitter_notice SET settle_at = NULL WHERE type = ? AND service_id = ? AND settle_at <= UTC_TIMESTAMP(6))sql";

constexpr std::string_view kSelectChange = R"sql(
  SELECT n.available AS told, n.cause AS cause, d.type IS NOT NULL AS declared, COALESCE(d.live, 0) AS live
    FROM transmitter_notice n LEFT JOIN event_declaration d ON d.type = n.type AND d.service_id = n.service_id
   WHERE n.type = ? AND n.service_id = ?)sql";

constexpr std::string_view kSetTold = R"sql(
  UPDATE transmitter_notice SET available = ?, told_at = IF(?, UTC_TIMESTAMP(6), told_at)
   WHERE type = ? AND service_id = ?)sql";

constexpr std::string_view kForget = R"sql(
  DELETE FROM transmitter_notice WHERE type = ? AND service_id = ?)sql";

struct Changed {
  std::string type;
  std::uint64_t service_id = 0;
};

struct Change {
  bool told = false, declared = false, live = false;
  std::string cause;
};

// The lock comes first: whoever changes the type meanwhile waits, or is waited for.
void settle_one(Events& events, db::Session& db, const std::string& type, std::uint64_t service_id,
                const Recount& recount) {
  touch_type(db, type);
  if (db.execute(kTakeUnsettled, type, service_id) == 0) return;
  const auto change = db.query_one(
      kSelectChange,
      [](const db::Row& row) {
        return Change{row.flag("told"), row.flag("declared"), row.flag("live"), row.text("cause")};
      },
      type, service_id);
  if (!change) return;
  recount(db, service_id, type, change->cause);
  if (change->told != change->live) {
    const auto subscribers = subscribers_of_transmitter(db, type, service_id);
    if (!subscribers.empty())
      events.publish_to(db, "events", availability_notice(type, change->live, change->cause), subscribers);
    db.execute(kSetTold, change->live, !subscribers.empty(), type, service_id);
  }
  if (!change->declared) db.execute(kForget, type, service_id);
}

}  // namespace

bool settle_notices(Events& events, db::Pool& pool, const Recount& recount) {
  const auto changed = pool.in_transaction([](db::Session& db) {
    return db.query(kSelectUnsettled, [](const db::Row& row) {
      return Changed{row.text("type"), row.id("service_id")};
    });
  });
  for (const auto& [type, service_id] : changed)
    pool.in_transaction([&, &type = type, service_id = service_id](db::Session& db) {
      settle_one(events, db, type, service_id, recount);
    });
  return changed.size() == 100;
}

}  // namespace whitebrick::events
