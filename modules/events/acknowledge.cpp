// Acknowledging: what a lease holds goes to the history, also after the lease has run out, while
// nobody else holds it; even from the dead list.

#include <algorithm>
#include <iterator>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/dead.hpp"
#include "modules/events/events.hpp"
#include "modules/events/lease_token.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

using Ids = std::vector<std::uint64_t>;

// Reads without locks, so that a publisher whose events lie in between is not waited for.
constexpr std::string_view kKeepAcknowledged = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT STRAIGHT_JOIN d.subscription_id, d.event_id, s.owner_kind, s.owner_id,
         IF(s.owner_kind = 2, s.profile_id, NULL), 1, d.attempts, UTC_TIMESTAMP(6)
    FROM delivery d JOIN subscription s ON s.id = d.subscription_id
   WHERE d.queue_id = ? AND d.event_id BETWEEN ? AND ? AND d.token = ?)sql";
// What was delivered again has a row already.
constexpr std::string_view kReturnEvents = R"sql(
      ON DUPLICATE KEY UPDATE outcome = 1, attempts = VALUES(attempts), done_at = VALUES(done_at)
  RETURNING event_id)sql";

// By the key alone: of few rows MariaDB would read all, and wait for those that others write.
constexpr std::string_view kDeleteAcknowledged = R"sql(
  DELETE d FROM delivery d FORCE INDEX (PRIMARY) WHERE queue_id = ? AND token = ? AND event_id IN ()sql";

constexpr std::string_view kSelectTaken = R"sql(
  SELECT DISTINCT event_id FROM delivery WHERE queue_id = ? AND event_id BETWEEN ? AND ? AND previous_token = ?)sql";

constexpr std::string_view kSelectOthers = R"sql(
  SELECT DISTINCT event_id FROM delivery WHERE queue_id = ? AND NOT (token <=> ?) AND event_id IN ()sql";

std::uint64_t read_event_id(const db::Row& row) { return row.id("event_id"); }

Ids distinct(Ids ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

// Answers the event of each delivery; a row that somebody took between the two statements undoes both.
Ids move_to_history(db::Session& db, std::uint64_t queue_id, const LeaseToken& token, std::string_view keep,
                    const std::vector<db::Value>& args) {
  const Ids kept = db.query_with(std::string(keep).append(kReturnEvents), read_event_id, args);
  std::uint64_t removed = 0;
  db::in_pieces(distinct(kept), db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> found{queue_id, db::Bytes{token.fence}};
    const std::string remove = std::string(kDeleteAcknowledged).append(db::in_list(piece, found)).append(")");
    removed += db.execute_with(remove, found);
  });
  if (kept.size() != removed) throw db::Conflict(0, "deliveries changed while they were acknowledged");
  return kept;
}

std::vector<db::Value> leased_range(std::uint64_t queue_id, const LeaseToken& token) {
  return {queue_id, token.first_event, token.last_event, db::Bytes{token.fence}};
}

Acknowledged acknowledge_all(db::Session& db, std::uint64_t queue_id, const LeaseToken& token) {
  const auto args = leased_range(queue_id, token);
  Acknowledged done;
  done.count = move_to_history(db, queue_id, token, kKeepAcknowledged, args).size();
  if (done.count < token.deliveries) done.count += acknowledge_dead(db, queue_id, token, {}).size();
  if (done.count < token.deliveries) done.lost = db.query_with(kSelectTaken, read_event_id, args);
  return done;
}

Acknowledged acknowledge_some(db::Session& db, std::uint64_t queue_id, const LeaseToken& token,
                              const Ids& event_ids) {
  Acknowledged done;
  db::in_pieces(event_ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    auto args = leased_range(queue_id, token);
    const std::string keep = std::string(kKeepAcknowledged)
                                 .append(" AND d.event_id IN (")
                                 .append(db::in_list(piece, args))
                                 .append(")");
    Ids kept = move_to_history(db, queue_id, token, keep, args);
    done.count += kept.size();
    kept = distinct(std::move(kept));  // a portal has an event for several terminals
    if (kept.size() == piece.size()) return;
    const Ids dead = acknowledge_dead(db, queue_id, token, piece);
    done.count += dead.size();
    kept.insert(kept.end(), dead.begin(), dead.end());
    kept = distinct(std::move(kept));
    if (kept.size() == piece.size()) return;
    args.assign({queue_id, db::Bytes{token.fence}});
    const std::string others = std::string(kSelectOthers).append(db::in_list(piece, args)).append(")");
    const Ids lost = db.query_with(others, read_event_id, args);
    std::ranges::copy_if(lost, std::back_inserter(done.lost),
                         [&](std::uint64_t id) { return !std::ranges::binary_search(kept, id); });
  });
  return done;
}

}  // namespace

Acknowledged Events::acknowledge(db::Session& db, std::uint64_t queue_id, const std::string& token,
                                 const std::vector<std::uint64_t>& event_ids) {
  if (token.empty()) return {};
  const auto lease = LeaseToken::parse(token);
  if (!lease)
    throw Fault(FaultCode::INVALID_ARGUMENT, "Give back the leaseToken of a pull as it was.", "ackToken");
  if (event_ids.empty()) return acknowledge_all(db, queue_id, *lease);
  return acknowledge_some(db, queue_id, *lease, distinct(event_ids));
}

}  // namespace whitebrick::events
