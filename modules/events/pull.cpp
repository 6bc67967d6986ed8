// Pulling: a lease on the first ready deliveries of a queue, and its end by acknowledgement.
// Two pullers never hold the same delivery: the row's own visible_at decides, under its lock on
// one server and by certification on a cluster.

#include <algorithm>
#include <string_view>

#include "modules/events/events.hpp"
#include "modules/events/lease_token.hpp"
#include "modules/events/lists.hpp"
#include "modules/events/names.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

using Ids = std::vector<std::uint64_t>;

struct Leased {
  Event event;
  std::uint64_t subscription_id = 0;
  std::optional<std::uint64_t> profile_id;
  std::optional<Party> owner;  // nothing: the subscription ended while the event was published
  bool has_targets = false;
  bool expired = false;
};

// Committed rows that nobody has in hand: neither a publisher that is held up nor another puller
// is waited for. Exclusion does not rest on it, but on the UPDATE of the same rows.
constexpr std::string_view kSelectReady = R"sql(
  SELECT event_id FROM delivery
   WHERE queue_id = ? AND visible_at <= UTC_TIMESTAMP(6) ORDER BY event_id LIMIT ? FOR UPDATE SKIP LOCKED)sql";

std::string claim_text(std::string_view list) {
  std::string sql = R"sql(
  UPDATE delivery SET previous_token = token, token = ?, attempts = LEAST(attempts + 1, 65535),
         visible_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
   WHERE queue_id = ? AND visible_at <= UTC_TIMESTAMP(6) AND event_id IN ()sql";
  return sql.append(list).append(") ORDER BY event_id LIMIT ?");
}

std::string select_claimed(std::string_view list) {
  std::string sql = R"sql(
  SELECT STRAIGHT_JOIN d.event_id AS event_id, d.subscription_id AS subscription_id, d.attempts AS attempts,
         e.type AS type, e.content AS content, e.created_at AS created_at, e.service_id AS service_id,
         e.component AS component, e.targets AS targets, e.expires_at <= UTC_TIMESTAMP(6) AS expired,
         s.owner_kind AS owner_kind, s.owner_id AS owner_id, s.profile_id AS profile_id,
         v.name AS service_name, v.provider AS provider
    FROM delivery d JOIN event e ON e.id = d.event_id
    LEFT JOIN subscription s ON s.id = d.subscription_id
    LEFT JOIN service v ON v.account_id = e.service_id
   WHERE d.queue_id = ? AND d.token = ? AND d.event_id IN ()sql";
  return sql.append(list).append(") ORDER BY d.event_id");
}

Leased read_leased(const db::Row& row) {
  Leased leased;
  Event& event = leased.event;
  event.id = row.id("event_id");
  leased.subscription_id = row.id("subscription_id");
  event.attempts = static_cast<unsigned>(row.number("attempts"));
  event.type = row.text("type");
  event.content = row.bytes("content").value;
  event.published_at = row.time("created_at");
  event.transmitter.service_id = row.id("service_id");
  event.transmitter.component = row.text_or_null("component").value_or("");
  leased.has_targets = row.number("targets") > 0;
  leased.expired = row.flag("expired");
  if (const auto kind = row.id_or_null("owner_kind")) {
    leased.owner = Party{static_cast<PartyKind>(*kind), row.id("owner_id")};
    leased.profile_id = row.id_or_null("profile_id");
  }
  if (event.transmitter.service_id != 0) {
    event.transmitter.service = row.text_or_null("service_name").value_or("");
    event.transmitter.provider = row.text_or_null("provider").value_or("");
  }
  return leased;
}

constexpr std::string_view kExpireClaimed = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT d.subscription_id, d.event_id, s.owner_kind, s.owner_id, IF(s.owner_kind = 2, s.profile_id, NULL), 2,
         d.attempts - 1, UTC_TIMESTAMP(6)
    FROM delivery d JOIN subscription s ON s.id = d.subscription_id
   WHERE d.queue_id = ? AND d.event_id = ? AND d.subscription_id = ?)sql";

constexpr std::string_view kDeleteDelivery = R"sql(
  DELETE FROM delivery WHERE queue_id = ? AND event_id = ? AND subscription_id = ?)sql";

