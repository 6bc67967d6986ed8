// Jobs over the queue tables: pieces of at most 1,000 rows a transaction, each right by
// itself, so that a run cut short or done twice does no harm.

#include <algorithm>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/capacity.hpp"
#include "modules/events/coalesce.hpp"
#include "modules/events/dead.hpp"
#include "modules/events/ended.hpp"
#include "modules/events/events.hpp"
#include "modules/events/forgotten.hpp"
#include "modules/events/subscriptions.hpp"

namespace whitebrick::events {
namespace {

// From the terminals' side: those are few, what waits may be much.
constexpr std::string_view kSelectTerminalsWithWaiting = R"sql(
  SELECT DISTINCT STRAIGHT_JOIN s.id AS id, s.queue_id AS queue_id, s.owner_id AS owner_id, s.profile_id AS profile_id
    FROM subscription s
    JOIN waiting_event w ON w.profile_id = s.profile_id
    JOIN event e ON e.id = w.event_id
    JOIN subscription_pattern p ON p.subscription_id = s.id AND (p.pattern IN ('*', e.type)
      OR (RIGHT(p.pattern, 2) = '.*' AND LEFT(e.type, CHAR_LENGTH(p.pattern) - 1) = LEFT(p.pattern, CHAR_LENGTH(p.pattern) - 1)))
   WHERE s.owner_kind = 2 AND e.expires_at > UTC_TIMESTAMP(6) LIMIT 100)sql";

// SKIP LOCKED: another replica hands over to it now, or it ends.
constexpr std::string_view kTakeSubscription = R"sql(
  SELECT id FROM subscription WHERE id = ? AND queue_id = ? FOR UPDATE SKIP LOCKED)sql";

// True: there may be more for it.
bool hand_over_piece(db::Session& db, Wake& wake, const SubscriptionRow& row) {
  if (!db.query_one(
          kTakeSubscription, [](const db::Row& r) { return r.id("id"); }, row.id, row.queue_id))
    return false;
  db.after_commit([&wake, queue = row.queue_id] { wake.wake({Events::wait_key(queue)}); });
  return hand_over_waiting(db, row).more;
}

}  // namespace

WaitKey Events::waiting_key() { return "waiting:"; }

bool Events::sweep_waiting(db::Pool& pool) {
  bool more = forget_rest(wake_, pool);
  more = settle_all_ended(wake_, pool) || more;
  const auto terminals = pool.in_transaction([](db::Session& db) {
    return db.query(kSelectTerminalsWithWaiting, [](const db::Row& row) {
      return SubscriptionRow{
          row.id("id"), row.id("queue_id"),           {PartyKind::kTerminal, row.id("owner_id")},
          "",           row.id_or_null("profile_id"), std::nullopt};
    });
  });
  for (const SubscriptionRow& row : terminals)
    more = pool.in_transaction([&](db::Session& db) { return hand_over_piece(db, wake_, row); }) || more;
  return more || terminals.size() == 100;
}

namespace {

constexpr std::string_view kSelectNextQueue = R"sql(
  SELECT MIN(queue_id) AS queue_id FROM delivery WHERE queue_id > ?)sql";

// The last event of a queue's next piece.
constexpr std::string_view kSelectPiece = R"sql(
  SELECT MAX(event_id) AS last, COUNT(*) AS deliveries
    FROM (SELECT event_id FROM delivery WHERE queue_id = ? AND event_id > ? ORDER BY event_id LIMIT 1000) AS piece)sql";

struct Piece {
  std::uint64_t last = 0, deliveries = 0;
};

// An event that is gone from the log leaves deliveries that nobody can pull.
constexpr std::string_view kSelectExpired = R"sql(
  SELECT STRAIGHT_JOIN d.event_id AS event_id FROM delivery d LEFT JOIN event e ON e.id = d.event_id
   WHERE d.queue_id = ? AND d.event_id > ? AND d.event_id <= ? AND d.visible_at <= UTC_TIMESTAMP(6)
     AND (e.id IS NULL OR (d.replay = 0 AND e.expires_at <= UTC_TIMESTAMP(6))) LIMIT 1)sql";

constexpr std::string_view kKeepExpired = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT STRAIGHT_JOIN d.subscription_id, d.event_id, s.owner_kind, s.owner_id,
         IF(s.owner_kind = 2, s.profile_id, NULL), 2, d.attempts, UTC_TIMESTAMP(6)
    FROM delivery d LEFT JOIN event e ON e.id = d.event_id JOIN subscription s ON s.id = d.subscription_id
   WHERE d.queue_id = ? AND d.event_id > ? AND d.event_id <= ? AND d.visible_at <= ?
     AND (e.id IS NULL OR (d.replay = 0 AND e.expires_at <= ?))
      ON DUPLICATE KEY UPDATE done_at = delivery_history.done_at
  RETURNING event_id, subscription_id)sql";

