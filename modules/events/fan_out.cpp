// Events for more subscriptions than one transaction should write. The publisher leaves a row in
// `fanout`; its deliveries are made piece by piece, each in one transaction with the position reached, so
// that a replica that dies in between loses and repeats nothing.

#include <algorithm>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/capacity.hpp"
#include "modules/events/events.hpp"
#include "modules/events/recipients.hpp"

namespace whitebrick::events {
namespace {

using Ids = std::vector<std::uint64_t>;

constexpr std::string_view kSelectStarted = R"sql(
  SELECT event_id FROM fanout ORDER BY event_id LIMIT 1)sql";

// The lock spares others the same work; that no piece is done twice is ensured by the position.
constexpr std::string_view kSelectFanOut = R"sql(
  SELECT f.position AS position, f.about_type AS about_type, COALESCE(f.about_service, e.service_id) AS service_id,
         e.type AS type, e.created_at AS created_at
    FROM fanout f JOIN event e ON e.id = f.event_id WHERE f.event_id = ? FOR UPDATE)sql";

constexpr std::string_view kAdvance = R"sql(
  UPDATE fanout SET position = ? WHERE event_id = ? AND position = ?)sql";

constexpr std::string_view kEnd = R"sql(
  DELETE FROM fanout WHERE event_id = ? AND position = ?)sql";

struct FanOut {
  std::uint64_t position = 0, service_id = 0;
  std::optional<std::string> about_type;
  std::string type;
  Time published_at;
};

std::vector<Recipient> recipients_by_id(db::Session& db, const Ids& ids) {
  std::vector<Recipient> found;
  db::in_pieces(ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args;
    const std::string sql = R"sql(
  SELECT id, queue_id, pushed FROM subscription WHERE id IN ()sql" +
                            db::in_list(piece, args) + ") ORDER BY id";
    found = db.query_with(
        sql,
        [](const db::Row& row) {
          return Recipient{row.id("id"), row.id("queue_id"), row.flag("pushed")};
        },
        args);
  });
  return found;
}

// At most kMostAtOnce, by their ids; `last` is the id up to which all is found.
std::vector<Recipient> next_piece(db::Session& db, const FanOut& of, std::uint64_t& last) {
  if (!of.about_type) {
    const auto found = general_after(db, of.type, of.service_id, of.position, of.published_at);
    last = found.empty() ? of.position : found.back().subscription_id;
    return found;
  }
  Ids ids = subscribers_of_type(db, *of.about_type, of.service_id);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  ids.erase(ids.begin(), std::upper_bound(ids.begin(), ids.end(), of.position));
  if (ids.size() > kMostAtOnce) ids.resize(kMostAtOnce);
  last = ids.empty() ? of.position : ids.back();
  return recipients_by_id(db, ids);
}

// Answers false when nothing was left.
bool deliver_piece(db::Session& db, Wake& wake, std::uint64_t event_id) {
  const auto of = db.query_one(
      kSelectFanOut,
      [](const db::Row& row) {
        return FanOut{row.id("position"), row.id("service_id"), row.text_or_null("about_type"),
                      row.text("type"), row.time("created_at")};
      },
      event_id);
  if (!of) return false;
  std::uint64_t last = of->position;
  std::vector<DeliveryRow> rows;
  for (const Recipient& recipient : next_piece(db, *of, last)) rows.push_back({event_id, recipient});
  const bool ended = last == of->position;
  const std::uint64_t changed =
      ended ? db.execute(kEnd, event_id, of->position) : db.execute(kAdvance, last, event_id, of->position);
  if (changed == 0) throw db::Conflict(0, "another replica delivered this piece");
  // Too late to refuse the publisher.
  deliver(db, rows, WhenFull::kSuspend);
  std::vector<WaitKey> keys;
  bool pushed = false;
  for (const DeliveryRow& row : rows) {
    keys.push_back(Events::wait_key(row.recipient.queue_id));
    pushed = pushed || row.recipient.pushed;
  }
  if (pushed) keys.push_back(Events::push_key());
  if (!keys.empty()) db.after_commit([&wake, keys = std::move(keys)] { wake.wake(keys); });
  return !ended;
}

}  // namespace

WaitKey Events::fan_out_key() { return "fan_out:"; }

bool Events::fan_out(db::Pool& pool) {
  const auto event_id = pool.in_transaction([](db::Session& db) {
    return db.query_one(kSelectStarted, [](const db::Row& row) { return row.id("event_id"); });
  });
  if (!event_id) return false;
  while (pool.in_transaction([&](db::Session& db) { return deliver_piece(db, wake_, *event_id); })) {
  }
  return true;
}

}  // namespace whitebrick::events
