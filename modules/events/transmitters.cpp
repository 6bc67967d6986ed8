// Transmitters: which service declares which types, and telling the types' subscribers when the
// first one comes and the last one goes (patent 13.1, 13.4, 13.5).

#include <algorithm>
#include <string_view>

#include "modules/events/events.hpp"
#include "modules/events/lists.hpp"
#include "modules/events/patterns.hpp"
#include "modules/events/recipients.hpp"
#include "server/fault.hpp"
#include "server/xml_text.hpp"

namespace whitebrick::events {
namespace {

// Types are taken in one order by everybody, so that two transactions do not wait for
// each other.
std::vector<std::string> in_order(std::vector<std::string> types) {
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
  return types;
}

// Writes the row in any case: that is the lock, and on a cluster what makes one of two
// services that leave at the same time lose its transaction and count again.
constexpr std::string_view kTouchType = R"sql(
  UPDATE event_type SET recounts = recounts + 1 WHERE name = ?)sql";

constexpr std::string_view kCountLive = R"sql(
  SELECT t.available AS available, COUNT(d.type) AS live
    FROM event_type t LEFT JOIN event_declaration d ON d.type = t.name AND d.live = 1
   WHERE t.name = ? GROUP BY t.name, t.available)sql";

constexpr std::string_view kSetAvailable = R"sql(
  UPDATE event_type SET available = ?, changed_at = UTC_TIMESTAMP(6) WHERE name = ?)sql";

struct Count {
  bool available;
  std::uint64_t live;
};

// Nothing when what subscribers were told is still true.
std::optional<Count> recount(db::Session& db, const std::string& type) {
  db.execute(kTouchType, type);
  const auto now = db.query_one(
      kCountLive,
      [](const db::Row& row) {
        return Count{row.flag("available"), row.id("live")};
      },
      type);
  if (!now || now->available == (now->live > 0)) return std::nullopt;
  const Count changed{now->live > 0, now->live};
  db.execute(kSetAvailable, changed.available, type);
  return changed;
}

void recount_and_tell(Events& events, db::Session& db, std::uint64_t service_id,
                      const std::vector<std::string>& types, const std::string& cause) {
  for (const std::string& type : types) {
    const auto changed = recount(db, type);
    if (!changed) continue;
    NewEvent event;
    event.type = changed->available ? "event.available" : "event.unavailable";
    event.content =
        xml_text(changed->available ? "EventAvailable" : "EventUnavailable", kCatalogueNamespace,
                 {{"type", type}, {"liveTransmitters", std::to_string(changed->live)}, {"cause", cause}});
    event.wait_for_terminal = false;
    events.publish_to(db, "events", event, subscribers_of_type(db, type, service_id));
  }
}

constexpr std::string_view kInsertDeclaration = R"sql(
  INSERT INTO event_declaration (type, service_id, description, live) VALUES (?, ?, ?, ?)
      ON DUPLICATE KEY UPDATE description = VALUES(description), live = VALUES(live))sql";

constexpr std::string_view kInsertType = R"sql(
  INSERT IGNORE INTO event_type (name, available, changed_at) VALUES (?, 0, UTC_TIMESTAMP(6)))sql";

// An INSERT first would take a shared lock on a row that exists, and two of them could not
// go on to write it.
void ensure_type(db::Session& db, const std::string& type) {
  if (db.execute(kTouchType, type) == 0) db.execute(kInsertType, type);
}

}  // namespace

void Events::declare(db::Session& db, std::uint64_t service_id, const std::vector<Declaration>& declarations,
                     bool live) {
  std::vector<std::string> types;
  for (const Declaration& declaration : declarations) {
    if (!is_type(declaration.type)) {
      throw Fault(FaultCode::INVALID_ARGUMENT,
                  "An event type is two or more lower-case words with dots between.", "type");
    }
    if (is_reserved(declaration.type)) {
      throw Fault(FaultCode::EVENT_TYPE_RESERVED,
                  "Event types that begin like '" + declaration.type + "' belong to the server.", "type");
    }
    types.push_back(declaration.type);
  }
  std::vector<Declaration> sorted = declarations;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.type < b.type; });
  for (const Declaration& declaration : sorted) {
    db.execute(kInsertDeclaration, declaration.type, service_id, declaration.description, live);
  }
  types = in_order(std::move(types));
  for (const std::string& type : types) ensure_type(db, type);
  recount_and_tell(*this, db, service_id, types, "CONNECTED");
}

namespace {

constexpr std::string_view kDeleteDeclaration = R"sql(
  DELETE FROM event_declaration WHERE type = ? AND service_id = ?)sql";

}  // namespace

int Events::withdraw(db::Session& db, std::uint64_t service_id, const std::vector<std::string>& types) {
  const auto ordered = in_order(types);
  int withdrawn = 0;
  for (const std::string& type : ordered)
    withdrawn += static_cast<int>(db.execute(kDeleteDeclaration, type, service_id));
  recount_and_tell(*this, db, service_id, ordered, "WITHDRAWN");
  return withdrawn;
}

namespace {

constexpr std::string_view kSelectTypes = R"sql(
  SELECT type FROM event_declaration WHERE service_id = ? AND live = ?)sql";

constexpr std::string_view kSetLive = R"sql(
  UPDATE event_declaration SET live = ? WHERE service_id = ? AND live <> ?)sql";

std::vector<std::string> types_of(db::Session& db, std::uint64_t service_id, bool live) {
  return in_order(db.query(
      kSelectTypes, [](const db::Row& row) { return row.text("type"); }, service_id, live));
}

}  // namespace

void Events::transmitter_connected(db::Session& db, std::uint64_t service_id) {
  const auto types = types_of(db, service_id, false);
  if (types.empty()) return;
  db.execute(kSetLive, true, service_id, true);
  recount_and_tell(*this, db, service_id, types, "CONNECTED");
}

void Events::transmitter_gone(db::Session& db, std::uint64_t service_id, const std::string& cause) {
  const auto types = types_of(db, service_id, true);
  if (types.empty()) return;
  db.execute(kSetLive, false, service_id, false);
  recount_and_tell(*this, db, service_id, types, cause);
}

std::vector<std::string> Events::live_types(db::Session& db, std::uint64_t service_id) {
  return types_of(db, service_id, true);
}

}  // namespace whitebrick::events
