#include "modules/events/capacity.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/coalesce.hpp"
#include "modules/events/delivery_rules.hpp"
#include "modules/events/lists.hpp"
#include "modules/events/markers.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;
using Ids = std::vector<std::uint64_t>;

constexpr int kRetryAfter = 5;

struct QueueRow {
  QueueState state = QueueState::kActive;
  bool limited = false;
  unsigned most = 0;
  std::uint64_t due_event = 0;
};

std::map<std::uint64_t, QueueRow> load_queues(db::Session& db, Ids ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::map<std::uint64_t, QueueRow> queues;
  db::in_pieces(ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    Args args;
    const std::string sql = R"sql(
  SELECT q.id AS id, q.owner_kind AS owner_kind, q.state AS state, q.max_pending AS max_pending,
         COALESCE(d.due_event, 0) AS due_event
    FROM queue q LEFT JOIN queue_depth d ON d.queue_id = q.id WHERE q.id IN ()sql" +
                            db::in_list(piece, args) + ")";
    db.query_with(
        sql,
        [&](const db::Row& row) {
          queues[row.id("id")] = {static_cast<QueueState>(row.number("state")), row.number("owner_kind") != 3,
                                  static_cast<unsigned>(row.number("max_pending")), row.id("due_event")};
          return 0;
        },
        args);
  });
  return queues;
}

// Conditional, so that whoever resumes the queue meanwhile is not missed.
constexpr std::string_view kCountHeld = R"sql(
  UPDATE queue SET held = held + ? WHERE id = ? AND state = 1)sql";

void hold_back(db::Session& db, const std::vector<DeliveryRow>& rows) {
  std::map<std::uint64_t, Ids> by_event;
  std::map<std::uint64_t, std::uint64_t> by_queue;
  for (const DeliveryRow& row : rows) {
    by_event[row.event_id].push_back(row.recipient.subscription_id);
    ++by_queue[row.recipient.queue_id];
  }
  for (const auto& [queue, number] : by_queue) {
    if (db.execute(kCountHeld, number, queue) == 0) throw db::Conflict(0, "the queue was resumed meanwhile");
  }
  for (const auto& [event, subscriptions] : by_event) {
    db::in_pieces(subscriptions, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
      Args args{event};
      const std::string sql = R"sql(
  INSERT IGNORE INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT s.id, ?, s.owner_kind, s.owner_id, IF(s.owner_kind = 2, s.profile_id, NULL), 6, 0, UTC_TIMESTAMP(6)
    FROM subscription s WHERE s.id IN ()sql" +
                              db::in_list(piece, args) + ")";
      db.execute_with(sql, args);
    });
  }
}

struct Full {
  std::uint64_t queue_id = 0, last_event = 0;
  unsigned most = 0;
};

// Takes out what goes to expired and suspended queues. Answers the queues to count afterwards.
std::vector<Full> admit(db::Session& db, std::vector<DeliveryRow>& rows) {
  if (rows.empty()) return {};
  Ids ids;
  for (const DeliveryRow& row : rows) ids.push_back(row.recipient.queue_id);
  const auto queues = load_queues(db, std::move(ids));
  std::vector<DeliveryRow> held;
  std::map<std::uint64_t, Full> due;
  std::erase_if(rows, [&](const DeliveryRow& row) {
    const auto found = queues.find(row.recipient.queue_id);
    if (found == queues.end()) return false;  // gone meanwhile: the sweep settles what comes behind
    const QueueRow& queue = found->second;
    if (queue.state == QueueState::kExpired) return true;
    if (queue.state == QueueState::kSuspended) {
      held.push_back(row);
      return true;
    }
    if (queue.limited && row.event_id >= queue.due_event) {
      Full& full = due[found->first];
      full = {found->first, std::max(full.last_event, row.event_id), queue.most};
    }
    return false;
  });
  if (!held.empty()) hold_back(db, held);
  std::vector<Full> list;
  for (const auto& [id, full] : due) list.push_back(full);
  return list;
}

}  // namespace

namespace {

constexpr std::string_view kCountUpTo = R"sql(
  SELECT COUNT(*) AS depth FROM (SELECT 1 FROM delivery WHERE queue_id = ? LIMIT ?) AS some)sql";

// An event adds at most a delivery for each subscription; to the queue that a portal's terminals share,
// which come without being counted here, a thousand at once.
constexpr std::string_view kSelectMost = R"sql(
  SELECT q.max_pending AS max_pending,
         GREATEST((SELECT COUNT(*) FROM subscription s WHERE s.queue_id = q.id),
                  IF(q.owner_kind = 1 AND q.name = ?, ?, 1)) AS per_event
    FROM queue q WHERE q.id = ?)sql";

struct Most {
  unsigned pending = 0, per_event = 1;
};

// Whoever publishes at the same time notes it as well: nobody waits for a publisher that is slow.
constexpr std::string_view kLockNote = R"sql(
  SELECT queue_id FROM queue_depth WHERE queue_id = ? FOR UPDATE SKIP LOCKED)sql";

