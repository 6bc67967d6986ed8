#include "modules/events/push.hpp"

#include <random>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/egress_rules.hpp"
#include "modules/events/lease_token.hpp"
#include "modules/events/push_rules.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

constexpr int kBatch = 100;

constexpr std::string_view kPutEndpoint = R"sql(
  INSERT INTO push_endpoint (subscription_id, queue_id, service_id, endpoint, secret, max_events, busy_until, next_at)
  VALUES (?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))
      ON DUPLICATE KEY UPDATE queue_id = VALUES(queue_id), endpoint = VALUES(endpoint), secret = VALUES(secret),
         max_events = VALUES(max_events), next_at = VALUES(next_at), failures = 0, failed_at = NULL)sql";

constexpr std::string_view kDeleteEndpoint = R"sql(
  DELETE FROM push_endpoint WHERE subscription_id = ?)sql";

constexpr std::string_view kMarkPushed = R"sql(
  UPDATE subscription SET pushed = ? WHERE id = ?)sql";

}  // namespace

void write_push(db::Session& db, const EgressRules& rules, const SubscriptionRow& row,
                const SubscriptionRequest& request) {
  if (!request.push) {
    if (request.pull_only) {
      remove_push(db, row.id);
      db.execute(kMarkPushed, false, row.id);
    }
    return;
  }
  if (const auto refusal = rules.refusal(request.push->endpoint))
    throw Fault(FaultCode::INVALID_ARGUMENT, *refusal, "endpoint");
  std::optional<db::Bytes> secret;
  if (request.push->secret) secret = db::Bytes{*request.push->secret};
  db.execute(kPutEndpoint, row.id, row.queue_id, row.owner.id, request.push->endpoint, secret,
             request.push->max_events);
  db.execute(kMarkPushed, true, row.id);
}

void remove_push(db::Session& db, std::uint64_t subscription_id) {
  db.execute(kDeleteEndpoint, subscription_id);
}

namespace {

constexpr std::string_view kSelectDue = R"sql(
  SELECT subscription_id, service_id
    FROM (SELECT STRAIGHT_JOIN p.subscription_id AS subscription_id, p.service_id AS service_id, p.next_at AS next_at,
                 ROW_NUMBER() OVER (PARTITION BY p.service_id ORDER BY p.next_at) AS turn
            FROM push_endpoint p JOIN service v ON v.account_id = p.service_id AND v.connected = 1
           WHERE p.busy_until <= UTC_TIMESTAMP(6) AND p.next_at <= UTC_TIMESTAMP(6)
             AND EXISTS (SELECT 1 FROM delivery d
                          WHERE d.queue_id = p.queue_id AND d.visible_at <= UTC_TIMESTAMP(6))) AS due
   ORDER BY turn, next_at LIMIT 100)sql";

constexpr std::string_view kTakeEndpoint = R"sql(
  UPDATE push_endpoint SET busy_until = ?
   WHERE subscription_id = ? AND busy_until <= UTC_TIMESTAMP(6) AND next_at <= UTC_TIMESTAMP(6))sql";

constexpr std::string_view kSelectEndpoint = R"sql(
  SELECT p.queue_id AS queue_id, p.endpoint AS endpoint, p.secret AS secret, p.max_events AS max_events,
         p.failures AS failures, s.name AS name
    FROM push_endpoint p JOIN subscription s ON s.id = p.subscription_id WHERE p.subscription_id = ?)sql";

constexpr std::string_view kLetGo = R"sql(
  UPDATE push_endpoint SET busy_until = UTC_TIMESTAMP(6) WHERE subscription_id = ? AND busy_until = ?)sql";

PushWork read_work(const db::Row& row) {
  PushWork work;
  work.queue_id = row.id("queue_id");
  work.subscription = row.text("name");
  work.endpoint = row.text("endpoint");
  if (const auto secret = row.bytes_or_null("secret")) work.secret = secret->value;
  work.max_events = static_cast<int>(row.number("max_events"));
  work.failures = static_cast<unsigned>(row.number("failures"));
  return work;
}

}  // namespace

