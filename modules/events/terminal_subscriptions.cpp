// Subscriptions of terminals, one per profile a terminal is connected for, and what waits
// while a profile has no terminal.

#include <string_view>

#include "modules/events/capacity.hpp"
#include "modules/events/lists.hpp"
#include "modules/events/subscriptions.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

constexpr std::string_view kSelectProfileName = R"sql(
  SELECT name FROM profile WHERE id = ?)sql";

}  // namespace

Subscription Events::subscribe_terminal(db::Session& db, std::uint64_t terminal_id, std::uint64_t queue_id,
                                        std::uint64_t profile_id, const std::vector<std::string>& patterns) {
  require_patterns(patterns);
  const auto name = db.query_one(
      kSelectProfileName, [](const db::Row& row) { return row.text("name"); }, profile_id);
  if (!name) throw Fault(FaultCode::NOT_FOUND, "There is no such profile.", "profileId");
  const Party owner{PartyKind::kTerminal, terminal_id};
  const auto before = find_subscription(db, owner, *name);
  SubscriptionRow row{0, queue_id, owner, *name, profile_id, std::nullopt};
  row.id = write_subscription(db, row);
  write_patterns(db, row.id, patterns);
  const bool moved = before && before->queue_id != queue_id;
  if (moved) {
    move_deliveries(db, before->queue_id, row);
    note_ended(db, *before);
  }
  resume(db, queue_id);
  const bool waited = hand_over_waiting(db, row) > 0;
  if (moved || waited) db.after_commit([this, queue_id] { wake_.wake({wait_key(queue_id)}); });
  return describe(db, row, patterns);
}

Subscription Events::select_terminal_events(db::Session& db, std::uint64_t terminal_id,
                                            std::optional<std::uint64_t> profile_id,
                                            const std::vector<std::string>& patterns) {
  require_patterns(patterns);
  std::optional<Subscription> selected;
  for (const SubscriptionRow& row : party_subscriptions(db, {PartyKind::kTerminal, terminal_id})) {
    if (profile_id && row.profile_id != profile_id) continue;
    write_patterns(db, row.id, patterns);
    hand_over_waiting(db, row);
    const Subscription described = describe(db, row, patterns);
    if (!selected)
      selected = described;
    else
      selected->backlog += described.backlog;
    db.after_commit([this, queue = row.queue_id] { wake_.wake({wait_key(queue)}); });
  }
  if (!selected) throw Fault(FaultCode::NOT_CONNECTED, "Connect the terminal before it subscribes.", "name");
  return *selected;
}

namespace {

constexpr std::string_view kSelectTerminalSubscription = R"sql(
  SELECT id, queue_id, owner_id, name, profile_id FROM subscription WHERE id = ? AND owner_kind = 2)sql";

}  // namespace

void Events::unsubscribe_terminal(db::Session& db, std::uint64_t subscription_id) {
  const auto row = db.query_one(
      kSelectTerminalSubscription,
      [](const db::Row& r) {
        return SubscriptionRow{
            r.id("id"),     r.id("queue_id"),           {PartyKind::kTerminal, r.id("owner_id")},
            r.text("name"), r.id_or_null("profile_id"), std::nullopt};
      },
      subscription_id);
  if (!row) return;
  end_subscription(db, *row);
  while (settle_ended(db, *row) > 0) {
  }
}

namespace {

// Without locks: a delivery that is not yet committed is not waited for, but left to the sweep.
constexpr std::string_view kSelectOwn = R"sql(
  SELECT event_id FROM delivery WHERE queue_id = ? AND subscription_id = ? ORDER BY event_id)sql";

}  // namespace

std::uint64_t move_deliveries(db::Session& db, std::uint64_t from_queue, const SubscriptionRow& row) {
  const auto events = db.query(
      kSelectOwn, [](const db::Row& r) { return r.id("event_id"); }, from_queue, row.id);
  std::uint64_t moved = 0;
  in_pieces(events, [&](std::span<const std::uint64_t> piece) {
    std::vector<db::Value> args{row.queue_id, from_queue, row.id};
    const std::string move = R"sql(
  UPDATE delivery SET queue_id = ?, visible_at = UTC_TIMESTAMP(6), previous_token = token, token = NULL, sequence = 0
   WHERE queue_id = ? AND subscription_id = ? AND event_id IN ()sql" +
                             in_list(piece, args) + ")";
    moved += db.execute_with(move, args);
  });
  return moved;
}

