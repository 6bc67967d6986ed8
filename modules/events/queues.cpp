// Queues: who owns them, and which poll of one is the newest.

#include <string_view>

#include "modules/events/capacity.hpp"
#include "modules/events/egress_rules.hpp"
#include "modules/events/events.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {

Events::Events(Wake& wake, std::shared_ptr<const EgressRules> egress)
    : wake_(wake), egress_(egress ? std::move(egress) : std::make_shared<const EgressRules>()) {}

WaitKey Events::wait_key(std::uint64_t queue_id) { return "queue:" + std::to_string(queue_id); }

WaitKey Events::poll_key(std::uint64_t queue_id, std::uint64_t epoch, const std::string& consumer) {
  return "poll:" + std::to_string(queue_id) + ':' + consumer + ':' + std::to_string(epoch);
}

namespace {

constexpr std::string_view kSelectQueue = R"sql(
  SELECT id FROM queue WHERE owner_kind = ? AND owner_id = ? AND name = ?)sql";

// IGNORE: another one may make the same queue now.
constexpr std::string_view kInsertQueue = R"sql(
  INSERT IGNORE INTO queue (owner_kind, owner_id, name) VALUES (?, ?, ?))sql";

constexpr std::string_view kInsertDepth = R"sql(
  INSERT IGNORE INTO queue_depth (queue_id, depth, due_event, measured_at)
  VALUES (?, 0, 0, UTC_TIMESTAMP(6)))sql";

}  // namespace

std::optional<std::uint64_t> Events::find_queue(db::Session& db, Party owner, const std::string& name) {
  return db.query_one(
      kSelectQueue, [](const db::Row& row) { return row.id("id"); }, static_cast<unsigned>(owner.kind),
      owner.id, name);
}

std::uint64_t Events::open_queue(db::Session& db, Party owner, const std::string& name) {
  auto found = find_queue(db, owner, name);
  if (!found) {
    db.execute(kInsertQueue, static_cast<unsigned>(owner.kind), owner.id, name);
    found = find_queue(db, owner, name);
    if (found) db.execute(kInsertDepth, *found);
  }
  if (!found) throw db::Conflict(0, "the queue was removed while it was made");
  return *found;
}

std::uint64_t Events::backlog(db::Session& db, std::uint64_t queue_id) {
  return bounded_depth(db, queue_id, kMostBacklog);
}

namespace {

// The consumer without a name has its epoch in the queue.
constexpr std::string_view kNextEpoch = R"sql(
  UPDATE queue SET poll_epoch = LAST_INSERT_ID(poll_epoch + 1), last_poll_at = UTC_TIMESTAMP(6),
         expires_at = IF(state = 2, expires_at, UTC_TIMESTAMP(6) + INTERVAL lifetime SECOND) WHERE id = ?)sql";

constexpr std::string_view kSelectEpoch = R"sql(
  SELECT poll_epoch FROM queue WHERE id = ?)sql";

constexpr std::string_view kPolled = R"sql(
  UPDATE queue SET last_poll_at = UTC_TIMESTAMP(6), expires_at = IF(state = 2, expires_at, UTC_TIMESTAMP(6) + INTERVAL lifetime SECOND)
   WHERE id = ?)sql";

constexpr std::string_view kNextEpochOfConsumer = R"sql(
  UPDATE queue_consumer SET poll_epoch = LAST_INSERT_ID(poll_epoch + 1), last_poll_at = UTC_TIMESTAMP(6)
   WHERE queue_id = ? AND name = ?)sql";

constexpr std::string_view kSelectEpochOfConsumer = R"sql(
  SELECT poll_epoch FROM queue_consumer WHERE queue_id = ? AND name = ?)sql";

constexpr std::string_view kInsertConsumer = R"sql(
  INSERT INTO queue_consumer (queue_id, name, poll_epoch, last_poll_at) VALUES (?, ?, 1, UTC_TIMESTAMP(6)))sql";

constexpr std::string_view kCountConsumers = R"sql(
  SELECT COUNT(*) AS consumers FROM queue_consumer WHERE queue_id = ?)sql";

constexpr std::uint64_t kMostConsumers = 1000;

std::uint64_t read_epoch(const db::Row& row) { return row.id("poll_epoch"); }

std::uint64_t next_epoch(db::Session& db, std::uint64_t queue_id, const std::string& consumer) {
  db.execute(kPolled, queue_id);  // locks the queue: one new consumer at a time
  if (db.query_one(kSelectEpochOfConsumer, read_epoch, queue_id, consumer))
    return db.insert(kNextEpochOfConsumer, queue_id, consumer);
  const auto consumers = db.query_one(
      kCountConsumers, [](const db::Row& row) { return row.id("consumers"); }, queue_id);
  if (consumers.value_or(0) >= kMostConsumers) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "At most 1000 consumers share a subscription.", "consumer");
  }
  db.execute(kInsertConsumer, queue_id, consumer);
  return 1;
}

}  // namespace

std::uint64_t Events::begin_poll(db::Session& db, std::uint64_t queue_id, const std::string& consumer) {
  const std::uint64_t epoch =
      consumer.empty() ? db.insert(kNextEpoch, queue_id) : next_epoch(db, queue_id, consumer);
  db.after_commit([this, queue_id, epoch, consumer] { wake_.wake({poll_key(queue_id, epoch, consumer)}); });
  return epoch;
}

bool Events::superseded(db::Session& db, std::uint64_t queue_id, std::uint64_t epoch,
                        const std::string& consumer) {
  const auto newest = consumer.empty() ? db.query_one(kSelectEpoch, read_epoch, queue_id)
                                       : db.query_one(kSelectEpochOfConsumer, read_epoch, queue_id, consumer);
  return newest != epoch;
}

}  // namespace whitebrick::events
