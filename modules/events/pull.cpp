// Pulling: a lease on the first ready deliveries of a queue, and their numbers in it.
// Two pullers never hold the same delivery: the row's own visible_at decides, under its lock on
// one server and by certification on a cluster.

#include <algorithm>
#include <limits>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/content_size.hpp"
#include "modules/events/dead.hpp"
#include "modules/events/delivery_rules.hpp"
#include "modules/events/event_row.hpp"
#include "modules/events/events.hpp"
#include "modules/events/lease_token.hpp"
#include "modules/events/names.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

using Ids = std::vector<std::uint64_t>;

struct Ready {
  std::uint64_t event_id = 0;
  unsigned attempts = 0;
  bool fresh = false;  // without a number yet
};

struct Leased {
  Event event;
  std::uint64_t subscription_id = 0;
  std::optional<std::uint64_t> profile_id;
  std::optional<Party> owner;  // nothing: the subscription ended while the event was published
  std::uint64_t bytes = 0;     // of the content, which is read later unless it is small
  bool has_targets = false;
  bool expired = false;
};

// Committed rows that nobody has in hand: neither a publisher that is held up nor another puller
// is waited for. Exclusion does not rest on it, but on the UPDATE of the same rows.
constexpr std::string_view kSelectReady = R"sql(
  SELECT event_id, attempts, sequence = 0 AS fresh FROM delivery
   WHERE queue_id = ? AND visible_at <= UTC_TIMESTAMP(6) ORDER BY event_id LIMIT ? FOR UPDATE SKIP LOCKED)sql";

// Answers the last one; @sequence is the one before the first. The row is locked until the commit,
// so that numbers are dense and in order.
constexpr std::string_view kReserveNumbers = R"sql(
  UPDATE queue SET last_sequence = LAST_INSERT_ID((@sequence := last_sequence) + ?) WHERE id = ?)sql";

// By the key alone: of few rows MariaDB would read all, and wait for those that others write.
std::string claim_text(bool with_numbers, std::string_view list) {
  std::string sql = R"sql(
  UPDATE delivery FORCE INDEX (PRIMARY) SET previous_token = COALESCE(token, previous_token), token = ?, attempts = LEAST(attempts + 1, 65535),)sql";
  if (with_numbers) sql += " sequence = IF(sequence = 0, @sequence := @sequence + 1, sequence),";
  sql += R"sql(
         visible_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
   WHERE queue_id = ? AND visible_at <= UTC_TIMESTAMP(6) AND event_id IN ()sql";
  return sql.append(list).append(") ORDER BY event_id LIMIT ?");
}

constexpr std::string_view kSelectClaimed = R"sql(
  SELECT STRAIGHT_JOIN d.event_id AS event_id, d.subscription_id AS subscription_id, d.attempts AS attempts,
         e.type AS type, LENGTH(e.content) AS bytes, IF(LENGTH(e.content) <= ?, e.content, '') AS content,
         e.created_at AS created_at, e.service_id AS service_id,
         d.sequence AS sequence, d.replay AS replay, d.coalesced AS coalesced, e.component AS component,
         e.respond_before AS respond_before,
         e.targets AS targets, d.replay = 0 AND e.expires_at <= UTC_TIMESTAMP(6) AS expired,
         s.owner_kind AS owner_kind, s.owner_id AS owner_id, s.profile_id AS profile_id,
         v.name AS service_name, v.provider AS provider
    FROM delivery d JOIN event e ON e.id = d.event_id
    LEFT JOIN subscription s ON s.id = d.subscription_id
    LEFT JOIN service v ON v.account_id = e.service_id
   WHERE d.queue_id = ? AND d.event_id BETWEEN ? AND ? AND d.token = ?
   ORDER BY d.event_id, d.subscription_id)sql";

Leased read_leased(const db::Row& row) {
  Leased leased;
  Event& event = leased.event = read_event(row);
  event.id = row.id("event_id");
  leased.subscription_id = row.id("subscription_id");
  event.attempts = static_cast<unsigned>(row.number("attempts"));
  event.sequence = row.id("sequence");
  event.replay = row.flag("replay");
  event.coalesced = static_cast<unsigned>(row.number("coalesced"));
  event.respond_before = row.time_or_null("respond_before");
  leased.bytes = row.id("bytes");
  leased.has_targets = row.number("targets") > 0;
  leased.expired = row.flag("expired");
  if (const auto kind = row.id_or_null("owner_kind")) {
    leased.owner = Party{static_cast<PartyKind>(*kind), row.id("owner_id")};
    leased.profile_id = row.id_or_null("profile_id");
  }
  return leased;
}

