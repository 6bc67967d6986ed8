#include "modules/events/pull_together.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/event_row.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;
using Ids = std::vector<std::uint64_t>;

constexpr std::size_t kMostKnown = 100'000;
constexpr std::size_t kMostReady = 1000;

std::string key_of(std::uint64_t user_id, const std::string& terminal) {
  return std::to_string(user_id) + ' ' + terminal;
}

}  // namespace

// The requests whose queues are locked, by queue.
struct PullTogether::Queues {
  std::map<std::uint64_t, Request*> by_id;
  std::map<std::uint64_t, std::uint64_t> of_terminal;  // queue ids by terminal
  std::map<std::uint64_t, std::uint64_t> last_sequence;

  Ids ids() const {
    Ids all;
    for (const auto& [id, request] : by_id) all.push_back(id);
    return all;
  }
};

struct PullTogether::Ready {
  std::uint64_t queue_id = 0, event_id = 0, subscription_id = 0;
  bool usual = false;  // handed out to nobody yet
};

PullTogether::PullTogether(Events& events, Wake& wake) : events_(events), wake_(wake) {}

std::optional<std::uint64_t> PullTogether::known_queue(std::uint64_t user_id,
                                                       const std::string& terminal) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_queues_.find(key_of(user_id, terminal));
  return found == known_queues_.end() ? std::nullopt : std::optional(found->second);
}

void PullTogether::remember_queue(std::uint64_t user_id, const std::string& terminal,
                                  std::uint64_t queue_id) {
  const std::lock_guard lock(mutex_);
  if (known_queues_.size() >= kMostKnown) known_queues_.clear();
  known_queues_[key_of(user_id, terminal)] = queue_id;
}

void PullTogether::pull(db::Session& db, const std::vector<Request*>& requests) {
  for (Request* request : requests) {
    request->checked = request->looked = false;
    if (request->begins) request->acknowledged = {};
    request->batch = {};
  }
  Queues queues = lock(db, requests);
  if (queues.by_id.empty()) return;
  begin(db, queues);
  acknowledge(db, queues);
  claim(db, queues, look(db, queues));
}

namespace {

// What somebody else has in hand is not waited for: that request goes alone. A terminal's queue is
// served while something can come into it.
constexpr std::string_view kLockQueues = R"sql(
  SELECT q.id AS id, q.owner_id AS terminal_id, q.poll_epoch AS poll_epoch, q.last_sequence AS last_sequence,
         (SELECT t.user_id FROM terminal t WHERE t.id = q.owner_id) AS user_id,
         (SELECT t.name FROM terminal t WHERE t.id = q.owner_id) AS terminal
    FROM queue q
   WHERE q.owner_kind = 2 AND q.name = '' AND EXISTS (SELECT 1 FROM subscription s WHERE s.queue_id = q.id)
     AND q.id IN ()sql";

struct LockedQueue {
  std::uint64_t id, terminal_id, poll_epoch, last_sequence, user_id;
  std::string terminal;
};

}  // namespace

PullTogether::Queues PullTogether::lock(db::Session& db, const std::vector<Request*>& requests) {
  std::map<std::uint64_t, Request*> asked;  // two polls of one queue: the second one goes alone
  for (Request* request : requests) asked.emplace(request->queue_id, request);
  Ids ids;
  for (const auto& [id, request] : asked) ids.push_back(id);
  Args args;
  const std::string sql =
      std::string(kLockQueues) + db::in_list(ids, args) + ") ORDER BY q.id FOR UPDATE SKIP LOCKED";
  const auto locked = db.query_with(
      sql,
      [](const db::Row& row) {
        return LockedQueue{row.id("id"),
                           row.id("terminal_id"),
                           row.id("poll_epoch"),
                           row.id("last_sequence"),
                           row.id_or_null("user_id").value_or(0),
                           row.text_or_null("terminal").value_or("")};
      },
      args);
  Queues queues;
  for (const LockedQueue& queue : locked) {
    Request* request = asked.at(queue.id);
    if (queue.user_id != request->user_id || queue.terminal != request->terminal) continue;
    if (request->begins) {
      request->epoch = queue.poll_epoch + 1;
    } else if (queue.poll_epoch != request->epoch) {
      continue;  // a newer poll
    }
    request->checked = true;
    queues.by_id.emplace(queue.id, request);
    queues.of_terminal.emplace(queue.terminal_id, queue.id);
    queues.last_sequence.emplace(queue.id, queue.last_sequence);
  }
  return queues;
}

namespace {

constexpr std::string_view kNextEpochs = R"sql(
  UPDATE queue SET poll_epoch = poll_epoch + 1, last_poll_at = UTC_TIMESTAMP(6),
         expires_at = IF(state = 2, expires_at, UTC_TIMESTAMP(6) + INTERVAL lifetime SECOND) WHERE id IN ()sql";

}  // namespace

