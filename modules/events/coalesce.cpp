#include "modules/events/coalesce.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "db/list.hpp"
#include "modules/events/lists.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;
using Ids = std::vector<std::uint64_t>;

constexpr std::string_view kInsertStates = R"sql(
  INSERT INTO event_state (state_key, type, service_id, component, event_id) VALUES )sql";

}  // namespace

void note_states(db::Session& db, const std::vector<StateRow>& rows) {
  insert_rows(db, kInsertStates, "(?, ?, ?, ?, ?)", rows, [](const StateRow& row, Args& args) {
    args.emplace_back(row.state_key);
    args.emplace_back(row.type);
    args.emplace_back(row.service_id);
    args.emplace_back(row.component);
    args.emplace_back(row.event_id);
  });
}

namespace {

struct Superseded {
  std::uint64_t event_id = 0, newest = 0;
  std::uint64_t stands_for = 0;  // older ones that made way for it
};

constexpr std::string_view kColumns = R"sql(
  SELECT STRAIGHT_JOIN d.event_id AS event_id, d.subscription_id AS subscription_id, d.coalesced AS coalesced,
         MAX(n.event_id) AS newest)sql";

// Never handed out, nor numbered.
constexpr std::string_view kUntouched =
    " AND d.attempts = 0 AND d.sequence = 0 AND d.replay = 0 AND d.visible_at <= UTC_TIMESTAMP(6)";
constexpr std::string_view kGrouped = " GROUP BY d.event_id, d.subscription_id, d.coalesced LIMIT 1000";

// Older states of what a batch says.
constexpr std::string_view kOlder = R"sql(
    FROM event_state m
    JOIN event_state s ON s.state_key = m.state_key AND s.type = m.type AND s.service_id = m.service_id
                      AND s.component = m.component AND s.event_id >= ? AND s.event_id < m.event_id
    JOIN delivery d ON d.queue_id = ? AND d.event_id = s.event_id)sql";
constexpr std::string_view kOfBatch = R"sql(
    JOIN delivery n ON n.queue_id = d.queue_id AND n.event_id = m.event_id AND n.subscription_id = d.subscription_id
   WHERE m.event_id IN ()sql";

// Those of a range that are not the newest of their key.
constexpr std::string_view kOfRange = R"sql(
    FROM delivery d JOIN event_state s ON s.event_id = d.event_id
    JOIN delivery n ON n.queue_id = d.queue_id AND n.subscription_id = d.subscription_id AND n.event_id = (
         SELECT MAX(m.event_id) FROM event_state m WHERE m.state_key = s.state_key AND m.type = s.type
                                                     AND m.service_id = s.service_id AND m.component = s.component)
   WHERE d.queue_id = ? AND d.event_id BETWEEN ? AND ? AND n.event_id > d.event_id)sql";

constexpr std::string_view kSelectOldest = R"sql(
  SELECT COALESCE(MIN(event_id), 0) AS oldest FROM delivery WHERE queue_id = ?)sql";

constexpr std::string_view kKeepCoalesced = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT d.subscription_id, d.event_id, s.owner_kind, s.owner_id, IF(s.owner_kind = 2, s.profile_id, NULL), 5, 0,
         UTC_TIMESTAMP(6)
    FROM delivery d JOIN subscription s ON s.id = d.subscription_id
   WHERE d.queue_id = ? AND d.subscription_id = ? AND d.attempts = 0 AND d.event_id IN ()sql";

constexpr std::string_view kDeleteCoalesced = R"sql(
  DELETE FROM delivery WHERE queue_id = ? AND subscription_id = ? AND attempts = 0 AND event_id IN ()sql";

constexpr std::string_view kCountCoalesced = R"sql(
  UPDATE delivery SET coalesced = coalesced + ? WHERE queue_id = ? AND event_id = ? AND subscription_id = ?)sql";

std::uint64_t make_way(db::Session& db, std::uint64_t queue_id, const std::string& select, const Args& args) {
  std::map<std::uint64_t, std::vector<Superseded>> by_subscription;
  db.query_with(
      select,
      [&](const db::Row& row) {
        by_subscription[row.id("subscription_id")].push_back(
            {row.id("event_id"), row.id("newest"), row.id("coalesced") + 1});
        return 0;
      },
      args);
  std::uint64_t freed = 0;
  for (const auto& [subscription, superseded] : by_subscription) {
    Ids ids;
    std::map<std::uint64_t, std::uint64_t> newest;
    for (const Superseded& one : superseded) {
      ids.push_back(one.event_id);
      newest[one.newest] += one.stands_for;
    }
    Args found{queue_id, subscription};
    const std::string list = db::in_list(ids, found) + ")";
    const auto kept = db.execute_with(std::string(kKeepCoalesced) + list, found);
    const auto removed = db.execute_with(std::string(kDeleteCoalesced) + list, found);
    if (kept != ids.size() || removed != ids.size()) {
      throw db::Conflict(0, "deliveries changed while they made way");
    }
    for (const auto& [event, number] : newest)
      db.execute(kCountCoalesced, number, queue_id, event, subscription);
    freed += removed;
  }
  return freed;
}