constexpr std::string_view kExpireClaimed = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT d.subscription_id, d.event_id, s.owner_kind, s.owner_id, IF(s.owner_kind = 2, s.profile_id, NULL), 2,
         d.attempts - 1, UTC_TIMESTAMP(6)
    FROM delivery d JOIN subscription s ON s.id = d.subscription_id
   WHERE d.queue_id = ? AND d.event_id = ? AND d.subscription_id = ?
      ON DUPLICATE KEY UPDATE done_at = delivery_history.done_at)sql";

constexpr std::string_view kDeleteDelivery = R"sql(
  DELETE FROM delivery WHERE queue_id = ? AND event_id = ? AND subscription_id = ?)sql";

// Out of the way until the sweep settles them.
constexpr std::string_view kHideDeliveries = R"sql(
  UPDATE delivery SET token = NULL, sequence = 0, visible_at = UTC_TIMESTAMP(6) + INTERVAL 60 SECOND
   WHERE queue_id = ? AND token = ? AND event_id IN ()sql";

// Of subscriptions that have ended.
void hide(db::Session& db, std::uint64_t queue_id, const std::string& fence, std::vector<Leased>& leased) {
  Ids events, subscriptions;
  std::erase_if(leased, [&](const Leased& one) {
    if (one.owner) return false;
    events.push_back(one.event.id);
    subscriptions.push_back(one.subscription_id);
    return true;
  });
  if (events.empty()) return;
  std::vector<db::Value> args{queue_id, db::Bytes{fence}};
  std::string sql = std::string(kHideDeliveries) + db::in_list(events, args);
  sql += ") AND subscription_id IN (" + db::in_list(subscriptions, args) + ")";
  db.execute_with(sql, args);
}