void PullTogether::begin(db::Session& db, Queues& queues) {
  Ids ids;
  std::vector<WaitKey> older;
  for (const auto& [id, request] : queues.by_id) {
    if (!request->begins) continue;
    ids.push_back(id);
    older.push_back(Events::poll_key(id, request->epoch));
    if (request->on_epoch) request->on_epoch(request->epoch);
  }
  if (ids.empty()) return;
  Args args;
  const std::string list = db::in_list(ids, args);
  db.execute_with(std::string(kNextEpochs) + list + ")", args);
  db.after_commit([this, older = std::move(older)] { wake_.wake(older); });
}

namespace {

// Reads without locks, so that a publisher whose events lie in between is not waited for.
constexpr std::string_view kKeepAcknowledged = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  SELECT STRAIGHT_JOIN delivery.subscription_id, delivery.event_id, s.owner_kind, s.owner_id,
         IF(s.owner_kind = 2, s.profile_id, NULL), 1, delivery.attempts, UTC_TIMESTAMP(6)
    FROM delivery JOIN subscription s ON s.id = delivery.subscription_id WHERE )sql";
constexpr std::string_view kReturnKept =
    R"sql( ON DUPLICATE KEY UPDATE outcome = 1, attempts = VALUES(attempts), done_at = VALUES(done_at)
  RETURNING subscription_id, event_id, recipient_id)sql";
constexpr std::string_view kLeased =
    "(delivery.queue_id = ? AND delivery.event_id BETWEEN ? AND ? AND delivery.token = ?)";

struct Key {
  std::uint64_t queue_id, event_id, subscription_id;
};

// Whole keys, so that nothing else is read, or waited for while others write it.
constexpr std::string_view kDeleteAcknowledged = R"sql(
  DELETE d FROM delivery d FORCE INDEX (PRIMARY) WHERE )sql";
constexpr std::string_view kWholeKey = "(d.queue_id = ? AND d.event_id = ? AND d.subscription_id = ?)";

void bind_key(const Key& key, Args& args) {
  args.insert(args.end(), {key.queue_id, key.event_id, key.subscription_id});
}

}  // namespace

void PullTogether::acknowledge(db::Session& db, Queues& queues) {
  std::vector<std::pair<std::uint64_t, LeaseToken>> leases;
  for (const auto& [id, request] : queues.by_id) {
    if (request->begins && request->acknowledges) leases.emplace_back(id, *request->acknowledges);
  }
  if (leases.empty()) return;
  Args args;
  std::string keep(kKeepAcknowledged);
  keep += db::any_of(kLeased, leases, args, [](const auto& lease, Args& values) {
    const auto& [queue, token] = lease;
    values.insert(values.end(), {queue, token.first_event, token.last_event, db::Bytes{token.fence}});
  });
  keep += kReturnKept;
  const auto kept = db.query_with(
      keep,
      [&](const db::Row& row) {
        return Key{queues.of_terminal.at(row.id("recipient_id")), row.id("event_id"),
                   row.id("subscription_id")};
      },
      args);
  std::uint64_t removed = 0;
  db::in_pieces(kept, db::kMaxList, [&](const std::vector<Key>& piece) {
    args.clear();
    std::string remove(kDeleteAcknowledged);
    remove += db::any_of(kWholeKey, piece, args, bind_key);
    removed += db.execute_with(remove, args);
  });
  if (kept.size() != removed) throw db::Conflict(0, "deliveries changed while they were acknowledged");
  for (const Key& key : kept) ++queues.by_id.at(key.queue_id)->acknowledged.count;
  for (const auto& [id, token] : leases) {
    Acknowledged& done = queues.by_id.at(id)->acknowledged;
    if (done.count >= token.deliveries) continue;
    Acknowledged rest = events_.acknowledge(db, id, token.text(), {});  // dead since, or somebody else's
    done.count += rest.count;
    done.lost = std::move(rest.lost);
  }
}

namespace {

constexpr std::string_view kSelectReady = R"sql(
  SELECT queue_id, event_id, subscription_id, attempts = 0 AND sequence = 0 AS usual FROM delivery
   WHERE queue_id IN ({}) AND visible_at <= UTC_TIMESTAMP(6)
   ORDER BY queue_id, event_id LIMIT 1000 FOR UPDATE SKIP LOCKED)sql";

std::string with_list(std::string_view sql, const std::string& list) {
  std::string text(sql);
  return text.replace(text.find("{}"), 2, list);
}

}  // namespace

// Those that are the only one of their queue.
std::vector<PullTogether::Ready> PullTogether::look(db::Session& db, Queues& queues) {
  Args args;
  const std::string sql = with_list(kSelectReady, db::in_list(queues.ids(), args));
  const auto ready = db.query_with(
      sql,
      [](const db::Row& row) {
        return Ready{row.id("queue_id"), row.id("event_id"), row.id("subscription_id"), row.flag("usual")};
      },
      args);
  if (ready.size() == kMostReady) return {};
  std::map<std::uint64_t, std::size_t> count;
  for (const Ready& one : ready) ++count[one.queue_id];
  for (const auto& [id, request] : queues.by_id) request->looked = !count.contains(id);
  std::vector<Ready> single;
  std::copy_if(ready.begin(), ready.end(), std::back_inserter(single), [&](const Ready& one) {
    return one.usual && count.at(one.queue_id) == 1 &&
           queues.by_id.at(one.queue_id)->lease_seconds == queues.by_id.begin()->second->lease_seconds;
  });
  return single;
}

