#include "modules/events/ended.hpp"

#include <string_view>

#include "db/list.hpp"
#include "modules/events/push.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;
using Ids = std::vector<std::uint64_t>;

unsigned number(PartyKind kind) { return static_cast<unsigned>(kind); }

std::uint64_t read_event_id(const db::Row& row) { return row.id("event_id"); }

// By its own index: in a portal's queue there are those of thousands of others.
constexpr std::string_view kKeepUnsubscribed = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT d.subscription_id, d.event_id, ?, ?, ?, 4, d.attempts, UTC_TIMESTAMP(6)
    FROM delivery d FORCE INDEX (ix_delivery_subscription)
   WHERE d.subscription_id = ? AND d.queue_id = ? ORDER BY d.event_id LIMIT ?
      ON DUPLICATE KEY UPDATE done_at = delivery_history.done_at
  RETURNING event_id)sql";

constexpr std::string_view kDeleteLeft = R"sql(
  DELETE FROM delivery WHERE queue_id = ? AND subscription_id = ? AND event_id IN ()sql";

// It waits even while another terminal still has it: that one may leave at the same time. What
// another terminal has acknowledged is dropped when it is handed over.
constexpr std::string_view kInsertWaiting = R"sql(
  INSERT IGNORE INTO waiting_event (profile_id, event_id)
  SELECT ?, id FROM event WHERE may_wait = 1 AND expires_at > UTC_TIMESTAMP(6) AND id IN ()sql";

constexpr std::string_view kKeepDead = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT d.subscription_id, d.event_id, ?, ?, ?, 3, d.attempts, d.died_at
    FROM dead_delivery d FORCE INDEX (ix_dead_delivery_subscription)
   WHERE d.subscription_id = ? AND d.queue_id = ? ORDER BY d.event_id LIMIT ?
      ON DUPLICATE KEY UPDATE done_at = delivery_history.done_at
  RETURNING event_id)sql";

constexpr std::string_view kDeleteDead = R"sql(
  DELETE FROM dead_delivery WHERE queue_id = ? AND subscription_id = ? AND event_id IN ()sql";

constexpr std::string_view kSelectHeld = R"sql(
  SELECT event_id FROM delivery_history WHERE subscription_id = ? AND outcome = 6 ORDER BY event_id LIMIT ?)sql";

constexpr std::string_view kEndHeld = R"sql(
  UPDATE delivery_history SET outcome = 4 WHERE subscription_id = ? AND event_id IN ()sql";

void let_wait(db::Session& db, std::uint64_t profile, const Ids& events) {
  if (events.empty()) return;
  Args args{profile};
  const std::string wait = std::string(kInsertWaiting) + db::in_list(events, args) + ")";
  db.execute_with(wait, args);
}

// What was kept back from a terminal cannot be sought any more. Answers how many.
std::size_t end_held(db::Session& db, std::uint64_t subscription_id, std::uint64_t profile,
                     std::size_t most) {
  const Ids held = db.query(kSelectHeld, read_event_id, subscription_id, most);
  if (held.empty()) return 0;
  Args args{subscription_id};
  const std::string end = std::string(kEndHeld) + db::in_list(held, args) + ")";
  db.execute_with(end, args);
  let_wait(db, profile, held);
  return held.size();
}

// At most so many deliveries, ones held back, and dead ones: to the history, and back to waiting what may
// wait for the profile's next terminal. True: there may be more.
bool settle(db::Session& db, const SubscriptionRow& row, std::size_t most) {
  const std::optional<std::uint64_t> profile =
      row.owner.kind == PartyKind::kTerminal ? row.profile_id : std::nullopt;
  const auto move_to_history = [&](std::string_view keep, std::string_view remove) {
    const Ids kept = db.query(keep, read_event_id, number(row.owner.kind), row.owner.id, profile, row.id,
                              row.queue_id, most);
    if (kept.empty()) return kept;
    Args args{row.queue_id, row.id};
    if (db.execute_with(std::string(remove) + db::in_list(kept, args) + ")", args) != kept.size())
      throw db::Conflict(0, "deliveries of an ended subscription changed meanwhile");
    return kept;
  };
  const Ids kept = move_to_history(kKeepUnsubscribed, kDeleteLeft);
  if (profile) let_wait(db, *profile, kept);
  if (kept.size() == most) return true;
  if (profile && end_held(db, row.id, *profile, most) == most) return true;
  return move_to_history(kKeepDead, kDeleteDead).size() == most;
}

// Without locks: a delivery that is not yet committed is not waited for, but left to the sweep.
constexpr std::string_view kSelectOwn = R"sql(
  SELECT event_id FROM delivery FORCE INDEX (ix_delivery_subscription)
   WHERE subscription_id = ? AND queue_id = ? ORDER BY event_id LIMIT ?)sql";

// IGNORE: what waited may have been handed to the subscription in its new queue already.
constexpr std::string_view kMove = R"sql(
  UPDATE IGNORE delivery SET queue_id = ?, visible_at = UTC_TIMESTAMP(6), previous_token = token, token = NULL, sequence = 0
   WHERE queue_id = ? AND subscription_id = ? AND event_id IN ()sql";

constexpr std::string_view kMoveDead = R"sql(
  UPDATE IGNORE dead_delivery SET queue_id = ? WHERE subscription_id = ? AND queue_id = ? LIMIT ?)sql";

