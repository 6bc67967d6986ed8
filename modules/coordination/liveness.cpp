// What keeps sessions alive and what ends them when it stops: leases on the database clock, a
// portal's own lease, and the token a terminal connected with. No replica is part of it.

#include <algorithm>

#include "modules/coordination/contact_states.hpp"
#include "modules/coordination/contexts.hpp"
#include "modules/coordination/coordination.hpp"
#include "modules/coordination/ending.hpp"
#include "server/pulse.hpp"

namespace whitebrick::coordination {
namespace {

using std::chrono::microseconds;

constexpr microseconds kLongestPause{10'000'000};
constexpr microseconds kPauseOfNobody{1'000'000};  // no terminal is bound to the token

constexpr std::string_view kLeases = R"sql(
SELECT id, lease_seconds, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), lease_until) AS remaining
FROM terminal_session WHERE account_id = ? AND token_id = ? AND lease_until IS NOT NULL)sql";
constexpr std::string_view kRenewLease = R"sql(
UPDATE terminal_session SET lease_until = UTC_TIMESTAMP(6) + INTERVAL lease_seconds SECOND, version = version + 1
WHERE id = ? AND lease_until IS NOT NULL)sql";

}  // namespace

// A terminal connected with a password has no token; account and token ids do not meet in one map.
std::uint64_t Coordination::lease_key(std::uint64_t account_id, std::uint64_t token_id) {
  return token_id != 0 ? token_id * 2 : account_id * 2 + 1;
}

// Every terminal that is bound to the caller's token; a portal's lease is the directory's.
std::optional<std::chrono::milliseconds> Coordination::renew(db::Session& db, const Caller& caller) {
  if (caller.role != Role::kUser) return std::nullopt;
  const std::uint64_t key = lease_key(caller.account_id, caller.token_id);
  if (const auto known = leases_.find(key)) return *known;
  struct Lease {
    std::uint64_t id;
    microseconds whole, remaining;
  };
  const auto leases = db.query(
      kLeases,
      [](const db::Row& row) {
        return Lease{row.id("id"), std::chrono::seconds(row.number("lease_seconds")),
                     microseconds(row.number("remaining"))};
      },
      caller.account_id, caller.token_id);

  microseconds pause = leases.empty() ? kPauseOfNobody : kLongestPause;
  std::optional<microseconds> remaining;
  for (Lease lease : leases) {
    if (lease.remaining <= lease.whole * 2 / 3 && renewed(db, lease.id)) lease.remaining = lease.whole;
    pause = std::min(pause, std::max(microseconds(0), lease.remaining - lease.whole * 2 / 3));
    remaining = std::min(remaining.value_or(lease.remaining), lease.remaining);
  }
  return leases_.remember(key, pause, remaining);
}

bool Coordination::renewed(db::Session& db, std::uint64_t terminal_session_id) {
  try {
    return db.execute(kRenewLease, terminal_session_id) == 1;
  } catch (const db::Conflict&) {
    return false;  // somebody else writes it at this moment; the next call sees to it
  }
}

namespace {

constexpr std::size_t kChunk = 200;

// Two seconds: the clocks of two nodes differ by less.
constexpr std::string_view kOverdue = R"sql(
SELECT id, version FROM terminal_session WHERE lease_until < UTC_TIMESTAMP(6) - INTERVAL 2 SECOND
ORDER BY lease_until LIMIT 200)sql";

Ending::Judged read_judged(const db::Row& row) { return {row.id("id"), row.id("version")}; }

}  // namespace

// What hangs on services that are gone.
struct Coordination::Hanging {
  std::vector<std::uint64_t> service_sessions;
  std::vector<Ending::Judged> terminals;
};

// One transaction each; answers whether all could be ended.
template <class Row, class End>
bool Coordination::end_each(db::Lease& lease, const std::vector<Row>& rows, End&& end) {
  bool all = true;
  for (const Row& row : rows) {
    std::uint64_t id = 0;
    if constexpr (std::is_same_v<Row, Ending::Judged>)
      id = row.id;
    else
      id = row;
    all &=
        expiry_failures_.attempt(id, [&] { lease.in_transaction([&](db::Session& db) { end(db, row); }); });
  }
  return all;
}

