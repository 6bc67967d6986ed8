// What the owner of a queue may know of it.

#include <map>
#include <string_view>

#include "modules/events/events.hpp"
#include "modules/events/names.hpp"
#include "modules/events/subscriptions.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

constexpr std::string_view kSelectQueue = R"sql(
  SELECT q.id AS id, COALESCE(t.name, q.name) AS name, q.state AS state, q.state_at AS state_at, q.held AS held,
         q.max_pending AS max_pending, q.lifetime AS lifetime, q.expires_at AS expires_at,
         q.last_poll_at AS last_poll_at, q.last_sequence AS last_sequence
    FROM queue q LEFT JOIN terminal t ON q.owner_kind = 2 AND t.id = q.owner_id)sql";

QueueInfo read_queue(const db::Row& row) {
  QueueInfo info;
  info.id = row.id("id");
  info.name = row.text("name");
  info.state = static_cast<QueueState>(row.number("state"));
  info.state_since = row.time_or_null("state_at");
  info.held = row.id("held");
  info.max_pending = static_cast<int>(row.number("max_pending"));
  if (const auto lifetime = row.number_or_null("lifetime"))
    info.lifetime_seconds = static_cast<int>(*lifetime);
  info.expires_at = row.time_or_null("expires_at");
  info.last_poll_at = row.time_or_null("last_poll_at");
  info.last_sequence = row.id("last_sequence");
  return info;
}

constexpr std::string_view kSelectPatterns = R"sql(
  SELECT DISTINCT p.pattern AS pattern
    FROM subscription s JOIN subscription_pattern p ON p.subscription_id = s.id
   WHERE s.queue_id = ? ORDER BY p.pattern LIMIT 1000)sql";

constexpr std::string_view kSelectProfiles = R"sql(
  SELECT DISTINCT u.name AS user_name, p.name AS profile_name
    FROM subscription s JOIN profile p ON p.id = s.profile_id JOIN user u ON u.id = p.user_id
   WHERE s.queue_id = ? ORDER BY u.name, p.name LIMIT 1000)sql";

constexpr std::string_view kSelectTransmitter = R"sql(
  SELECT v.account_id AS service_id, v.name AS name, v.provider AS provider
    FROM subscription s JOIN service v ON v.account_id = s.transmitter_id
   WHERE s.queue_id = ? LIMIT 1)sql";

void complete(db::Session& db, QueueInfo& info) {
  info.patterns = db.query(
      kSelectPatterns, [](const db::Row& row) { return row.text("pattern"); }, info.id);
  info.profiles = db.query(
      kSelectProfiles,
      [](const db::Row& row) {
        return ProfileName{row.text("user_name"), row.text("profile_name")};
      },
      info.id);
  info.transmitter = db.query_one(
      kSelectTransmitter,
      [](const db::Row& row) {
        return Transmitter{row.id("service_id"), row.text("name"), row.text("provider"), ""};
      },
      info.id);
  info.available = any_transmitted(
      db, info.patterns, {info.transmitter ? std::optional(info.transmitter->service_id) : std::nullopt, {}});
}

constexpr std::size_t kMostListed = 1000;
constexpr std::size_t kMostPatternsListed = 10'000;

}  // namespace

QueueList Events::list_subscriptions(db::Session& db, const Caller& caller, const std::string& after) {
  const bool user = caller.role == Role::kUser;
  const std::string sql =
      std::string(kSelectQueue) +
      (user ? " WHERE q.owner_kind = 2 AND t.user_id = ? AND t.name > ? ORDER BY t.name LIMIT 1001"
            : " WHERE q.owner_kind = 1 AND q.owner_id = ? AND q.name > ? ORDER BY q.name LIMIT 1001");
  auto found = db.query(sql, read_queue, user ? caller.user_id : caller.account_id, after);
  QueueList list;
  std::size_t patterns = 0;
  for (QueueInfo& info : found) {
    list.more = list.queues.size() == kMostListed || patterns >= kMostPatternsListed;
    if (list.more) break;
    complete(db, info);
    patterns += info.patterns.size();
    list.queues.push_back(std::move(info));
  }
  return list;
}

QueueInfo Events::queue_info(db::Session& db, std::uint64_t queue_id) {
  auto info = db.query_one(std::string(kSelectQueue) + " WHERE q.id = ?", read_queue, queue_id);
  if (!info) throw Fault(FaultCode::NOT_FOUND, "The subscription has ended.", "subscription");
  complete(db, *info);
  return *info;
}

namespace {

constexpr std::string_view kCountDeliveries = R"sql(
  SELECT COUNT(*) AS depth, COALESCE(SUM(leased), 0) AS leased
    FROM (SELECT token IS NOT NULL AND visible_at > UTC_TIMESTAMP(6) AS leased FROM delivery
           WHERE queue_id = ? LIMIT 100001) AS some)sql";

constexpr std::string_view kCountDead = R"sql(
  SELECT COUNT(*) AS dead FROM (SELECT 1 FROM dead_delivery WHERE queue_id = ? LIMIT 100001) AS some)sql";

constexpr std::string_view kSelectOldest = R"sql(
  SELECT e.created_at AS created_at FROM delivery d JOIN event e ON e.id = d.event_id
   WHERE d.queue_id = ? ORDER BY d.event_id LIMIT 1)sql";

constexpr std::string_view kSelectConsumers = R"sql(
  SELECT name, last_poll_at FROM queue_consumer WHERE queue_id = ? ORDER BY name LIMIT 1000)sql";

}  // namespace

QueueLoad Events::queue_load(db::Session& db, std::uint64_t queue_id) {
  QueueLoad load;
  db.query_one(
      kCountDeliveries,
      [&](const db::Row& row) {
        load.depth = row.id("depth");
        load.leased = row.id("leased");
        return 0;
      },
      queue_id);
  load.dead = db.query_one(
                    kCountDead, [](const db::Row& row) { return row.id("dead"); }, queue_id)
                  .value_or(0);
  load.oldest_at = db.query_one(
      kSelectOldest, [](const db::Row& row) { return row.time("created_at"); }, queue_id);
  load.consumers = db.query(
      kSelectConsumers,
      [](const db::Row& row) {
        return std::pair{row.text("name"), row.time("last_poll_at")};
      },
      queue_id);
  return load;
}

}  // namespace whitebrick::events
