// Queues: who owns them, and which poll of one is the newest.

#include <string_view>

#include "modules/events/events.hpp"

namespace whitebrick::events {

Events::Events(Wake& wake) : wake_(wake) {}

WaitKey Events::wait_key(std::uint64_t queue_id) { return "queue:" + std::to_string(queue_id); }

WaitKey Events::poll_key(std::uint64_t queue_id, std::uint64_t epoch) {
  return "poll:" + std::to_string(queue_id) + ':' + std::to_string(epoch);
}

namespace {

constexpr std::string_view kSelectQueue = R"sql(
  SELECT id FROM queue WHERE owner_kind = ? AND owner_id = ? AND name = ?)sql";

// IGNORE: another one may make the same queue now.
constexpr std::string_view kInsertQueue = R"sql(
  INSERT IGNORE INTO queue (owner_kind, owner_id, name) VALUES (?, ?, ?))sql";

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
  }
  if (!found) throw db::Conflict(0, "the queue was removed while it was made");
  return *found;
}

namespace {

constexpr std::string_view kCountDeliveries = R"sql(
  SELECT COUNT(*) AS pending FROM delivery WHERE queue_id = ?)sql";

}  // namespace

std::uint64_t Events::backlog(db::Session& db, std::uint64_t queue_id) {
  return db
      .query_one(
          kCountDeliveries, [](const db::Row& row) { return row.id("pending"); }, queue_id)
      .value_or(0);
}

namespace {

constexpr std::string_view kNextEpoch = R"sql(
  UPDATE queue SET poll_epoch = LAST_INSERT_ID(poll_epoch + 1) WHERE id = ?)sql";

constexpr std::string_view kSelectEpoch = R"sql(
  SELECT poll_epoch FROM queue WHERE id = ?)sql";

}  // namespace

std::uint64_t Events::begin_poll(db::Session& db, std::uint64_t queue_id) {
  const std::uint64_t epoch = db.insert(kNextEpoch, queue_id);
  db.after_commit([this, queue_id, epoch] { wake_.wake({poll_key(queue_id, epoch)}); });
  return epoch;
}

bool Events::superseded(db::Session& db, std::uint64_t queue_id, std::uint64_t epoch) {
  const auto newest = db.query_one(
      kSelectEpoch, [](const db::Row& row) { return row.id("poll_epoch"); }, queue_id);
  return newest != epoch;
}

}  // namespace whitebrick::events
