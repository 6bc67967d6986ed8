// Transmitters: which service declares which types, and telling the types' subscribers when the
// first one comes and the last one goes (patent 13.1, 13.4, 13.5). Those who hear of some transmitters
// only: transmitter_notices.hpp.

#include <algorithm>
#include <map>
#include <string_view>

#include "modules/events/events.hpp"
#include "modules/events/lists.hpp"
#include "modules/events/patterns.hpp"
#include "modules/events/recipients.hpp"
#include "modules/events/settling.hpp"
#include "modules/events/transmitter_notices.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

// Types are taken in one order by everybody, so that two transactions do not wait for
// each other.
std::vector<std::string> in_order(std::vector<std::string> types) {
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
  return types;
}

constexpr std::string_view kCountLive = R"sql(
  SELECT t.available AS available, t.live AS live_before,
         (SELECT COUNT(*) FROM event_declaration d WHERE d.type = t.name AND d.live = 1) AS live,
         COALESCE(t.told_at > UTC_TIMESTAMP(6) - INTERVAL ? SECOND
                  OR (t.told_at > UTC_TIMESTAMP(6) - INTERVAL ? SECOND AND t.live_at > UTC_TIMESTAMP(6) - INTERVAL ? SECOND),
                  0) AS flaps
    FROM event_type t WHERE t.name = ?)sql";

constexpr std::string_view kSetLive = R"sql(
  UPDATE event_type SET live = ?, live_at = UTC_TIMESTAMP(6), cause = ?, changed_by = ? WHERE name = ?)sql";

constexpr std::string_view kHoldDown = R"sql(
  UPDATE event_type SET settle_at = LEAST(UTC_TIMESTAMP(6) + INTERVAL ? SECOND, told_at + INTERVAL ? SECOND)
   WHERE name = ?)sql";

constexpr std::string_view kForgetHold = R"sql(
  UPDATE event_type SET settle_at = NULL WHERE name = ? AND settle_at IS NOT NULL)sql";

constexpr std::string_view kSetAvailable = R"sql(
  UPDATE event_type SET available = ?, changed_at = UTC_TIMESTAMP(6), settle_at = NULL,
         told_at = IF(?, UTC_TIMESTAMP(6), told_at)
   WHERE name = ?)sql";

struct Count {
  bool available = false, live_before = false, flaps = false;
  std::uint64_t live = 0;
};

std::optional<Count> count_live(db::Session& db, const std::string& type) {
  return db.query_one(
      kCountLive,
      [](const db::Row& row) {
        return Count{row.flag("available"), row.flag("live_before"), row.flag("flaps"), row.id("live")};
      },
      kHold, kLongestHold, kHold, type);
}

}  // namespace

std::size_t Events::tell_availability(db::Session& db, const std::string& type, std::uint64_t live,
                                      const std::string& cause, std::size_t deliveries_before) {
  const auto subscribers = subscribers_of_type(db, type);
  const auto told =
      publish_about(db, availability_notice(type, live, cause), subscribers, type, deliveries_before);
  db.execute(kSetAvailable, live > 0, !subscribers.empty(), type);
  return told;
}

// So many types in a transaction that changes them; of more, all are left to the job.
constexpr std::size_t kRecountedAtOnce = 100;

// What subscribers were told and what is true may differ for a while: then settle_at is set.
void Events::recount_and_tell(db::Session& db, std::uint64_t service_id,
                              const std::vector<std::string>& types, const std::string& cause) {
  if (types.size() > kRecountedAtOnce) return;
  std::size_t told = 0;
  for (const std::string& type : types) {
    touch_type(db, type);
    const auto now = count_live(db, type);
    if (!now || now->live_before == (now->live > 0)) continue;
    db.execute(kSetLive, now->live > 0, cause, service_id, type);
    if (now->available == (now->live > 0)) {
      db.execute(kForgetHold, type);
    } else if (now->flaps) {
      db.execute(kHoldDown, kHold, kLongestHold, type);
    } else {
      told += tell_availability(db, type, now->live, cause, told);
    }
  }
}

namespace {

constexpr std::string_view kSelectUnsettled = R"sql(
  SELECT name FROM event_type WHERE settle_at <= UTC_TIMESTAMP(6) ORDER BY settle_at LIMIT 100)sql";

constexpr std::string_view kTakeUnsettled = R"sql(
  UPDATE event_type SET settle_at = NULL, recounts = recounts + 1 WHERE name = ? AND settle_at <= UTC_TIMESTAMP(6))sql";

constexpr std::string_view kSelectCause = R"sql(
  SELECT cause FROM event_type WHERE name = ?)sql";

}  // namespace