bool Coordination::expire(db::Pool& pool) {
  auto lease = pool.lease();
  if (!leases_may_expire(lease.session())) return false;

  const auto overdue = lease.session().query(kOverdue, read_judged);
  bool all = end_each(lease, overdue, [&](db::Session& db, const Ending::Judged& terminal) {
    ending_->terminal(db, terminal, Cause::kLeaseLost);
  });
  const Hanging hanging = find_hanging(lease.session());
  all &= end_each(lease, hanging.service_sessions, [&](db::Session& db, std::uint64_t id) {
    ending_->service_session(db, id, Cause::kServiceGone);
  });
  all &= end_each(lease, hanging.terminals, [&](db::Session& db, const Ending::Judged& terminal) {
    ending_->terminal(db, terminal, Cause::kServiceGone);
  });
  const auto absent = lease.in_transaction([&](db::Session& db) { return contexts_->close_abandoned(db); });
  return all && (overdue.size() == kChunk || absent >= 100 || hanging.service_sessions.size() >= kChunk ||
                 hanging.terminals.size() >= kChunk);
}

namespace {

// Two seconds: as above. A token that was renewed is the same row.
constexpr std::string_view kLoggedOut = R"sql(
SELECT c.id, c.version FROM terminal_session c JOIN account a ON a.id = c.account_id
  LEFT JOIN token t ON t.id = c.token_id AND t.expires_at > UTC_TIMESTAMP(6) - INTERVAL 2 SECOND
WHERE (c.token_id <> 0 AND t.id IS NULL) OR (c.account_version <> a.version AND c.account_version <> 0) LIMIT 200)sql";
constexpr std::string_view kDeletedTerminals = R"sql(
SELECT c.id, c.version FROM terminal_session c LEFT JOIN terminal t ON t.id = c.terminal_id
WHERE t.id IS NULL LIMIT 200)sql";
constexpr std::string_view kTerminalOf = R"sql(
SELECT terminal_id FROM terminal_session WHERE id = ?)sql";
constexpr std::string_view kGroundlessSessions = R"sql(
SELECT a.id FROM access_session a LEFT JOIN profile p ON p.id = a.profile_id
  LEFT JOIN terminal_session c ON c.id = a.terminal_session_id
WHERE p.id IS NULL OR c.id IS NULL LIMIT 200)sql";
constexpr std::string_view kGroundlessUses = R"sql(
SELECT s.id FROM service_session s LEFT JOIN access_session a ON a.id = s.access_session_id
  LEFT JOIN profile_service ps ON ps.profile_id = s.profile_id AND ps.service_id = s.service_id
WHERE a.id IS NULL OR ps.service_id IS NULL LIMIT 200)sql";
// Used by means of a session that is gone, or of a service that the profile does not subscribe to.
constexpr std::string_view kGroundlessChains = R"sql(
WITH RECURSIVE link (id, profile_id, via) AS (
  SELECT id, profile_id, via_session_id FROM service_session WHERE via_session_id IS NOT NULL
  UNION ALL SELECT l.id, l.profile_id, v.via_session_id FROM link l JOIN service_session v ON v.id = l.via
  WHERE v.via_session_id IS NOT NULL)
SELECT DISTINCT l.id FROM link l LEFT JOIN service_session v ON v.id = l.via
  LEFT JOIN profile_service ps ON ps.profile_id = l.profile_id AND ps.service_id = v.service_id
WHERE ps.service_id IS NULL LIMIT 200)sql";

}  // namespace

bool Coordination::end_void(db::Pool& pool) {
  auto lease = pool.lease();
  const auto read_id = [](const db::Row& row) { return row.id("id"); };
  const auto logged_out = lease.session().query(kLoggedOut, read_judged);
  bool all = end_each(lease, logged_out, [&](db::Session& db, const Ending::Judged& terminal) {
    ending_->terminal(db, terminal, Cause::kAccountDisabled);
  });
  const auto deleted = lease.session().query(kDeletedTerminals, read_judged);
  all &= end_each(lease, deleted, [&](db::Session& db, const Ending::Judged& terminal) {
    const auto terminal_id = db.query_one(
        kTerminalOf, [](const db::Row& row) { return row.id("terminal_id"); }, terminal.id);
    ending_->terminal(db, terminal, Cause::kDisconnected);
    if (terminal_id) events_.forget(db, {events::PartyKind::kTerminal, *terminal_id});
  });
  const auto sessions = lease.session().query(kGroundlessSessions, read_id);
  all &= end_each(lease, sessions, [&](db::Session& db, std::uint64_t id) {
    ending_->access_session(db, id, Cause::kDeactivated);
  });
  auto uses = lease.session().query(kGroundlessUses, read_id);
  const auto chains = lease.session().query(kGroundlessChains, read_id);
  const bool more_uses = uses.size() == kChunk || chains.size() == kChunk;
  uses.insert(uses.end(), chains.begin(), chains.end());
  all &= end_each(lease, uses, [&](db::Session& db, std::uint64_t id) {
    ending_->service_session(db, id, Cause::kUnsubscribed);
  });
  return all &&
         (logged_out.size() == kChunk || deleted.size() == kChunk || sessions.size() == kChunk || more_uses);
}

