// Access sessions (11.b, 21): one per profile that is active at a connected terminal.

#include <algorithm>

#include "modules/coordination/contact_states.hpp"
#include "modules/coordination/coordination.hpp"
#include "modules/coordination/ending.hpp"
#include "modules/coordination/session_id.hpp"
#include "modules/coordination/terminal_session.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

constexpr std::string_view kOpenProfiles = R"sql(
SELECT profile_id FROM access_session WHERE terminal_session_id = ?)sql";
constexpr std::string_view kInsertAccessSession = R"sql(
INSERT INTO access_session (public_id, terminal_session_id, user_id, profile_id, subscription_id, opened_at)
VALUES (UNHEX(?), ?, ?, ?, ?, UTC_TIMESTAMP(6)))sql";

AccessSession read_access_session(const db::Row& row) {
  AccessSession session{.id = row.text("public_id"),
                        .user = row.text("user"),
                        .profile = row.text("profile"),
                        .terminal = row.text("terminal"),
                        .opened_at = row.time("opened_at"),
                        .via = std::nullopt,
                        .rings = row.flag("rings")};
  if (const auto name = row.text_or_null("via_name")) session.via = {*name, row.text("via_provider")};
  return session;
}

constexpr std::string_view kSessionsOfTerminal = R"sql(
SELECT LOWER(HEX(a.public_id)) AS public_id, u.name AS user, p.name AS profile, t.name AS terminal, a.opened_at, a.rings,
  s.name AS via_name, s.provider AS via_provider
FROM access_session a JOIN terminal_session c ON c.id = a.terminal_session_id
  JOIN terminal t ON t.id = c.terminal_id JOIN profile p ON p.id = a.profile_id JOIN user u ON u.id = a.user_id
  LEFT JOIN service s ON s.account_id = c.via_service_id
WHERE a.terminal_session_id = ? AND (? IS NULL OR a.profile_id = ?) ORDER BY a.id)sql";

}  // namespace

void Coordination::open_profiles(db::Session& db, const TerminalSession& terminal,
                                 const std::vector<profiles::ProfileKey>& keys) {
  const auto open = db.query(
      kOpenProfiles, [](const db::Row& row) { return row.id("profile_id"); }, terminal.id);
  for (const auto& key : keys) {
    if (std::find(open.begin(), open.end(), key.id) != open.end()) continue;
    const auto subscription =
        events_.subscribe_terminal(db, terminal.terminal_id, terminal.queue_id, key.id, {"*"});
    db.execute(kInsertAccessSession, random_session_id(), terminal.id, terminal.user_id, key.id,
               subscription.id);
    if (key.contact_number) publish_session_changed(db, events_, *key.contact_number);
  }
}

namespace {

constexpr std::string_view kOpenSessions = R"sql(
SELECT id FROM access_session WHERE terminal_session_id = ? AND (? IS NULL OR profile_id = ?))sql";
constexpr std::string_view kLastEvent = R"sql(
SELECT COALESCE(MAX(id), 0) AS last FROM event)sql";
// Written, not only locked: on a cluster locks hold on one node alone, and there the writes make those
// who tell the same session on other nodes begin anew.
constexpr std::string_view kAnswered = R"sql(
UPDATE access_session SET state_version = state_version + 1
WHERE terminal_session_id = ? AND (? IS NULL OR profile_id = ?))sql";

}  // namespace

// What a terminal is told of a contact later is an event stored later: it waits for the locks that
// the snapshot takes, so its id is higher than any that can be seen here. What it was told before is
// seen here.
ConnectedTerminal Coordination::answer(db::Session& db, const TerminalSession& terminal,
                                       std::optional<std::uint64_t> profile_id) {
  const auto sessions = db.query(
      kOpenSessions, [](const db::Row& row) { return row.id("id"); }, terminal.id, profile_id, profile_id);
  ConnectedTerminal connected;
  connected.terminal_session_id = terminal.public_id;
  connected.lease_seconds = terminal.lease_seconds;
  connected.contacts = contact_states_->snapshot(db, terminal.user_id, sessions);
  db.execute(kAnswered, terminal.id, profile_id, profile_id);
  connected.access_sessions =
      db.query(kSessionsOfTerminal, read_access_session, terminal.id, profile_id, profile_id);
  connected.snapshot_version =
      db.query_one(kLastEvent, [](const db::Row& row) { return row.id("last"); }).value_or(0);
  connected.backlog = events_.backlog(db, terminal.queue_id);
  return connected;
}

namespace {

constexpr std::string_view kFindAccessSession = R"sql(
SELECT id, user_id FROM access_session WHERE public_id = UNHEX(?))sql";

}  // namespace

Ended Coordination::deactivate_profile(db::Session& db, const Caller& caller,
                                       const std::optional<std::string>& user_token,
                                       const std::string& access_session_id) {
  const Subject subject = this->subject(db, caller, user_token);
  struct Found {
    std::uint64_t id, user_id;
  };
  const auto found = db.query_one(
      kFindAccessSession,
      [](const db::Row& row) {
        return Found{row.id("id"), row.id("user_id")};
      },
      access_session_id);
  if (found && found->user_id != subject.user_id) {
    throw Fault(FaultCode::NOT_FOUND, "no such access session", "accessSessionId");
  }
  if (found) {
    if (const auto ended = ending_->access_session(db, found->id, Cause::kDeactivated)) return *ended;
  }
  return {.already = true};
}

namespace {

constexpr std::string_view kSessionsOfUser = R"sql(
SELECT LOWER(HEX(a.public_id)) AS public_id, u.name AS user, p.name AS profile, t.name AS terminal, a.opened_at, a.rings,
  s.name AS via_name, s.provider AS via_provider
FROM access_session a JOIN terminal_session c ON c.id = a.terminal_session_id
  JOIN terminal t ON t.id = c.terminal_id JOIN profile p ON p.id = a.profile_id JOIN user u ON u.id = a.user_id
  LEFT JOIN service s ON s.account_id = c.via_service_id
WHERE a.user_id = ? ORDER BY a.id LIMIT 1001)sql";

}  // namespace

std::vector<AccessSession> Coordination::access_sessions(db::Session& db, std::uint64_t user_id) {
  return db.query(kSessionsOfUser, read_access_session, user_id);
}

}  // namespace whitebrick::coordination
