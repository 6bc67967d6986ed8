// Subscriptions of terminals, one per profile a terminal is connected for, and what waits
// while a profile has no terminal.

#include <string_view>

#include "db/list.hpp"
#include "modules/events/capacity.hpp"
#include "modules/events/coalesce.hpp"
#include "modules/events/ended.hpp"
#include "modules/events/subscriptions.hpp"
#include "modules/events/waking.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

constexpr std::string_view kSelectProfileName = R"sql(
  SELECT name FROM profile WHERE id = ?)sql";

// Not one that it shares with others: what was kept back there waits until the portal seeks it.
constexpr std::string_view kIsOwn = R"sql(
  SELECT owner_kind = 2 AS own FROM queue WHERE id = ?)sql";

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
    if (move_deliveries(db, *before, queue_id)) wake_after_commit(db, wake_, waiting_key());
  }
  const auto own = db.query_one(
      kIsOwn, [](const db::Row& r) { return r.flag("own"); }, queue_id);
  if (own.value_or(false)) resume(db, queue_id);
  const HandedOver waited = hand_over_waiting(db, row);
  if (moved || waited.some) wake_after_commit(db, wake_, wait_key(queue_id));
  if (waited.more) wake_after_commit(db, wake_, waiting_key());
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
    if (hand_over_waiting(db, row).more) wake_after_commit(db, wake_, waiting_key());
    const Subscription described = describe(db, row, patterns);
    if (!selected)
      selected = described;
    else
      selected->backlog += described.backlog;
    wake_after_commit(db, wake_, wait_key(row.queue_id));
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
  if (end_subscription(db, *row)) wake_after_commit(db, wake_, waiting_key());
}

namespace {

using Ids = std::vector<std::uint64_t>;

constexpr std::size_t kMostHandedOver = 500;

constexpr std::string_view kSelectWaiting = R"sql(
  SELECT DISTINCT STRAIGHT_JOIN w.event_id AS event_id
    FROM waiting_event w JOIN event e ON e.id = w.event_id
    JOIN subscription_pattern p ON p.subscription_id = ? AND (p.pattern IN ('*', e.type)
      OR (RIGHT(p.pattern, 2) = '.*' AND LEFT(e.type, CHAR_LENGTH(p.pattern) - 1) = LEFT(p.pattern, CHAR_LENGTH(p.pattern) - 1)))
   WHERE w.profile_id = ? AND e.expires_at > UTC_TIMESTAMP(6)
   ORDER BY w.event_id LIMIT ?)sql";

constexpr std::string_view kDeleteWaiting = R"sql(
  DELETE FROM waiting_event WHERE profile_id = ? AND event_id IN ()sql";

// Not what a terminal of the profile has acknowledged, nor what the subscription has anyhow.
constexpr std::string_view kHandOver = R"sql(
  INSERT IGNORE INTO delivery (queue_id, event_id, subscription_id, visible_at)
  SELECT ?, e.id, ?, UTC_TIMESTAMP(6) FROM event e
    LEFT JOIN delivery_history h ON h.event_id = e.id AND h.profile_id = ? AND h.outcome = 1
    LEFT JOIN delivery d ON d.subscription_id = ? AND d.event_id = e.id
    LEFT JOIN dead_delivery x ON x.subscription_id = ? AND x.event_id = e.id
   WHERE h.event_id IS NULL AND d.event_id IS NULL AND x.event_id IS NULL AND e.id IN ()sql";

// What the subscription's own acknowledgement, under way until now, has made a repetition.
constexpr std::string_view kDropAcknowledged = R"sql(
  DELETE d FROM delivery d JOIN delivery_history h ON h.subscription_id = d.subscription_id AND h.event_id = d.event_id
   WHERE d.queue_id = ? AND d.subscription_id = ? AND h.outcome = 1 AND d.attempts = 0 AND d.replay = 0
     AND d.event_id IN ()sql";

void hand_over(db::Session& db, const SubscriptionRow& row, const Ids& events) {
  if (events.empty()) return;
  std::vector<db::Value> args{row.queue_id, row.id, row.profile_id, row.id, row.id};
  const std::string insert = std::string(kHandOver) + db::in_list(events, args) + ")";
  if (db.execute_with(insert, args) == 0) return;
  args.assign({row.queue_id, row.id});
  const std::string drop = std::string(kDropAcknowledged) + db::in_list(events, args) + ")";
  db.execute_with(drop, args);
}

}  // namespace

HandedOver hand_over_waiting(db::Session& db, const SubscriptionRow& row) {
  const Ids events = db.query(
      kSelectWaiting, [](const db::Row& r) { return r.id("event_id"); }, row.id, row.profile_id,
      kMostHandedOver);
  if (events.empty()) return {};
  hand_over(db, row, without_overtaken(db, row, events));
  std::vector<db::Value> args{row.profile_id};
  const std::string remove = std::string(kDeleteWaiting) + db::in_list(events, args) + ")";
  db.execute_with(remove, args);
  return {true, events.size() == kMostHandedOver};
}

}  // namespace whitebrick::events