std::vector<PushDue> pushes_due(db::Session& db) {
  return db.query(kSelectDue, [](const db::Row& row) {
    return PushDue{row.id("subscription_id"), row.id("service_id")};
  });
}

std::optional<PushWork> begin_push(db::Session& db, Events& events, std::uint64_t subscription_id) {
  const Time now = db.now();
  const Time until = now + kPushLease;
  if (db.execute(kTakeEndpoint, until, subscription_id) == 0) return std::nullopt;
  auto work = db.query_one(kSelectEndpoint, read_work, subscription_id);
  if (!work) return std::nullopt;
  work->subscription_id = subscription_id;
  work->started = now;
  work->leased_until = until;
  const int most = work->failures >= kBreakerOpens ? 1 : kBatch;
  work->batch = events.claim(db, work->queue_id, most, static_cast<int>(kPushLease.count()));
  if (work->batch.events.empty()) {
    db.execute(kLetGo, subscription_id, until);
    return std::nullopt;
  }
  return work;
}

namespace {

// What was not read by the subscriber has not been tried.
constexpr std::string_view kGiveBack = R"sql(
  UPDATE delivery SET previous_token = token, token = NULL, attempts = GREATEST(attempts, 1) - 1,
         visible_at = UTC_TIMESTAMP(6)
   WHERE queue_id = ? AND token = ? AND event_id IN ()sql";

constexpr std::string_view kPutOff = R"sql(
  UPDATE delivery SET previous_token = token, token = NULL, visible_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
   WHERE queue_id = ? AND token = ? AND event_id = ?)sql";

constexpr std::string_view kEndWork = R"sql(
  UPDATE push_endpoint SET busy_until = IF(busy_until = ?, UTC_TIMESTAMP(6), busy_until), failures = ?,
         failed_at = IF(?, UTC_TIMESTAMP(6), failed_at), next_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
   WHERE subscription_id = ? AND endpoint = ?)sql";

// Like a poll.
constexpr std::string_view kKeepAlive = R"sql(
  UPDATE queue SET last_poll_at = UTC_TIMESTAMP(6), expires_at = UTC_TIMESTAMP(6) + INTERVAL lifetime SECOND
   WHERE id = ? AND lifetime IS NOT NULL)sql";

double jitter() {
  thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(random);
}

std::int64_t microseconds(std::chrono::milliseconds time) { return std::chrono::microseconds(time).count(); }

}  // namespace

void end_push(db::Session& db, Events& events, const PushWork& work, const PushSent& sent) {
  const auto lease = LeaseToken::parse(work.batch.lease_token);
  const db::Bytes fence{lease->fence};
  std::vector<std::uint64_t> accepted, back;
  bool reached = true;
  for (std::size_t i = 0; i < work.batch.events.size(); ++i) {
    const Event& event = work.batch.events[i];
    if (i >= sent.replies.size()) {
      back.push_back(event.id);
      continue;
    }
    reached = sent.replies[i] != PushReply::kNoAnswer;
    if (sent.replies[i] == PushReply::kAccepted) {
      accepted.push_back(event.id);
    } else if (sent.replies[i] == PushReply::kNoAnswer) {
      back.push_back(event.id);
    } else {
      db.execute(kPutOff, microseconds(event_backoff(event.attempts, jitter())), work.queue_id, fence,
                 event.id);
    }
  }
  if (!accepted.empty()) {
    events.acknowledge(db, work.queue_id, work.batch.lease_token, accepted);
    db.execute(kKeepAlive, work.queue_id);
  }
  db::in_pieces(back, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args{work.queue_id, fence};
    const std::string sql = std::string(kGiveBack) + db::in_list(piece, args) + ")";
    db.execute_with(sql, args);
  });
  db.execute(kEndWork, work.leased_until, sent.failures, sent.failed,
             microseconds(subscriber_backoff(sent.failures, reached, jitter())), work.subscription_id,
             work.endpoint);
}

}  // namespace whitebrick::events