bool Coordination::sweep(db::Pool& pool) {
  return pool.in_transaction([&](db::Session& db) { return contact_states_->sweep(db); });
}

namespace {

// A service that has connected again since a session was opened was gone in between. Two seconds:
// the opening may have seen another node's clock than the connecting.
constexpr std::string_view kGoneUsed = R"sql(
SELECT used.service_id, IF(s.connected = 1, s.since - INTERVAL 2 SECOND, NULL) AS opened_before
FROM (SELECT DISTINCT service_id FROM service_session) used LEFT JOIN service s ON s.account_id = used.service_id
WHERE s.account_id IS NULL OR s.connected = 0 OR s.since > UTC_TIMESTAMP(6) - INTERVAL 1 HOUR)sql";
constexpr std::string_view kSessionsWithGone = R"sql(
SELECT id FROM service_session
WHERE service_id = ? AND opened_at < COALESCE(?, UTC_TIMESTAMP(6)) ORDER BY opened_at LIMIT 200)sql";

constexpr std::string_view kGonePortals = R"sql(
SELECT used.via_service_id AS service_id, IF(s.connected = 1, s.since - INTERVAL 2 SECOND, NULL) AS opened_before
FROM (SELECT DISTINCT via_service_id FROM terminal_session WHERE via_service_id IS NOT NULL) used
  LEFT JOIN service s ON s.account_id = used.via_service_id
WHERE s.account_id IS NULL OR s.connected = 0 OR s.since > UTC_TIMESTAMP(6) - INTERVAL 1 HOUR)sql";
constexpr std::string_view kTerminalsViaGone = R"sql(
SELECT id, version FROM terminal_session
WHERE via_service_id = ? AND connected_at < COALESCE(?, UTC_TIMESTAMP(6)) ORDER BY connected_at LIMIT 200)sql";

struct Gone {
  std::uint64_t service_id = 0;
  std::optional<Time> opened_before;  // nothing: all
};

Gone read_gone(const db::Row& row) { return {row.id("service_id"), row.time_or_null("opened_before")}; }

}  // namespace

Coordination::Hanging Coordination::find_hanging(db::Session& db) {
  Hanging hanging;
  for (const Gone& gone : db.query(kGoneUsed, read_gone)) {
    const auto ids = db.query(
        kSessionsWithGone, [](const db::Row& row) { return row.id("id"); }, gone.service_id,
        gone.opened_before);
    hanging.service_sessions.insert(hanging.service_sessions.end(), ids.begin(), ids.end());
  }
  for (const Gone& gone : db.query(kGonePortals, read_gone)) {
    const auto terminals = db.query(kTerminalsViaGone, read_judged, gone.service_id, gone.opened_before);
    hanging.terminals.insert(hanging.terminals.end(), terminals.begin(), terminals.end());
  }
  return hanging;
}

// In the transaction of the event; where there are more, the job ends them.
void Coordination::end_some_with_gone_services(db::Session& db) {
  constexpr std::size_t kSome = 25;
  Hanging hanging = find_hanging(db);
  hanging.service_sessions.resize(std::min(kSome, hanging.service_sessions.size()));
  hanging.terminals.resize(std::min(kSome, hanging.terminals.size()));
  for (const auto id : hanging.service_sessions) ending_->service_session(db, id, Cause::kServiceGone);
  for (const auto& terminal : hanging.terminals) ending_->terminal(db, terminal, Cause::kServiceGone);
}

}  // namespace whitebrick::coordination
