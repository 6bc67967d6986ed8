// Subscriptions of terminals, one per profile a terminal is connected for, and what waits
// while a profile has no terminal.

#include <string_view>

#include "modules/events/lists.hpp"
#include "modules/events/subscriptions.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

constexpr std::string_view kSelectProfileName = R"sql(
  SELECT name FROM profile WHERE id = ?)sql";

// A terminal that comes back by another way (a portal, or without one) takes along what it
// has not acknowledged.
constexpr std::string_view kMoveDeliveries = R"sql(
  UPDATE delivery SET queue_id = ?, visible_at = UTC_TIMESTAMP(6), previous_token = token, token = NULL
   WHERE queue_id = ? AND subscription_id = ?)sql";

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
  const bool moved = before && before->queue_id != queue_id &&
                     db.execute(kMoveDeliveries, queue_id, before->queue_id, row.id) > 0;
  const bool waited = hand_over_waiting(db, row) > 0;
  if (moved || waited) db.after_commit([this, queue_id] { wake_.wake({wait_key(queue_id)}); });
  return describe(db, row, patterns);
}

Subscription Events::select_terminal_events(db::Session& db, std::uint64_t terminal_id,
                                            std::optional<std::uint64_t> profile_id,
                                            const std::vector<std::string>& patterns) {
  require_patterns(patterns);
  std::optional<Subscription> selected;
  for (const SubscriptionRow& row : subscriptions_of(db, {PartyKind::kTerminal, terminal_id})) {
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

constexpr std::string_view kSelectLeft = R"sql(
  SELECT MIN(event_id) AS first, MAX(event_id) AS last
    FROM (SELECT event_id FROM delivery WHERE queue_id = ? AND subscription_id = ? ORDER BY event_id LIMIT 1000) AS piece)sql";

// It waits even while another terminal still has it: that one may leave at the same time. What
// another terminal has acknowledged is dropped when it is handed over.
constexpr std::string_view kInsertWaiting = R"sql(
  INSERT IGNORE INTO waiting_event (profile_id, event_id)
  SELECT ?, d.event_id FROM delivery d JOIN event e ON e.id = d.event_id
   WHERE d.queue_id = ? AND d.subscription_id = ? AND d.event_id BETWEEN ? AND ?
     AND e.may_wait = 1 AND e.expires_at > UTC_TIMESTAMP(6))sql";

constexpr std::string_view kInsertUnsubscribed = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT d.subscription_id, d.event_id, ?, ?, ?, 4, d.attempts, UTC_TIMESTAMP(6) FROM delivery d
   WHERE d.queue_id = ? AND d.subscription_id = ? AND d.event_id BETWEEN ? AND ?)sql";

constexpr std::string_view kDeleteLeft = R"sql(
  DELETE FROM delivery WHERE queue_id = ? AND subscription_id = ? AND event_id BETWEEN ? AND ?)sql";

}  // namespace

std::uint64_t settle_ended(db::Session& db, const SubscriptionRow& row) {
  struct Range {
    std::optional<std::uint64_t> first, last;
  };
  const auto left = db.query_one(
      kSelectLeft,
      [](const db::Row& r) {
        return Range{r.id_or_null("first"), r.id_or_null("last")};
      },
      row.queue_id, row.id);
  if (!left || !left->first) return 0;
  const bool terminal = row.owner.kind == PartyKind::kTerminal;
  if (terminal && row.profile_id) {
    db.execute(kInsertWaiting, *row.profile_id, row.queue_id, row.id, *left->first, *left->last);
  }
  const std::uint64_t kept =
      db.execute(kInsertUnsubscribed, static_cast<unsigned>(row.owner.kind), row.owner.id,
                 terminal ? row.profile_id : std::nullopt, row.queue_id, row.id, *left->first, *left->last);
  const std::uint64_t removed = db.execute(kDeleteLeft, row.queue_id, row.id, *left->first, *left->last);
  if (kept != removed) throw db::Conflict(0, "deliveries of an ended subscription changed meanwhile");
  return removed;
}

namespace {

constexpr std::string_view kSelectWaiting = R"sql(
  SELECT DISTINCT STRAIGHT_JOIN w.event_id AS event_id
    FROM waiting_event w JOIN event e ON e.id = w.event_id
    JOIN subscription_pattern p ON p.subscription_id = ? AND (p.pattern IN ('*', e.type)
      OR (RIGHT(p.pattern, 2) = '.*' AND LEFT(e.type, CHAR_LENGTH(p.pattern) - 1) = LEFT(p.pattern, CHAR_LENGTH(p.pattern) - 1)))
   WHERE w.profile_id = ? AND e.expires_at > UTC_TIMESTAMP(6)
   ORDER BY w.event_id LIMIT 1000)sql";

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
  const std::string remove =
      "DELETE FROM waiting_event WHERE profile_id = ? AND event_id IN (" + in_list(events, args) + ")";
  db.execute_with(remove, args);
  return events.size();
}

}  // namespace whitebrick::events
