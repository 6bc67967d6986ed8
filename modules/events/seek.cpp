// Delivering again what is in the log and went to the subscriptions of a queue.

#include <algorithm>
#include <string_view>

#include "modules/events/capacity.hpp"
#include "modules/events/event_times.hpp"
#include "modules/events/events.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

constexpr std::uint64_t kMostReplayed = 1000;

constexpr std::string_view kSelectMost = R"sql(
  SELECT max_pending FROM queue WHERE id = ?)sql";

constexpr std::string_view kSelectSubscriptions = R"sql(
  SELECT id FROM subscription WHERE queue_id = ? ORDER BY id LIMIT 1000)sql";

// The last event of one subscription's next piece, and the first behind it.
constexpr std::string_view kSelectNext = R"sql(
  SELECT event_id FROM delivery_history WHERE subscription_id = ? AND event_id >= ?
   ORDER BY event_id LIMIT 1 OFFSET ?)sql";

// What is pending already stays as it is. What was held back comes for the first time.
constexpr std::string_view kReplay = R"sql(
  INSERT IGNORE INTO delivery (queue_id, event_id, subscription_id, visible_at, replay)
  SELECT STRAIGHT_JOIN s.queue_id, h.event_id, h.subscription_id, UTC_TIMESTAMP(6), h.outcome <> 6
    FROM subscription s JOIN delivery_history h ON h.subscription_id = s.id
    JOIN event e ON e.id = h.event_id
    LEFT JOIN dead_delivery x ON x.queue_id = s.queue_id AND x.event_id = h.event_id AND x.subscription_id = s.id
   WHERE s.id = ? AND h.event_id >= ? AND h.event_id < ? AND x.event_id IS NULL)sql";

constexpr std::uint64_t kEnd = ~std::uint64_t{0} >> 1;

// How many more the queue takes, up to a call's most.
std::uint64_t room(db::Session& db, std::uint64_t queue_id) {
  const auto most = db.query_one(
                          kSelectMost, [](const db::Row& row) { return row.id("max_pending"); }, queue_id)
                        .value_or(0);
  const auto depth = bounded_depth(db, queue_id, most);
  if (depth >= most) {
    throw Fault(FaultCode::QUEUE_FULL,
                "Pull first: " + std::to_string(depth) + " deliveries wait in this subscription.")
        .retry_after(1);
  }
  return std::min(kMostReplayed, most - depth);
}

}  // namespace

Replayed Events::seek(db::Session& db, std::uint64_t queue_id, std::uint64_t from_event_id) {
  const std::uint64_t most = room(db, queue_id);
  resume(db, queue_id);
  const auto subscriptions = db.query(
      kSelectSubscriptions, [](const db::Row& row) { return row.id("id"); }, queue_id);
  // All subscriptions end at the same event, so that the next call goes on from there.
  Replayed done;
  if (subscriptions.empty()) return done;
  const std::uint64_t share = std::max<std::uint64_t>(1, most / subscriptions.size());
  std::uint64_t end = kEnd;
  for (const std::uint64_t subscription : subscriptions) {
    const auto next = db.query_one(
        kSelectNext, [](const db::Row& row) { return row.id("event_id"); }, subscription, from_event_id,
        share);
    if (next) end = std::min(end, *next);
  }
  for (const std::uint64_t subscription : subscriptions)
    done.count += db.execute(kReplay, subscription, from_event_id, end);
  if (end != kEnd) done.next_event_id = end;
  if (done.count > 0) db.after_commit([this, queue_id] { wake_.wake({wait_key(queue_id)}); });
  return done;
}

Replayed Events::seek(db::Session& db, std::uint64_t queue_id, Time since) {
  return seek(db, queue_id, std::max<std::uint64_t>(1, first_event_since(db, since)));
}

}  // namespace whitebrick::events