// Out of the way until the sweep settles it.
constexpr std::string_view kHideDelivery = R"sql(
  UPDATE delivery SET token = NULL, visible_at = UTC_TIMESTAMP(6) + INTERVAL 60 SECOND
   WHERE queue_id = ? AND event_id = ? AND subscription_id = ?)sql";

// Takes out what is leased to nobody's use.
void drop_stale(db::Session& db, std::uint64_t queue_id, std::vector<Leased>& leased) {
  std::erase_if(leased, [&](const Leased& one) {
    if (!one.owner) {
      db.execute(kHideDelivery, queue_id, one.event.id, one.subscription_id);
      return true;
    }
    if (!one.expired) return false;
    db.execute(kExpireClaimed, queue_id, one.event.id, one.subscription_id);
    db.execute(kDeleteDelivery, queue_id, one.event.id, one.subscription_id);
    return true;
  });
}

bool is_for(const Leased& leased, PartyKind kind) { return leased.owner && leased.owner->kind == kind; }

// A terminal learns which of its profiles is meant, and a portal which of its terminals.
void name_terminals(db::Session& db, std::vector<Leased>& leased) {
  Ids subscriptions;
  for (const Leased& one : leased) {
    if (is_for(one, PartyKind::kTerminal)) subscriptions.push_back(one.subscription_id);
  }
  if (subscriptions.empty()) return;
  std::sort(subscriptions.begin(), subscriptions.end());
  subscriptions.erase(std::unique(subscriptions.begin(), subscriptions.end()), subscriptions.end());
  const auto names = terminal_names(db, subscriptions);
  for (Leased& one : leased) {
    const auto found = names.find(one.subscription_id);
    if (found == names.end() || !is_for(one, PartyKind::kTerminal)) continue;
    one.event.terminal = found->second.terminal;
    one.event.user = found->second.user;
    if (one.has_targets) one.event.profiles = {found->second.profile};
  }
}

// Targets for a service or component; a queue of theirs has one owner.
void name_targets(db::Session& db, std::vector<Leased>& leased) {
  Ids events;
  TargetReader reader;
  for (const Leased& one : leased) {
    if (!one.has_targets || is_for(one, PartyKind::kTerminal)) continue;
    events.push_back(one.event.id);
    if (is_for(one, PartyKind::kService)) reader.service_id = one.owner->id;
  }
  if (events.empty()) return;
  const TargetNames names = target_names(db, events, reader);
  for (Leased& one : leased) {
    if (is_for(one, PartyKind::kTerminal)) continue;
    const auto [first, last] = names.equal_range(one.event.id);
    for (auto name = first; name != last; ++name) one.event.profiles.push_back(name->second);
  }
}

}  // namespace

namespace {

// Nothing when nothing is ready.
std::optional<std::vector<Leased>> lease_some(db::Session& db, std::uint64_t queue_id,
                                              const std::string& fence, int max_events, int lease_seconds) {
  Ids ready = db.query(
      kSelectReady, [](const db::Row& row) { return row.id("event_id"); }, queue_id, max_events);
  if (ready.empty()) return std::nullopt;
  // In a portal's queue one event may be there for several terminals.
  const std::size_t rows = ready.size();
  ready.erase(std::unique(ready.begin(), ready.end()), ready.end());
  std::vector<db::Value> args{db::Bytes{fence}, lease_seconds, queue_id};
  const std::string claim = claim_text(in_list(ready, args));
  args.emplace_back(rows);
  db.execute_with(claim, args);
  args.assign({queue_id, db::Bytes{fence}});
  const std::string select = select_claimed(in_list(ready, args));
  return db.query_with(select, read_leased, args);
}

}  // namespace

Batch Events::claim(db::Session& db, std::uint64_t queue_id, int max_events, int lease_seconds) {
  LeaseToken token;
  std::vector<Leased> leased;
  while (leased.empty()) {
    token.fence = LeaseToken::random_fence();
    auto some = lease_some(db, queue_id, token.fence, max_events, lease_seconds);
    if (!some) return {};
    leased = std::move(*some);
    drop_stale(db, queue_id, leased);
  }
  name_terminals(db, leased);
  name_targets(db, leased);
  token.first_event = leased.front().event.id;
  token.last_event = leased.back().event.id;
  token.deliveries = static_cast<std::uint16_t>(leased.size());
  Batch batch;
  batch.lease_token = token.text();
  batch.events.reserve(leased.size());
  for (Leased& one : leased) batch.events.push_back(std::move(one.event));
  return batch;
}