// Takes out what is leased to nobody's use.
void drop_stale(db::Session& db, std::uint64_t queue_id, const std::string& fence,
                std::vector<Leased>& leased) {
  hide(db, queue_id, fence, leased);
  std::erase_if(leased, [&](const Leased& one) {
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

constexpr std::uint64_t kNoNumber = std::numeric_limits<std::int64_t>::max();

// How many numbers were reserved, and the last of them.
struct Numbers {
  std::uint64_t reserved = 0, last = 0;
};

Numbers reserve(db::Session& db, std::uint64_t queue_id, std::uint64_t number) {
  return {number, db.insert(kReserveNumbers, number, queue_id)};
}

// The first ready ones that may go together; those that failed too often are taken away.
std::vector<Ready> find_ready(db::Session& db, std::uint64_t queue_id, int max_events, bool& found) {
  auto ready = db.query(
      kSelectReady,
      [](const db::Row& row) {
        return Ready{row.id("event_id"), static_cast<unsigned>(row.number("attempts")), row.flag("fresh")};
      },
      queue_id, max_events);
  found = !ready.empty();
  if (std::ranges::any_of(ready, [](const Ready& one) { return one.attempts >= kMostAttempts; })) {
    bury(db, queue_id, ready.front().event_id, ready.back().event_id);
    std::erase_if(ready, [](const Ready& one) { return one.attempts >= kMostAttempts; });
  }
  std::vector<unsigned> attempts;
  attempts.reserve(ready.size());
  for (const Ready& one : ready) attempts.push_back(one.attempts);
  ready.resize(batch_size(attempts));
  return ready;
}

struct Claimed {
  std::vector<Leased> leased;
  Numbers numbers;
};

// Nothing when nothing is ready.
std::optional<Claimed> lease_some(db::Session& db, std::uint64_t queue_id, const std::string& fence,
                                  int max_events, int lease_seconds) {
  bool found = false;
  const auto ready = find_ready(db, queue_id, max_events, found);
  if (!found) return std::nullopt;
  Claimed claimed;
  if (ready.empty()) return claimed;
  const auto fresh = std::ranges::count_if(ready, &Ready::fresh);
  if (fresh > 0) claimed.numbers = reserve(db, queue_id, static_cast<std::uint64_t>(fresh));
  // In a portal's queue one event may be there for several terminals.
  Ids events;
  for (const Ready& one : ready) {
    if (events.empty() || events.back() != one.event_id) events.push_back(one.event_id);
  }
  std::vector<db::Value> args{db::Bytes{fence}, lease_seconds, queue_id};
  const std::string claim = claim_text(fresh > 0, db::in_list(events, args));
  args.emplace_back(ready.size());
  db.execute_with(claim, args);
  claimed.leased = db.query(kSelectClaimed, read_leased, small_size(ready.size()), queue_id, events.front(),
                            events.back(), db::Bytes{fence});
  return claimed;
}

// As if it had not been handed out.
constexpr std::string_view kGiveBack = R"sql(
  UPDATE delivery FORCE INDEX (PRIMARY) SET token = previous_token, attempts = attempts - 1,
         sequence = IF(sequence > ?, 0, sequence), visible_at = UTC_TIMESTAMP(6)
   WHERE queue_id = ? AND token = ? AND (event_id > ? OR subscription_id >= ?) AND event_id IN ()sql";

// Gives back what is too much for one answer; true when there was something.
bool give_back(db::Session& db, std::uint64_t queue_id, const std::string& fence, Claimed& claimed) {
  std::vector<Leased>& leased = claimed.leased;
  std::vector<std::uint64_t> sizes;
  for (const Leased& one : leased) sizes.push_back(one.bytes);
  const std::size_t kept = fitting(sizes);
  if (kept == leased.size()) return false;
  const Leased& first = leased[kept];
  Ids events;
  for (std::size_t i = kept; i < leased.size(); ++i) {
    if (events.empty() || events.back() != leased[i].event.id) events.push_back(leased[i].event.id);
  }
  const Numbers& numbers = claimed.numbers;
  const std::uint64_t before = numbers.reserved > 0 ? numbers.last - numbers.reserved : kNoNumber;
  std::vector<db::Value> args{before, queue_id, db::Bytes{fence}, first.event.id, first.subscription_id};
  const std::string sql = std::string(kGiveBack) + db::in_list(events, args) + ")";
  db.execute_with(sql, args);
  leased.resize(kept);
  return true;
}

void read_large(db::Session& db, std::vector<Leased>& leased) {
  Ids events;
  for (const Leased& one : leased) {
    if (one.event.content.size() < one.bytes) events.push_back(one.event.id);
  }
  if (events.empty()) return;
  const auto contents = read_contents(db, events);
  for (Leased& one : leased) {
    if (one.event.content.size() == one.bytes) continue;
    const auto content = contents.find(one.event.id);
    if (content == contents.end()) throw db::Conflict(0, "an event was forgotten while it was pulled");
    one.event.content = content->second;
  }
}

constexpr std::string_view kGiveNumber = R"sql(
  UPDATE delivery SET sequence = ? WHERE queue_id = ? AND event_id = ? AND subscription_id = ?)sql";

constexpr std::string_view kTakeNumbersBack = R"sql(
  UPDATE queue SET last_sequence = ? WHERE id = ?)sql";

// As a rule what was reserved is what was used. Not so when something was dropped, or when a
// portal's batch ends among the deliveries of one event: then the numbers are given again.
void settle_numbers(db::Session& db, std::uint64_t queue_id, Claimed& claimed) {
  std::vector<Leased>& leased = claimed.leased;
  Numbers numbers = claimed.numbers;
  const auto is_fresh = [&](const Leased& one) {
    return one.event.sequence == 0 ||
           (numbers.reserved > 0 && one.event.sequence > numbers.last - numbers.reserved);
  };
  const auto unnumbered = std::ranges::any_of(leased, [](const Leased& l) { return l.event.sequence == 0; });
  const auto used = static_cast<std::uint64_t>(std::ranges::count_if(leased, is_fresh));
  if (used == numbers.reserved && !unnumbered) return;
  if (used > numbers.reserved) {
    const Numbers more = reserve(db, queue_id, used - numbers.reserved);
    numbers = {used, more.last};
  }
  const std::uint64_t base = numbers.last - numbers.reserved;
  std::uint64_t next = base;
  for (Leased& one : leased) {
    if (one.event.sequence != 0 && one.event.sequence <= base) continue;
    if (one.event.sequence == ++next) continue;
    one.event.sequence = next;
    db.execute(kGiveNumber, next, queue_id, one.event.id, one.subscription_id);
  }
  if (next != numbers.last) db.execute(kTakeNumbersBack, next, queue_id);
}

// A queue may begin with very much that is nobody's any more: that is left to further looks.
constexpr int kMostLooks = 10;

}  // namespace

Batch Events::claim(db::Session& db, std::uint64_t queue_id, int max_events, int lease_seconds) {
  LeaseToken token;
  std::vector<Leased> leased;
  for (int looks = 0; leased.empty(); ++looks) {
    if (looks == kMostLooks) {
      db.after_commit([this, queue_id] { wake_.wake({wait_key(queue_id)}); });
      return {};
    }
    token.fence = LeaseToken::random_fence();
    auto some = lease_some(db, queue_id, token.fence, max_events, lease_seconds);
    if (!some) return {};
    drop_stale(db, queue_id, token.fence, some->leased);
    if (give_back(db, queue_id, token.fence, *some))
      db.after_commit([this, queue_id] { wake_.wake({wait_key(queue_id)}); });
    settle_numbers(db, queue_id, *some);
    leased = std::move(some->leased);
  }
  read_large(db, leased);
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

}  // namespace whitebrick::events