bool move(db::Session& db, const SubscriptionRow& before, std::uint64_t to_queue, std::size_t most) {
  const Ids events = db.query(kSelectOwn, read_event_id, before.id, before.queue_id, most);
  if (!events.empty()) {
    Args args{to_queue, before.queue_id, before.id};
    const std::string sql = std::string(kMove) + db::in_list(events, args) + ")";
    if (db.execute_with(sql, args) < events.size()) {
      args.assign({before.queue_id, before.id});
      const std::string twice = std::string(kDeleteLeft) + db::in_list(events, args) + ")";
      db.execute_with(twice, args);
    }
  }
  if (events.size() == most) return true;
  return db.execute(kMoveDead, to_queue, before.id, before.queue_id, most) == most;
}

constexpr std::string_view kInsertEnded = R"sql(
  INSERT INTO ended_subscription (subscription_id, queue_id, owner_kind, owner_id, profile_id, ended_at, left_over)
  VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6), ?)
      ON DUPLICATE KEY UPDATE ended_at = VALUES(ended_at), left_over = VALUES(left_over))sql";

// Publishers may still add to this queue what is for this subscription.
void note_ended(db::Session& db, const SubscriptionRow& row, bool left_over) {
  db.execute(kInsertEnded, row.id, row.queue_id, number(row.owner.kind), row.owner.id, row.profile_id,
             left_over);
}

constexpr std::string_view kDeleteSubscription = R"sql(
  DELETE FROM subscription WHERE id = ?)sql";

constexpr std::string_view kDeletePatterns = R"sql(
  DELETE FROM subscription_pattern WHERE subscription_id = ?)sql";

}  // namespace

bool end_subscription(db::Session& db, const SubscriptionRow& row, std::size_t at_once) {
  db.execute(kDeleteSubscription, row.id);
  db.execute(kDeletePatterns, row.id);
  remove_push(db, row.id);
  const bool more = at_once == 0 || settle(db, row, at_once);
  note_ended(db, row, more);
  return more;
}

bool move_deliveries(db::Session& db, const SubscriptionRow& before, std::uint64_t to_queue) {
  const bool more = move(db, before, to_queue, kEndedPiece);
  note_ended(db, before, more);
  return more;
}

namespace {

// What is left over goes at once. What publishers may have added goes when all of them have ended: no
// transaction of theirs lasts this long (idle and statement time limits).
constexpr std::string_view kSelectEnded = R"sql(
  SELECT subscription_id, queue_id, owner_kind, owner_id, profile_id FROM ended_subscription
   WHERE left_over = 1 OR ended_at <= UTC_TIMESTAMP(6) - INTERVAL ? SECOND
   ORDER BY subscription_id, queue_id LIMIT 100)sql";
constexpr int kLongestPublish = 20;

// SKIP LOCKED only spares others the same piece; that none is settled twice is ensured by the DELETE.
constexpr std::string_view kTakeEnded = R"sql(
  SELECT ended_at <= UTC_TIMESTAMP(6) - INTERVAL ? SECOND AS is_over FROM ended_subscription
   WHERE subscription_id = ? AND queue_id = ? FOR UPDATE SKIP LOCKED)sql";

constexpr std::string_view kNothingLeft = R"sql(
  UPDATE ended_subscription SET left_over = 0 WHERE subscription_id = ? AND queue_id = ?)sql";

constexpr std::string_view kDeleteEnded = R"sql(
  DELETE FROM ended_subscription WHERE subscription_id = ? AND queue_id = ?)sql";

constexpr std::string_view kSelectQueueOf = R"sql(
  SELECT queue_id FROM subscription WHERE id = ?)sql";

SubscriptionRow read_ended(const db::Row& row) {
  return {row.id("subscription_id"),
          row.id("queue_id"),
          {static_cast<PartyKind>(row.number("owner_kind")), row.id("owner_id")},
          "",
          row.id_or_null("profile_id"),
          std::nullopt};
}

// What is left goes where the subscription has moved, or where an ended one's goes.
bool settle_or_follow(db::Session& db, Wake& wake, const SubscriptionRow& ended) {
  const auto queue = db.query_one(
      kSelectQueueOf, [](const db::Row& row) { return row.id("queue_id"); }, ended.id);
  if (!queue) return settle(db, ended, kEndedPiece);
  if (*queue == ended.queue_id) return false;
  db.after_commit([&wake, queue = *queue] { wake.wake({Events::wait_key(queue)}); });
  return move(db, ended, *queue, kEndedPiece);
}

// True: there is more of it.
bool settle_piece(db::Session& db, Wake& wake, const SubscriptionRow& ended) {
  const auto over = db.query_one(
      kTakeEnded, [](const db::Row& row) { return row.flag("is_over"); }, kLongestPublish, ended.id,
      ended.queue_id);
  if (!over) return false;
  if (settle_or_follow(db, wake, ended)) return true;
  db.execute(*over ? kDeleteEnded : kNothingLeft, ended.id, ended.queue_id);
  return false;
}

}  // namespace

bool settle_all_ended(Wake& wake, db::Pool& pool) {
  const auto ended = pool.in_transaction(
      [](db::Session& db) { return db.query(kSelectEnded, read_ended, kLongestPublish); });
  bool more = ended.size() == 100;
  for (const SubscriptionRow& row : ended)
    more = pool.in_transaction([&](db::Session& db) { return settle_piece(db, wake, row); }) || more;
  return more;
}

}  // namespace whitebrick::events