constexpr std::string_view kNoteDepth = R"sql(
  UPDATE queue_depth SET depth = ?, due_event = ?, measured_at = UTC_TIMESTAMP(6) WHERE queue_id = ?)sql";

}  // namespace

std::uint64_t bounded_depth(db::Session& db, std::uint64_t queue_id, std::uint64_t most) {
  return db
      .query_one(
          kCountUpTo, [](const db::Row& row) { return row.id("depth"); }, queue_id, most)
      .value_or(0);
}

void note_depth(db::Session& db, std::uint64_t queue_id, std::uint64_t depth, std::uint64_t last_event) {
  if (!db.query_one(
          kLockNote, [](const db::Row& row) { return row.id("queue_id"); }, queue_id))
    return;
  const auto most = db.query_one(
      kSelectMost,
      [](const db::Row& row) {
        return Most{static_cast<unsigned>(row.number("max_pending")),
                    static_cast<unsigned>(row.number("per_event"))};
      },
      std::string(Events::kTerminals), kMostAtOnce, queue_id);
  if (!most) return;
  const auto counted = static_cast<unsigned>(std::min<std::uint64_t>(depth, 4'000'000'000U));
  db.execute(kNoteDepth, counted, next_measurement(last_event, counted, most->pending, most->per_event),
             queue_id);
}

namespace {

// Answers whether the queue is too full.
bool is_too_full(db::Session& db, const Full& queue, const Ids& event_ids) {
  const std::uint64_t enough = std::uint64_t{queue.most} + 1;
  auto depth = bounded_depth(db, queue.queue_id, enough);
  if (depth > queue.most && coalesce_batch(db, queue.queue_id, event_ids) > 0)
    depth = bounded_depth(db, queue.queue_id, enough);
  if (depth > queue.most) return true;
  note_depth(db, queue.queue_id, depth, queue.last_event);
  return false;
}

constexpr std::string_view kSuspend = R"sql(
  UPDATE queue SET state = 1, state_at = UTC_TIMESTAMP(6), held = 0 WHERE id = ? AND state = 0)sql";

void suspend(db::Session& db, std::uint64_t queue_id) {
  if (db.execute(kSuspend, queue_id) == 1) put_marker(db, queue_id, Marker::kSuspended);
}

// IGNORE: a terminal may be handed what waits while an event is fanned out to it.
constexpr std::string_view kInsertDeliveries = R"sql(
  INSERT IGNORE INTO delivery (queue_id, event_id, subscription_id, visible_at) VALUES )sql";

Fault no_room(unsigned most) {
  Fault fault(FaultCode::QUEUE_FULL,
              "A subscription has no room: " + std::to_string(most) + " deliveries wait to be pulled.");
  fault.retry_after(kRetryAfter);
  return fault;
}

void insert_deliveries(db::Session& db, const std::vector<DeliveryRow>& rows) {
  insert_rows(db, kInsertDeliveries, "(?, ?, ?, UTC_TIMESTAMP(6))", rows,
              [](const DeliveryRow& row, Args& args) {
                args.emplace_back(row.recipient.queue_id);
                args.emplace_back(row.event_id);
                args.emplace_back(row.recipient.subscription_id);
              });
}

}  // namespace

void deliver(db::Session& db, std::vector<DeliveryRow>& rows, WhenFull when_full) {
  const std::vector<Full> due = admit(db, rows);
  insert_deliveries(db, rows);
  if (due.empty()) return;
  Ids events;
  for (const DeliveryRow& row : rows) {
    if (events.empty() || events.back() != row.event_id) events.push_back(row.event_id);
  }
  for (const Full& queue : due) {
    if (!is_too_full(db, queue, events)) continue;
    if (when_full == WhenFull::kRefuse) throw no_room(queue.most);
    suspend(db, queue.queue_id);
  }
}

void require_room(db::Session& db, const std::map<std::uint64_t, std::size_t>& deliveries, const Ids& states,
                  std::uint64_t last_event) {
  Ids ids;
  for (const auto& [queue, number] : deliveries) ids.push_back(queue);
  if (ids.empty()) return;
  for (const auto& [id, queue] : load_queues(db, ids)) {
    if (!queue.limited || queue.state != QueueState::kActive || last_event < queue.due_event) continue;
    const std::size_t more = deliveries.at(id);
    if (bounded_depth(db, id, queue.most) + more <= queue.most) continue;
    const auto freed = states.empty() ? 0 : count_overtaken(db, id, states);
    if (freed == 0 || bounded_depth(db, id, queue.most + freed) + more > queue.most + freed)
      throw no_room(queue.most);
  }
}

namespace {

constexpr std::string_view kResume = R"sql(
  UPDATE queue SET state = 0, state_at = NULL, held = 0 WHERE id = ? AND state = 1)sql";

}  // namespace

bool resume(db::Session& db, std::uint64_t queue_id) { return db.execute(kResume, queue_id) == 1; }

}  // namespace whitebrick::events