namespace {

// Nothing is locked that others write. What is large goes alone: there are many.
constexpr std::string_view kSelectEvents = R"sql(
  SELECT STRAIGHT_JOIN d.queue_id AS queue_id, d.event_id AS event_id, d.subscription_id AS subscription_id,
         d.replay AS replay, d.coalesced AS coalesced, e.type AS type, e.content AS content,
         e.created_at AS created_at, e.service_id AS service_id, e.component AS component,
         e.respond_before AS respond_before, e.targets AS targets,
         d.replay = 0 AND e.expires_at <= UTC_TIMESTAMP(6) AS expired, t.name AS terminal, u.name AS user_name,
         p.name AS profile, v.name AS service_name, v.provider AS provider
    FROM delivery d JOIN event e ON e.id = d.event_id AND LENGTH(e.content) <= 4096
    JOIN subscription s ON s.id = d.subscription_id AND s.owner_kind = 2
    JOIN terminal t ON t.id = s.owner_id JOIN user u ON u.id = t.user_id
    LEFT JOIN profile p ON p.id = s.profile_id
    LEFT JOIN service v ON v.account_id = e.service_id
   WHERE d.queue_id IN ({}) AND d.event_id IN ()sql";

constexpr std::string_view kNextNumbers = R"sql(
  UPDATE queue SET last_sequence = last_sequence + 1 WHERE id IN ()sql";

constexpr std::string_view kClaim = R"sql(
  UPDATE delivery d FORCE INDEX (PRIMARY) JOIN queue q ON q.id = d.queue_id
     SET d.previous_token = COALESCE(d.token, d.previous_token), d.token = ?, d.attempts = 1, d.sequence = q.last_sequence,
         d.visible_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
   WHERE d.attempts = 0 AND d.sequence = 0 AND d.visible_at <= UTC_TIMESTAMP(6) AND )sql";

struct Found {
  std::uint64_t queue_id, subscription_id;
  bool expired;
  Event event;
};

Found read_found(const db::Row& row) {
  Found found{row.id("queue_id"), row.id("subscription_id"), row.flag("expired"), read_event(row)};
  Event& event = found.event;
  event.id = row.id("event_id");
  event.attempts = 1;
  event.replay = row.flag("replay");
  event.coalesced = static_cast<unsigned>(row.number("coalesced"));
  event.respond_before = row.time_or_null("respond_before");
  event.terminal = row.text("terminal");
  event.user = row.text("user_name");
  if (row.number("targets") > 0) event.profiles = {{event.user, row.text_or_null("profile").value_or("")}};
  return found;
}

}  // namespace

void PullTogether::claim(db::Session& db, Queues& queues, std::vector<Ready>&& ready) {
  if (ready.empty()) return;
  std::map<std::uint64_t, Ready> wanted;
  Ids ids, events;
  for (const Ready& one : ready) {
    wanted.emplace(one.queue_id, one);
    ids.push_back(one.queue_id);
    events.push_back(one.event_id);
  }
  std::sort(events.begin(), events.end());
  events.erase(std::unique(events.begin(), events.end()), events.end());

  Args args;
  std::string sql = with_list(kSelectEvents, db::in_list(ids, args));
  sql += db::in_list(events, args) + ")";
  auto found = db.query_with(sql, read_found, args);
  // Without what is stale, which takes more than a claim.
  std::erase_if(found, [&](const Found& one) {
    const Ready& it = wanted.at(one.queue_id);
    return one.expired || one.event.id != it.event_id || one.subscription_id != it.subscription_id;
  });
  if (found.empty()) return;
  ids.clear();
  std::vector<Key> keys;
  for (const Found& one : found) {
    ids.push_back(one.queue_id);
    keys.push_back({one.queue_id, one.event.id, one.subscription_id});
  }

  args.clear();
  const std::string numbered = db::in_list(ids, args);
  db.execute_with(std::string(kNextNumbers) + numbered + ")", args);
  LeaseToken token{LeaseToken::random_fence(), 0, 0, 1};
  args.assign({db::Bytes{token.fence}, queues.by_id.begin()->second->lease_seconds});
  std::string claim(kClaim);
  claim += db::any_of(kWholeKey, keys, args, bind_key);
  if (db.execute_with(claim, args) != found.size())
    throw db::Conflict(0, "deliveries changed while they were claimed");
  for (Found& one : found) {
    Request& request = *queues.by_id.at(one.queue_id);
    one.event.sequence = queues.last_sequence.at(one.queue_id) + 1;
    token.first_event = token.last_event = one.event.id;
    request.batch.lease_token = token.text();
    request.batch.events.push_back(std::move(one.event));
    request.looked = true;
  }
}

}  // namespace whitebrick::events