std::uint64_t oldest_delivery(db::Session& db, std::uint64_t queue_id) {
  return db
      .query_one(
          kSelectOldest, [](const db::Row& row) { return row.id("oldest"); }, queue_id)
      .value_or(0);
}

}  // namespace

std::uint64_t coalesce_batch(db::Session& db, std::uint64_t queue_id, const Ids& event_ids) {
  const std::uint64_t oldest = oldest_delivery(db, queue_id);
  std::uint64_t freed = 0;
  db::in_pieces(event_ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    Args args{oldest, queue_id};
    std::string sql = std::string(kColumns).append(kOlder).append(kOfBatch);
    sql.append(db::in_list(piece, args)).append(")").append(kUntouched).append(kGrouped);
    freed += make_way(db, queue_id, sql, args);
  });
  return freed;
}

std::uint64_t count_overtaken(db::Session& db, std::uint64_t queue_id, const Ids& event_ids) {
  const std::uint64_t oldest = oldest_delivery(db, queue_id);
  std::uint64_t overtaken = 0;
  db::in_pieces(event_ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    Args args{oldest, queue_id};
    std::string sql("SELECT COUNT(DISTINCT d.event_id, d.subscription_id) AS overtaken");
    sql.append(kOlder).append(" WHERE m.event_id IN (").append(db::in_list(piece, args)).append(")");
    sql += kUntouched;
    db.query_with(
        sql, [&](const db::Row& row) { return overtaken += row.id("overtaken"); }, args);
  });
  return overtaken;
}

std::uint64_t coalesce(db::Session& db, std::uint64_t queue_id, std::uint64_t first_event,
                       std::uint64_t last_event) {
  const std::string sql = std::string(kColumns).append(kOfRange).append(kUntouched).append(kGrouped);
  return make_way(db, queue_id, sql, {queue_id, first_event, last_event});
}

namespace {

constexpr std::string_view kSelectKeys = R"sql(
  SELECT state_key, type, service_id, component, event_id FROM event_state WHERE event_id IN ()sql";

// Of the newest thousand of a key, the newest one that this subscription has or had.
constexpr std::string_view kSelectNewestDelivered = R"sql(
  SELECT STRAIGHT_JOIN n.event_id AS event_id
    FROM (SELECT event_id FROM event_state WHERE state_key = ? AND type = ? AND service_id = ? AND component = ?
           ORDER BY event_id DESC LIMIT 1000) AS n
    LEFT JOIN delivery d ON d.subscription_id = ? AND d.event_id = n.event_id
    LEFT JOIN delivery_history h ON h.subscription_id = ? AND h.event_id = n.event_id AND h.outcome = 1
   WHERE d.event_id IS NOT NULL OR h.event_id IS NOT NULL ORDER BY n.event_id DESC LIMIT 1)sql";

constexpr std::string_view kKeepOvertaken = R"sql(
  INSERT IGNORE INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  VALUES (?, ?, ?, ?, ?, 5, 0, UTC_TIMESTAMP(6)))sql";

}  // namespace

Ids without_overtaken(db::Session& db, const SubscriptionRow& row, const Ids& event_ids) {
  Args args;
  const std::string select = std::string(kSelectKeys) + db::in_list(event_ids, args) + ")";
  const auto states = db.query_with(
      select,
      [](const db::Row& r) {
        return StateRow{r.text("state_key"), r.text("type"), r.id("service_id"), r.text("component"),
                        r.id("event_id")};
      },
      args);
  std::map<std::tuple<std::string, std::string, std::uint64_t, std::string>, std::uint64_t> newest;
  std::set<std::uint64_t> overtaken;
  for (const StateRow& state : states) {
    const auto [found, added] =
        newest.try_emplace({state.state_key, state.type, state.service_id, state.component});
    if (added) {
      found->second = db.query_one(
                            kSelectNewestDelivered, [](const db::Row& r) { return r.id("event_id"); },
                            state.state_key, state.type, state.service_id, state.component, row.id, row.id)
                          .value_or(0);
    }
    if (state.event_id >= found->second) continue;
    db.execute(kKeepOvertaken, row.id, state.event_id, static_cast<unsigned>(row.owner.kind), row.owner.id,
               row.profile_id);
    overtaken.insert(state.event_id);
  }
  Ids rest = event_ids;
  std::erase_if(rest, [&](std::uint64_t id) { return overtaken.contains(id); });
  return rest;
}

}  // namespace whitebrick::events
