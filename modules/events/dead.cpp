// The dead list: deliveries that nobody acknowledged though they were handed out again and again.
// They wait there for their owner to requeue them, or for the end of the log's retention.

#include "modules/events/dead.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/content_size.hpp"
#include "modules/events/delivery_rules.hpp"
#include "modules/events/event_row.hpp"
#include "modules/events/names.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;
using Ids = std::vector<std::uint64_t>;

std::uint64_t read_event_id(const db::Row& row) { return row.id("event_id"); }

constexpr std::string_view kInsertDead = R"sql(
  INSERT INTO dead_delivery (queue_id, event_id, subscription_id, token, attempts, sequence, replay, died_at)
  SELECT queue_id, event_id, subscription_id, COALESCE(token, previous_token), attempts, sequence, replay, ?
    FROM delivery WHERE queue_id = ? AND event_id BETWEEN ? AND ? AND attempts >= ? AND visible_at <= ?)sql";

constexpr std::string_view kDeleteBuried = R"sql(
  DELETE FROM delivery WHERE queue_id = ? AND event_id BETWEEN ? AND ? AND attempts >= ? AND visible_at <= ?)sql";

}  // namespace

std::uint64_t bury(db::Session& db, std::uint64_t queue_id, std::uint64_t first_event,
                   std::uint64_t last_event) {
  const Time now = db.now();
  const auto buried = db.execute(kInsertDead, now, queue_id, first_event, last_event, kMostAttempts, now);
  if (buried == 0) return 0;
  if (db.execute(kDeleteBuried, queue_id, first_event, last_event, kMostAttempts, now) != buried) {
    throw db::Conflict(0, "deliveries changed while they were given up");
  }
  return buried;
}

namespace {

std::string keep_dead(std::string_view condition) {
  std::string sql = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT STRAIGHT_JOIN d.subscription_id, d.event_id, s.owner_kind, s.owner_id,
         IF(s.owner_kind = 2, s.profile_id, NULL), 1, d.attempts, UTC_TIMESTAMP(6)
    FROM dead_delivery d JOIN subscription s ON s.id = d.subscription_id
   WHERE d.queue_id = ? AND d.event_id BETWEEN ? AND ? AND d.token = ?)sql";
  return sql.append(condition).append(R"sql(
      ON DUPLICATE KEY UPDATE outcome = 1, attempts = VALUES(attempts), done_at = VALUES(done_at)
  RETURNING event_id)sql");
}

constexpr std::string_view kDeleteAcknowledged = R"sql(
  DELETE FROM dead_delivery WHERE queue_id = ? AND token = ? AND event_id IN ()sql";

}  // namespace

Ids acknowledge_dead(db::Session& db, std::uint64_t queue_id, const LeaseToken& token, const Ids& event_ids) {
  Args args{queue_id, token.first_event, token.last_event, db::Bytes{token.fence}};
  std::string condition;
  if (!event_ids.empty()) condition = " AND d.event_id IN (" + db::in_list(event_ids, args) + ")";
  const Ids kept = db.query_with(keep_dead(condition), read_event_id, args);
  std::uint64_t removed = 0;
  db::in_pieces(kept, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    Args found{queue_id, db::Bytes{token.fence}};
    const std::string remove = std::string(kDeleteAcknowledged) + db::in_list(piece, found) + ")";
    removed += db.execute_with(remove, found);
  });
  if (removed != kept.size()) throw db::Conflict(0, "the dead list changed while it was acknowledged");
  return kept;
}

namespace {

constexpr std::string_view kSelectDeadIds = R"sql(
  SELECT event_id FROM dead_delivery WHERE queue_id = ? AND event_id > ? AND event_id <= ?
   ORDER BY event_id LIMIT ?)sql";

constexpr std::string_view kSelectDead = R"sql(
  SELECT STRAIGHT_JOIN d.event_id AS event_id, d.attempts AS attempts, d.sequence AS sequence, d.replay AS replay,
         d.died_at AS died_at, e.type AS type, e.content AS content, e.created_at AS created_at,
         e.service_id AS service_id, e.component AS component, v.name AS service_name, v.provider AS provider,
         IF(s.owner_kind = 1, s.owner_id, 0) AS reader, t.name AS terminal_name, u.name AS user_name
    FROM dead_delivery d JOIN event e ON e.id = d.event_id
    LEFT JOIN service v ON v.account_id = e.service_id
    LEFT JOIN subscription s ON s.id = d.subscription_id
    LEFT JOIN terminal t ON s.owner_kind = 2 AND t.id = s.owner_id
    LEFT JOIN user u ON u.id = t.user_id
   WHERE d.queue_id = ? AND d.event_id > ? AND d.event_id <= ? ORDER BY d.event_id, d.subscription_id LIMIT ?)sql";

struct DeadRow {
  DeadEvent dead;
  std::uint64_t service_reading = 0;
};

DeadRow read_dead(const db::Row& row) {
  DeadRow found;
  Event& event = found.dead.event = read_event(row);
  event.id = row.id("event_id");
  event.attempts = static_cast<unsigned>(row.number("attempts"));
  event.sequence = row.id("sequence");
  event.replay = row.flag("replay");
  event.terminal = row.text_or_null("terminal_name").value_or("");
  event.user = row.text_or_null("user_name").value_or("");
  found.dead.died_at = row.time("died_at");
  found.service_reading = row.id("reader");
  return found;
}

