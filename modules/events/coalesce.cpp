#include "modules/events/coalesce.hpp"

#include <map>
#include <string>
#include <string_view>

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
    " AND d.attempts = 0 AND d.sequence = 0 AND d.replay = 0 AND d.visible_at <= UTC_TIMESTAMP(6)"
    " GROUP BY d.event_id, d.subscription_id, d.coalesced LIMIT 1000";

// Older states of what a batch says.
constexpr std::string_view kOfBatch = R"sql(
    FROM event_state m
    JOIN event_state s ON s.state_key = m.state_key AND s.type = m.type AND s.service_id = m.service_id
                      AND s.component = m.component AND s.event_id >= ? AND s.event_id < m.event_id
    JOIN delivery d ON d.queue_id = ? AND d.event_id = s.event_id
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
    const std::string list = in_list(ids, found) + ")";
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

}  // namespace

std::uint64_t coalesce_batch(db::Session& db, std::uint64_t queue_id, const Ids& event_ids) {
  const auto oldest = db.query_one(
      kSelectOldest, [](const db::Row& row) { return row.id("oldest"); }, queue_id);
  std::uint64_t freed = 0;
  in_pieces(event_ids, [&](std::span<const std::uint64_t> piece) {
    Args args{oldest.value_or(0), queue_id};
    std::string sql = std::string(kColumns).append(kOfBatch).append(in_list(piece, args)).append(")");
    sql += kUntouched;
    freed += make_way(db, queue_id, sql, args);
  });
  return freed;
}

std::uint64_t coalesce(db::Session& db, std::uint64_t queue_id, std::uint64_t first_event,
                       std::uint64_t last_event) {
  const std::string sql = std::string(kColumns).append(kOfRange).append(kUntouched);
  return make_way(db, queue_id, sql, {queue_id, first_event, last_event});
}

}  // namespace whitebrick::events
