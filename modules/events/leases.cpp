// What a puller does with a lease besides acknowledging: give events back, or keep them longer.

#include <algorithm>
#include <iterator>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/events.hpp"
#include "modules/events/lease_token.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;
using Ids = std::vector<std::uint64_t>;

LeaseToken parse(const std::string& token) {
  const auto lease = LeaseToken::parse(token);
  if (!lease) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "Give back the leaseToken of a pull as it was.", "leaseToken");
  }
  return *lease;
}

Ids distinct(Ids ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

constexpr std::string_view kSelectHeld = R"sql(
  SELECT event_id FROM delivery
   WHERE queue_id = ? AND event_id BETWEEN ? AND ? AND token = ? ORDER BY event_id FOR UPDATE)sql";

constexpr std::string_view kSelectHeldBefore = R"sql(
  SELECT DISTINCT event_id FROM delivery
   WHERE queue_id = ? AND event_id BETWEEN ? AND ? AND previous_token = ? ORDER BY event_id)sql";

constexpr std::string_view kRelease = R"sql(
  UPDATE delivery SET previous_token = token, token = NULL, visible_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
   WHERE queue_id = ? AND token = ? AND event_id IN ()sql";

constexpr std::string_view kExtend = R"sql(
  UPDATE delivery SET visible_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
   WHERE queue_id = ? AND token = ? AND event_id IN ()sql";

// Runs `update` for what the lease still holds of these events.
Held change_held(db::Session& db, std::uint64_t queue_id, const LeaseToken& token, const Ids& event_ids,
                 std::string_view update, int seconds) {
  const auto read = [](const db::Row& row) { return row.id("event_id"); };
  const db::Bytes fence{token.fence};
  const Ids held =
      distinct(db.query(kSelectHeld, read, queue_id, token.first_event, token.last_event, fence));
  const Ids wanted = event_ids.empty() ? held : distinct(event_ids);
  Ids both;
  Held done;
  std::ranges::set_intersection(wanted, held, std::back_inserter(both));
  if (!event_ids.empty())
    std::ranges::set_difference(wanted, held, std::back_inserter(done.lost));
  else if (held.size() < token.deliveries)
    done.lost = db.query(kSelectHeldBefore, read, queue_id, token.first_event, token.last_event, fence);
  db::in_pieces(both, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    Args args{seconds, queue_id, fence};
    const std::string sql = std::string(update) + db::in_list(piece, args) + ")";
    done.count += db.execute_with(sql, args);
  });
  return done;
}

}  // namespace

Held Events::release(db::Session& db, std::uint64_t queue_id, const std::string& token, const Ids& event_ids,
                     int delay_seconds) {
  const Held done = change_held(db, queue_id, parse(token), event_ids, kRelease, delay_seconds);
  if (done.count > 0 && delay_seconds == 0)
    db.after_commit([this, queue_id] { wake_.wake({wait_key(queue_id)}); });
  return done;
}

Held Events::extend_lease(db::Session& db, std::uint64_t queue_id, const std::string& token,
                          const Ids& event_ids, int lease_seconds) {
  const Held done = change_held(db, queue_id, parse(token), event_ids, kExtend, lease_seconds);
  if (done.count == 0) {
    throw Fault(FaultCode::LEASE_LOST, "Nothing is held by this lease any more.", "leaseToken");
  }
  return done;
}

}  // namespace whitebrick::events