constexpr std::uint64_t kLastEvent = ~std::uint64_t{0} >> 1;
constexpr int kMostTerminals = 1000;

// Ends between two events, for the next page to go on behind it: an event that is dead for more terminals
// of a portal than go together comes alone, with as many of them as do.
std::vector<DeadRow> dead_page(db::Session& db, std::uint64_t queue_id, std::uint64_t after, int most) {
  Ids ids = db.query(kSelectDeadIds, read_event_id, queue_id, after, kLastEvent, most + 1);
  if (ids.empty()) return {};
  const std::size_t together = std::min(count_fitting(db, ids), static_cast<std::size_t>(most));
  if (together == ids.size()) return db.query(kSelectDead, read_dead, queue_id, after, kLastEvent, most);
  const std::uint64_t cut = ids[together];
  if (ids.front() != cut) return db.query(kSelectDead, read_dead, queue_id, after, cut - 1, most);
  ids = db.query(kSelectDeadIds, read_event_id, queue_id, after, cut, kMostTerminals);
  return db.query(kSelectDead, read_dead, queue_id, after, cut, count_fitting(db, ids));
}

}  // namespace

std::vector<DeadEvent> Events::dead_events(db::Session& db, std::uint64_t queue_id,
                                           std::uint64_t after_event_id, int max_events) {
  auto rows = dead_page(db, queue_id, after_event_id, max_events);
  Ids of_service;
  TargetReader reader;
  for (const DeadRow& row : rows) {
    if (row.service_reading == 0) continue;
    of_service.push_back(row.dead.event.id);
    reader.service_id = row.service_reading;  // a queue has one owner
  }
  const TargetNames names = of_service.empty() ? TargetNames{} : target_names(db, of_service, reader);
  std::vector<DeadEvent> dead;
  for (DeadRow& row : rows) {
    const auto [first, last] = names.equal_range(row.dead.event.id);
    for (auto name = first; name != last; ++name) row.dead.event.profiles.push_back(name->second);
    dead.push_back(std::move(row.dead));
  }
  return dead;
}

namespace {

constexpr std::size_t kMostRequeued = 1000;  // deliveries; a portal's queue has an event for many terminals

struct DeadKey {
  std::uint64_t event_id = 0, subscription_id = 0;
};

constexpr std::string_view kSelectRequeued = R"sql(
  SELECT STRAIGHT_JOIN d.event_id AS event_id, d.subscription_id AS subscription_id
    FROM dead_delivery d JOIN event e ON e.id = d.event_id
   WHERE d.queue_id = ? AND (d.replay = 1 OR e.expires_at > UTC_TIMESTAMP(6)))sql";

// One more than are requeued.
std::vector<DeadKey> select_requeued(db::Session& db, std::uint64_t queue_id, const Ids& wanted) {
  Args args{queue_id};
  std::string sql(kSelectRequeued);
  if (!wanted.empty()) sql.append(" AND d.event_id IN (").append(db::in_list(wanted, args)).append(")");
  sql += " ORDER BY d.event_id, d.subscription_id LIMIT ?";
  args.emplace_back(kMostRequeued + 1);
  return db.query_with(
      sql,
      [](const db::Row& row) {
        return DeadKey{row.id("event_id"), row.id("subscription_id")};
      },
      args);
}

constexpr std::string_view kRequeue = R"sql(
  INSERT INTO delivery (queue_id, event_id, subscription_id, visible_at, token, sequence, replay)
  SELECT queue_id, event_id, subscription_id, UTC_TIMESTAMP(6), token, sequence, replay
    FROM dead_delivery WHERE queue_id = ? AND )sql";

constexpr std::string_view kDeleteRequeued = R"sql(
  DELETE FROM dead_delivery WHERE queue_id = ? AND )sql";

void move_back(db::Session& db, std::uint64_t queue_id, const std::vector<DeadKey>& keys) {
  Args args{queue_id};
  const std::string these =
      db::any_of("(event_id = ? AND subscription_id = ?)", keys, args, [](const DeadKey& key, Args& to) {
        to.emplace_back(key.event_id);
        to.emplace_back(key.subscription_id);
      });
  const auto back = db.execute_with(std::string(kRequeue) + these, args);
  const auto removed = db.execute_with(std::string(kDeleteRequeued) + these, args);
  if (back != keys.size() || removed != keys.size())
    throw db::Conflict(0, "the dead list changed while it was requeued");
}

}  // namespace

Requeued Events::requeue(db::Session& db, std::uint64_t queue_id, const Ids& event_ids) {
  Ids wanted = event_ids;
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  if (wanted.size() > kMostRequeued) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "At most 1000 events at once.", "eventId");
  }
  auto keys = select_requeued(db, queue_id, wanted);
  std::optional<std::uint64_t> left;  // of this event and later ones
  if (keys.size() > kMostRequeued) {
    left = keys.back().event_id;
    keys.pop_back();
  }
  Requeued done;
  done.count = keys.size();
  if (!keys.empty()) {
    move_back(db, queue_id, keys);
    db.after_commit([this, queue_id] { wake_.wake({wait_key(queue_id)}); });
  }
  Ids back;
  for (const DeadKey& key : keys) {
    if (!left || key.event_id < *left) back.push_back(key.event_id);
  }
  std::ranges::set_difference(wanted, back, std::back_inserter(done.not_requeued));
  return done;
}

}  // namespace whitebrick::events
