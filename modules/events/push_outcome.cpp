// What a publisher may know of the pushes of its events while it waits.

#include <algorithm>
#include <map>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/events.hpp"

namespace whitebrick::events {

WaitKey Events::push_key() { return "push:"; }

WaitKey Events::pushed_key(std::uint64_t queue_id) { return "pushed:" + std::to_string(queue_id); }

namespace {

// At most a thousand: those that would wait longest.
constexpr std::string_view kRetrySoon = R"sql(
  UPDATE push_endpoint SET next_at = UTC_TIMESTAMP(6), failures = 0 WHERE service_id = ? AND failures > 0
   ORDER BY next_at DESC LIMIT 1000)sql";

}  // namespace

void Events::retry_pushes(db::Session& db, std::uint64_t service_id) {
  db.execute(kRetrySoon, service_id);
  db.after_commit([this] { wake_.wake({push_key()}); });
}

std::vector<Push> Events::pushes(db::Session& db, const std::vector<Published>& published) {
  std::vector<std::uint64_t> ids;
  for (const Published& one : published) ids.insert(ids.end(), one.pushed.begin(), one.pushed.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::map<std::uint64_t, Push> subscriptions;
  db::in_pieces(ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args;
    const std::string sql = R"sql(
  SELECT p.subscription_id AS subscription_id, p.queue_id AS queue_id, s.name AS subscription, v.name AS service,
         v.provider AS provider, v.connected = 1 AND p.next_at <= UTC_TIMESTAMP(6) AS expected
    FROM push_endpoint p JOIN subscription s ON s.id = p.subscription_id JOIN service v ON v.account_id = p.service_id
   WHERE p.subscription_id IN ()sql" +
                            db::in_list(piece, args) + ")";
    db.query_with(
        sql,
        [&](const db::Row& row) {
          Push& push = subscriptions[row.id("subscription_id")];
          push = {0,
                  row.id("subscription_id"),
                  row.id("queue_id"),
                  row.text("service"),
                  row.text("provider"),
                  row.text("subscription"),
                  row.flag("expected"),
                  PushOutcome::kPending};
          return 0;
        },
        args);
  });
  std::vector<Push> all;
  for (const Published& one : published) {
    for (const std::uint64_t id : one.pushed) {
      const auto found = subscriptions.find(id);
      if (found == subscriptions.end()) continue;
      all.push_back(found->second);
      all.back().event_id = one.event_id;
    }
  }
  return all;
}

namespace {

struct Seen {
  bool delivered = false, failed = false;
};
using SeenByEvent = std::map<std::uint64_t, Seen>;

// All events of one subscription at once.
SeenByEvent look_at_subscription(db::Session& db, const Push& of, const std::vector<std::uint64_t>& events) {
  SeenByEvent seen;
  db::in_pieces(events, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args{of.subscription_id};
    const std::string done = R"sql(
  SELECT event_id, outcome = 1 AS delivered FROM delivery_history WHERE subscription_id = ? AND event_id IN ()sql" +
                             db::in_list(piece, args) + ")";
    db.query_with(
        done, [&](const db::Row& row) { return seen[row.id("event_id")].delivered = row.flag("delivered"); },
        args);
    args.assign({of.queue_id, of.subscription_id});
    const std::string waiting = R"sql(
  SELECT d.event_id AS event_id, (d.attempts > 0 AND d.token IS NULL)
         OR (p.failures > 0 AND p.failed_at >= e.created_at) AS failed
    FROM delivery d JOIN event e ON e.id = d.event_id JOIN push_endpoint p ON p.subscription_id = d.subscription_id
   WHERE d.queue_id = ? AND d.subscription_id = ? AND d.event_id IN ()sql" +
                                db::in_list(piece, args) + ")";
    db.query_with(
        waiting, [&](const db::Row& row) { return seen[row.id("event_id")].failed = row.flag("failed"); },
        args);
  });
  return seen;
}

}  // namespace

void Events::look_at(db::Session& db, std::vector<Push>& pushes) {
  std::map<std::uint64_t, std::vector<Push*>> by_subscription;
  for (Push& push : pushes) {
    if (push.outcome != PushOutcome::kDelivered) by_subscription[push.subscription_id].push_back(&push);
  }
  for (auto& [id, some] : by_subscription) {
    std::vector<std::uint64_t> events;
    for (const Push* push : some) events.push_back(push->event_id);
    const SeenByEvent seen = look_at_subscription(db, *some.front(), events);
    for (Push* push : some) {
      const auto found = seen.find(push->event_id);
      if (found == seen.end()) continue;
      push->outcome = found->second.delivered ? PushOutcome::kDelivered
                      : found->second.failed  ? PushOutcome::kFailed
                                              : PushOutcome::kPending;
    }
  }
}

}  // namespace whitebrick::events