namespace {

// Reads without locks, so that a publisher whose events lie in between is not waited for.
constexpr std::string_view kKeepAcknowledged = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT STRAIGHT_JOIN d.subscription_id, d.event_id, s.owner_kind, s.owner_id,
         IF(s.owner_kind = 2, s.profile_id, NULL), 1, d.attempts, UTC_TIMESTAMP(6)
    FROM delivery d JOIN subscription s ON s.id = d.subscription_id
   WHERE d.queue_id = ? AND d.event_id BETWEEN ? AND ? AND d.token = ?)sql";
constexpr std::string_view kReturnEvents = " RETURNING event_id";

constexpr std::string_view kDeleteAcknowledged = R"sql(
  DELETE FROM delivery WHERE queue_id = ? AND token = ? AND event_id IN ()sql";

constexpr std::string_view kSelectTaken = R"sql(
  SELECT DISTINCT event_id FROM delivery WHERE queue_id = ? AND event_id BETWEEN ? AND ? AND previous_token = ?)sql";

constexpr std::string_view kSelectOthers = R"sql(
  SELECT DISTINCT event_id FROM delivery WHERE queue_id = ? AND NOT (token <=> ?) AND event_id IN ()sql";

std::uint64_t read_event_id(const db::Row& row) { return row.id("event_id"); }

// Answers how many; a row that somebody took between the two statements undoes both.
std::uint64_t move_to_history(db::Session& db, std::uint64_t queue_id, const LeaseToken& token,
                              std::string_view keep, const std::vector<db::Value>& args) {
  Ids kept = db.query_with(std::string(keep).append(kReturnEvents), read_event_id, args);
  if (kept.empty()) return 0;
  const std::size_t rows = kept.size();
  std::uint64_t removed = 0;
  std::sort(kept.begin(), kept.end());
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  in_pieces(kept, [&](std::span<const std::uint64_t> piece) {
    std::vector<db::Value> found{queue_id, db::Bytes{token.fence}};
    const std::string remove = std::string(kDeleteAcknowledged).append(in_list(piece, found)).append(")");
    removed += db.execute_with(remove, found);
  });
  if (rows != removed) throw db::Conflict(0, "deliveries changed while they were acknowledged");
  return removed;
}

std::vector<db::Value> leased_range(std::uint64_t queue_id, const LeaseToken& token) {
  return {queue_id, token.first_event, token.last_event, db::Bytes{token.fence}};
}

Acknowledged acknowledge_all(db::Session& db, std::uint64_t queue_id, const LeaseToken& token) {
  const auto args = leased_range(queue_id, token);
  Acknowledged done;
  done.count = move_to_history(db, queue_id, token, kKeepAcknowledged, args);
  if (done.count < token.deliveries) done.lost = db.query_with(kSelectTaken, read_event_id, args);
  return done;
}

Acknowledged acknowledge_some(db::Session& db, std::uint64_t queue_id, const LeaseToken& token,
                              const Ids& event_ids) {
  Acknowledged done;
  in_pieces(event_ids, [&](std::span<const std::uint64_t> piece) {
    auto args = leased_range(queue_id, token);
    const std::string keep = std::string(kKeepAcknowledged)
                                 .append(" AND d.event_id IN (")
                                 .append(in_list(piece, args))
                                 .append(")");
    const std::uint64_t count = move_to_history(db, queue_id, token, keep, args);
    done.count += count;
    if (count >= piece.size()) return;
    args.assign({queue_id, db::Bytes{token.fence}});
    const std::string others = std::string(kSelectOthers).append(in_list(piece, args)).append(")");
    const Ids lost = db.query_with(others, read_event_id, args);
    done.lost.insert(done.lost.end(), lost.begin(), lost.end());
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
  Ids ids = event_ids;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return acknowledge_some(db, queue_id, *lease, ids);
}

}  // namespace whitebrick::events