constexpr std::string_view kDeleteExpired = R"sql(
  DELETE FROM delivery WHERE queue_id = ? AND visible_at <= ? AND event_id IN ()sql";

// Leased ones are let alone: their puller may still acknowledge.
void expire_piece(db::Session& db, std::uint64_t queue, std::uint64_t after, std::uint64_t last) {
  if (!db.query_one(
          kSelectExpired, [](const db::Row& row) { return row.id("event_id"); }, queue, after, last))
    return;
  const Time now = db.now();
  std::vector<std::uint64_t> events, subscriptions;
  db.query(
      kKeepExpired,
      [&](const db::Row& row) {
        events.push_back(row.id("event_id"));
        subscriptions.push_back(row.id("subscription_id"));
        return 0;
      },
      queue, after, last, now, now);
  if (events.empty()) return;
  const std::size_t kept = events.size();
  const auto distinct = [](std::vector<std::uint64_t>& ids) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  };
  distinct(events);
  distinct(subscriptions);
  std::uint64_t removed = 0;
  db::in_pieces(subscriptions, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args{queue, now};
    std::string remove = std::string(kDeleteExpired) + db::in_list(events, args);
    remove += ") AND subscription_id IN (" + db::in_list(piece, args) + ")";
    removed += db.execute_with(remove, args);
  });
  if (removed != kept) throw db::Conflict(0, "deliveries changed while they expired");
}

// Those of components die where they fail, and have no limit.
constexpr std::string_view kSelectLimits = R"sql(
  SELECT owner_kind = 3 AS component, max_pending FROM queue WHERE id = ?)sql";

struct Limits {
  bool component = false;
  std::uint64_t most = 0;
};

std::optional<Piece> next_piece(db::Session& db, std::uint64_t queue, std::uint64_t after) {
  const auto piece = db.query_one(
      kSelectPiece,
      [](const db::Row& row) {
        return Piece{row.id_or_null("last").value_or(0), row.id("deliveries")};
      },
      queue, after);
  return piece && piece->deliveries > 0 ? piece : std::nullopt;
}

void expire_queue(db::Pool& pool, std::uint64_t queue) {
  const auto limits = pool.in_transaction([&](db::Session& db) {
    return db.query_one(
        kSelectLimits,
        [](const db::Row& row) {
          return Limits{row.flag("component"), row.id("max_pending")};
        },
        queue);
  });
  const bool limited = limits && !limits->component;
  const bool full = limited && pool.in_transaction([&](db::Session& db) {
    return bounded_depth(db, queue, limits->most) >= limits->most;
  });
  std::uint64_t after = 0;
  for (;;) {
    const auto piece = pool.in_transaction([&](db::Session& db) {
      const auto next = next_piece(db, queue, after);
      if (!next) return next;
      expire_piece(db, queue, after, next->last);
      if (limited) bury(db, queue, after + 1, next->last);
      if (full) coalesce(db, queue, after + 1, next->last);
      return next;
    });
    if (!piece) break;
    after = piece->last;
  }
  if (full)
    pool.in_transaction(
        [&](db::Session& db) { note_depth(db, queue, bounded_depth(db, queue, limits->most), after); });
}

constexpr std::string_view kSelectExpiredWaiting = R"sql(
  SELECT w.profile_id AS profile_id, w.event_id AS event_id FROM waiting_event w JOIN event e ON e.id = w.event_id
   WHERE e.expires_at <= UTC_TIMESTAMP(6) LIMIT 1000)sql";

constexpr std::string_view kDeleteWaiting = R"sql(
  DELETE FROM waiting_event WHERE )sql";

struct Waiting {
  std::uint64_t profile_id = 0, event_id = 0;
};

// True when there may be more.
bool expire_waiting(db::Session& db) {
  const auto expired = db.query(kSelectExpiredWaiting, [](const db::Row& row) {
    return Waiting{row.id("profile_id"), row.id("event_id")};
  });
  if (expired.empty()) return false;
  std::vector<db::Value> args;
  const std::string sql =
      std::string(kDeleteWaiting) + db::any_of("(profile_id = ? AND event_id = ?)", expired, args,
                                               [](const Waiting& one, std::vector<db::Value>& values) {
                                                 values.insert(values.end(), {one.profile_id, one.event_id});
                                               });
  db.execute_with(sql, args);
  return expired.size() == db::kMaxList;
}

}  // namespace

void Events::expire(db::Pool& pool) {
  std::uint64_t queue = 0;
  for (;;) {
    const auto next = pool.in_transaction([&](db::Session& db) {
      return db
          .query_one(
              kSelectNextQueue, [](const db::Row& row) { return row.id_or_null("queue_id"); }, queue)
          .value_or(std::nullopt);
    });
    if (!next) break;
    queue = *next;
    expire_queue(pool, queue);
  }
  while (pool.in_transaction(expire_waiting)) {
  }
}

}  // namespace whitebrick::events