bool Events::settle(db::Pool& pool) {
  const auto types = pool.in_transaction([](db::Session& db) {
    return db.query(kSelectUnsettled, [](const db::Row& row) { return row.text("name"); });
  });
  for (const std::string& type : types) {
    pool.in_transaction([&](db::Session& db) {
      if (db.execute(kTakeUnsettled, type) == 0) return;
      const auto now = count_live(db, type);
      if (!now || now->available == (now->live > 0)) return;
      const auto cause = db.query_one(
          kSelectCause, [](const db::Row& row) { return row.text_or_null("cause").value_or("CONNECTED"); },
          type);
      tell_availability(db, type, now->live, cause.value());
    });
  }
  const bool notices =
      settle_notices(*this, pool,
                     [this](db::Session& db, std::uint64_t service_id, const std::string& type,
                            const std::string& cause) { recount_and_tell(db, service_id, {type}, cause); });
  const bool responses = settle_responses(*this, pool);
  return notices || responses || types.size() == 100;
}

namespace {

constexpr std::string_view kInsertDeclaration = R"sql(
  INSERT INTO event_declaration (type, service_id, description, live) VALUES (?, ?, ?, ?)
      ON DUPLICATE KEY UPDATE description = VALUES(description), live = VALUES(live))sql";

constexpr std::string_view kInsertType = R"sql(
  INSERT IGNORE INTO event_type (name, available, changed_at) VALUES (?, 0, UTC_TIMESTAMP(6)))sql";

// Withdrawing, disconnecting and deregistering write all of a service's types in one transaction: two rows
// each.
constexpr int kMostDeclarations = 1000;

constexpr std::string_view kCountDeclarations = R"sql(
  SELECT COUNT(*) AS declarations FROM event_declaration WHERE service_id = ?)sql";

void require_few(db::Session& db, std::uint64_t service_id) {
  const auto declared = db.query_one(
      kCountDeclarations, [](const db::Row& row) { return row.number("declarations"); }, service_id);
  if (declared.value_or(0) > kMostDeclarations)
    throw Fault(FaultCode::LIMIT_EXCEEDED, "A service declares at most 1000 event types.", "declare");
}

// An INSERT first would take a shared lock on a row that exists, and two of them could not
// go on to write it.
void ensure_type(db::Session& db, const std::string& type) {
  if (!touch_type(db, type)) db.execute(kInsertType, type);
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
  require_few(db, service_id);
  types = in_order(std::move(types));
  for (const std::string& type : types) ensure_type(db, type);
  recount_and_tell(db, service_id, types, "CONNECTED");
  for (const std::string& type : types) note_change(db, type, service_id, false, "CONNECTED");
}

namespace {

constexpr std::string_view kDeleteDeclaration = R"sql(
  DELETE FROM event_declaration WHERE type = ? AND service_id = ? RETURNING live)sql";

}  // namespace

int Events::withdraw(db::Session& db, std::uint64_t service_id, const std::vector<std::string>& types) {
  const auto ordered = in_order(types);
  std::map<std::string, bool> withdrawn;  // and was it live?
  for (const std::string& type : ordered) {
    const auto was_live = db.query_one(
        kDeleteDeclaration, [](const db::Row& row) { return row.flag("live"); }, type, service_id);
    if (was_live) withdrawn[type] = *was_live;
  }
  recount_and_tell(db, service_id, ordered, "WITHDRAWN");
  for (const auto& [type, was_live] : withdrawn) note_change(db, type, service_id, was_live, "WITHDRAWN");
  return static_cast<int>(withdrawn.size());
}

namespace {

constexpr std::string_view kSelectTypes = R"sql(
  SELECT type FROM event_declaration WHERE service_id = ? AND live = ?)sql";

constexpr std::string_view kSetDeclarationsLive = R"sql(
  UPDATE event_declaration SET live = ? WHERE service_id = ? AND live <> ?)sql";

std::vector<std::string> types_of(db::Session& db, std::uint64_t service_id, bool live) {
  return in_order(db.query(
      kSelectTypes, [](const db::Row& row) { return row.text("type"); }, service_id, live));
}

}  // namespace

void Events::transmitter_connected(db::Session& db, std::uint64_t service_id) {
  retry_pushes(db, service_id);
  const auto types = types_of(db, service_id, false);
  if (types.empty()) return;
  db.execute(kSetDeclarationsLive, true, service_id, true);
  recount_and_tell(db, service_id, types, "CONNECTED");
  for (const std::string& type : types) note_change(db, type, service_id, false, "CONNECTED");
}

void Events::transmitter_gone(db::Session& db, std::uint64_t service_id, const std::string& cause) {
  const auto types = types_of(db, service_id, true);
  if (types.empty()) return;
  db.execute(kSetDeclarationsLive, false, service_id, false);
  recount_and_tell(db, service_id, types, cause);
  for (const std::string& type : types) note_change(db, type, service_id, true, cause);
}

std::vector<std::string> Events::live_types(db::Session& db, std::uint64_t service_id) {
  return types_of(db, service_id, true);
}

}  // namespace whitebrick::events
