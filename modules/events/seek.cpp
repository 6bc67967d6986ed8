// Delivering again what is in the log and went to the subscriptions of a queue.

#include <algorithm>
#include <string_view>

#include "modules/events/capacity.hpp"
#include "modules/events/event_times.hpp"
#include "modules/events/events.hpp"
#include "modules/events/waking.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

constexpr std::uint64_t kMostReplayed = 1000;

constexpr std::string_view kSelectQueue = R"sql(
  SELECT max_pending, sought_event, sought_subscription FROM queue WHERE id = ?)sql";

struct SoughtQueue {
  std::uint64_t most = 0;                                   // deliveries
  std::uint64_t sought_event = 0, sought_subscription = 0;  // where the seek before stopped within an event
};

// One index entry a subscription, and what is found.
constexpr std::string_view kCountSought = R"sql(
  SELECT COUNT(*) AS sought
    FROM (SELECT STRAIGHT_JOIN 1 FROM subscription s
            JOIN delivery_history h ON h.subscription_id = s.id AND h.event_id >= ? AND h.event_id < ?
           WHERE s.queue_id = ? LIMIT ?) AS some)sql";

constexpr std::string_view kSelectNewest = R"sql(
  SELECT COALESCE(MAX(id), 0) AS newest FROM event)sql";

constexpr std::string_view kSelectBehind = R"sql(
  SELECT STRAIGHT_JOIN s.id AS id FROM subscription s
    JOIN delivery_history h ON h.subscription_id = s.id AND h.event_id = ?
   WHERE s.queue_id = ? AND s.id >= ? ORDER BY s.id LIMIT 1 OFFSET ?)sql";

// What is pending already stays as it is. What was held back comes for the first time.
constexpr std::string_view kReplay = R"sql(
  INSERT IGNORE INTO delivery (queue_id, event_id, subscription_id, visible_at, replay)
  SELECT STRAIGHT_JOIN s.queue_id, h.event_id, h.subscription_id, UTC_TIMESTAMP(6), h.outcome <> 6
    FROM subscription s JOIN delivery_history h ON h.subscription_id = s.id
    JOIN event e ON e.id = h.event_id
    LEFT JOIN dead_delivery x ON x.queue_id = s.queue_id AND x.event_id = h.event_id AND x.subscription_id = s.id
   WHERE s.queue_id = ? AND h.event_id >= ? AND h.event_id < ? AND s.id >= ? AND s.id < ? AND x.event_id IS NULL)sql";

constexpr std::string_view kSetSought = R"sql(
  UPDATE queue SET sought_event = ?, sought_subscription = ? WHERE id = ?)sql";

constexpr std::uint64_t kEnd = ~std::uint64_t{0} >> 1;

// How many more the queue takes, up to a call's most.
std::uint64_t room(db::Session& db, std::uint64_t queue_id, std::uint64_t most) {
  const auto depth = bounded_depth(db, queue_id, most);
  if (depth >= most) {
    throw Fault(FaultCode::QUEUE_FULL,
                "Pull first: " + std::to_string(depth) + " deliveries wait in this subscription.")
        .retry_after(1);
  }
  return std::min(kMostReplayed, most - depth);
}

// The first event behind as many whole ones as fit: `from` itself when it is too much alone, as it may be in
// a queue that many terminals share.
std::uint64_t end_of_piece(db::Session& db, std::uint64_t queue_id, std::uint64_t from, std::uint64_t most) {
  const auto fits = [&](std::uint64_t end) {
    return db.query_one(
               kCountSought, [](const db::Row& row) { return row.id("sought"); }, from, end, queue_id,
               most + 1) <= most;
  };
  if (fits(kEnd)) return kEnd;
  std::uint64_t fitting = from, too_far = 1 + db.query_one(kSelectNewest, [](const db::Row&row) {
                                                  return row.id("newest");
                                                }).value();
  while (too_far - fitting > 1) {
    const std::uint64_t middle = fitting + (too_far - fitting) / 2;
    (fits(middle) ? fitting : too_far) = middle;
  }
  return fitting;
}

}  // namespace

Replayed Events::seek(db::Session& db, std::uint64_t queue_id, std::uint64_t from_event_id) {
  const auto queue = db.query_one(
      kSelectQueue,
      [](const db::Row& row) {
        return SoughtQueue{row.id("max_pending"), row.id("sought_event"), row.id("sought_subscription")};
      },
      queue_id);
  if (!queue) return {};
  const std::uint64_t most = room(db, queue_id, queue->most);
  resume(db, queue_id);
  const std::uint64_t first = queue->sought_event == from_event_id ? queue->sought_subscription : 0;
  std::uint64_t end = first == 0 ? end_of_piece(db, queue_id, from_event_id, most) : from_event_id;
  std::optional<std::uint64_t> behind;  // the subscription to go on with
  if (end == from_event_id) {
    behind = db.query_one(
        kSelectBehind, [](const db::Row& row) { return row.id("id"); }, from_event_id, queue_id, first, most);
    end = behind ? from_event_id : from_event_id + 1;
  }
  Replayed done;
  done.count = db.execute(kReplay, queue_id, from_event_id, behind ? from_event_id + 1 : end, first,
                          behind.value_or(kEnd));
  if (end != kEnd) done.next_event_id = end;
  if (behind || queue->sought_event != 0)
    db.execute(kSetSought, behind ? from_event_id : 0, behind.value_or(0), queue_id);
  if (done.count > 0) wake_after_commit(db, wake_, wait_key(queue_id));
  return done;
}

Replayed Events::seek(db::Session& db, std::uint64_t queue_id, Time since) {
  return seek(db, queue_id, std::max<std::uint64_t>(1, first_event_since(db, since)));
}

}  // namespace whitebrick::events