namespace {

constexpr std::string_view kKeepUnsubscribed = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT d.subscription_id, d.event_id, ?, ?, ?, 4, d.attempts, UTC_TIMESTAMP(6) FROM delivery d
   WHERE d.queue_id = ? AND d.subscription_id = ? ORDER BY d.event_id LIMIT 1000
      ON DUPLICATE KEY UPDATE done_at = delivery_history.done_at
  RETURNING event_id)sql";

constexpr std::string_view kDeleteLeft = R"sql(
  DELETE FROM delivery WHERE queue_id = ? AND subscription_id = ? AND event_id IN ()sql";

// It waits even while another terminal still has it: that one may leave at the same time. What
// another terminal has acknowledged is dropped when it is handed over.
constexpr std::string_view kInsertWaiting = R"sql(
  INSERT IGNORE INTO waiting_event (profile_id, event_id)
  SELECT ?, id FROM event WHERE may_wait = 1 AND expires_at > UTC_TIMESTAMP(6) AND id IN ()sql";

}  // namespace

std::uint64_t settle_ended(db::Session& db, const SubscriptionRow& row) {
  const std::optional<std::uint64_t> profile =
      row.owner.kind == PartyKind::kTerminal ? row.profile_id : std::nullopt;
  const auto kept = db.query(
      kKeepUnsubscribed, [](const db::Row& r) { return r.id("event_id"); },
      static_cast<unsigned>(row.owner.kind), row.owner.id, profile, row.queue_id, row.id);
  if (kept.empty()) return 0;
  std::vector<db::Value> args{row.queue_id, row.id};
  const std::string remove = std::string(kDeleteLeft) + in_list(kept, args) + ")";
  if (db.execute_with(remove, args) != kept.size()) {
    throw db::Conflict(0, "deliveries of an ended subscription changed meanwhile");
  }
  if (profile) {
    args.assign({*profile});
    const std::string wait = std::string(kInsertWaiting) + in_list(kept, args) + ")";
    db.execute_with(wait, args);
  }
  return kept.size();
}

namespace {

constexpr std::string_view kSelectWaiting = R"sql(
  SELECT DISTINCT STRAIGHT_JOIN w.event_id AS event_id
    FROM waiting_event w JOIN event e ON e.id = w.event_id
    JOIN subscription_pattern p ON p.subscription_id = ? AND (p.pattern IN ('*', e.type)
      OR (RIGHT(p.pattern, 2) = '.*' AND LEFT(e.type, CHAR_LENGTH(p.pattern) - 1) = LEFT(p.pattern, CHAR_LENGTH(p.pattern) - 1)))
   WHERE w.profile_id = ? AND e.expires_at > UTC_TIMESTAMP(6)
   ORDER BY w.event_id LIMIT 1000)sql";

constexpr std::string_view kDeleteWaiting = R"sql(
  DELETE FROM waiting_event WHERE profile_id = ? AND event_id IN ()sql";

}  // namespace

std::uint64_t hand_over_waiting(db::Session& db, const SubscriptionRow& row) {
  const auto events = db.query(
      kSelectWaiting, [](const db::Row& r) { return r.id("event_id"); }, row.id, row.profile_id);
  if (events.empty()) return 0;
  std::vector<db::Value> args{row.queue_id, row.id, row.profile_id};
  const std::string insert = R"sql(
  INSERT IGNORE INTO delivery (queue_id, event_id, subscription_id, visible_at)
  SELECT ?, e.id, ?, UTC_TIMESTAMP(6) FROM event e
    LEFT JOIN delivery_history h ON h.event_id = e.id AND h.profile_id = ? AND h.outcome = 1
   WHERE h.event_id IS NULL AND e.id IN ()sql" +
                             in_list(events, args) + ")";
  db.execute_with(insert, args);
  args.assign({row.profile_id});
  const std::string remove = std::string(kDeleteWaiting) + in_list(events, args) + ")";
  db.execute_with(remove, args);
  return events.size();
}

}  // namespace whitebrick::events
