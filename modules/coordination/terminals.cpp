// Terminals connect, directly or through a portal, activate profiles and disconnect (M2, 11.b).

#include <algorithm>
#include <set>

#include "modules/coordination/calls.hpp"
#include "modules/coordination/contact_alerts.hpp"
#include "modules/coordination/contact_states.hpp"
#include "modules/coordination/contexts.hpp"
#include "modules/coordination/coordination.hpp"
#include "modules/coordination/ending.hpp"
#include "modules/coordination/session_id.hpp"
#include "modules/coordination/terminal_session.hpp"
#include "modules/coordination/urgent.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {

Coordination::Coordination(Settings settings, identity::Identity& identity, directory::Directory& directory,
                           profiles::Profiles& profiles, availability::Availability& availability,
                           events::Events& events, Wake& wake)
    : settings_(settings),
      identity_(identity),
      directory_(directory),
      profiles_(profiles),
      availability_(availability),
      events_(events),
      calls_(std::make_unique<Calls>(Calls::Settings{}, profiles, availability, events)),
      urgent_messages_(std::make_unique<UrgentMessages>(profiles, events)),
      contact_alerts_(std::make_unique<ContactAlerts>(availability, events)),
      contact_states_(std::make_unique<ContactStates>(profiles, availability, events, wake)),
      contexts_(std::make_unique<Contexts>(events)),
      ending_(std::make_unique<Ending>(events, *contexts_, wake)) {}

Coordination::~Coordination() = default;

bool Coordination::expire_calls(db::Pool& pool) { return calls_->expire(pool); }
bool Coordination::repeat_urgent(db::Pool& pool) { return urgent_messages_->repeat(pool); }
bool Coordination::check_contact_alerts(db::Pool& pool) { return contact_alerts_->check(pool); }

Coordination::Subject Coordination::subject(db::Session& db, const Caller& caller,
                                            const std::optional<std::string>& user_token) {
  if (caller.role == Role::kUser) {
    if (user_token)
      throw Fault(FaultCode::INVALID_ARGUMENT, "a user calls with a token of his own", "userToken");
    return {caller.user_id, caller.account_id, caller.token_id, caller.account_version, std::nullopt};
  }
  if (caller.role != Role::kService)
    throw Fault(FaultCode::FORBIDDEN, "only users and services connect terminals");
  if (!user_token) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "a service speaks for a user with the user's token",
                "userToken");
  }
  if (!directory_.is_connected(db, caller.account_id)) {
    throw Fault(FaultCode::NOT_CONNECTED, "connect the service first");
  }
  const Caller user = identity_.caller_of_token(db, *user_token);
  return {user.user_id, user.account_id, user.token_id, user.account_version, caller.account_id};
}

namespace {

constexpr std::string_view kFindSession = R"sql(
SELECT id, LOWER(HEX(public_id)) AS public_id, user_id, queue_id, lease_seconds, version
FROM terminal_session WHERE terminal_id = ? FOR UPDATE)sql";

}  // namespace

std::optional<Coordination::TerminalSession> Coordination::TerminalSession::find(db::Session& db,
                                                                                 std::uint64_t terminal_id) {
  return db.query_one(
      kFindSession,
      [&](const db::Row& row) {
        TerminalSession session;
        session.id = row.id("id");
        session.public_id = row.text("public_id");
        session.terminal_id = terminal_id;
        session.user_id = row.id("user_id");
        session.queue_id = row.id("queue_id");
        session.lease_seconds = static_cast<int>(row.number("lease_seconds"));
        session.version = row.id("version");
        return session;
      },
      terminal_id);
}

namespace {

constexpr std::string_view kInsertSession = R"sql(
INSERT INTO terminal_session (public_id, terminal_id, user_id, account_id, account_version, token_id, via_service_id, queue_id,
  connected_at, lease_seconds, lease_until)
VALUES (UNHEX(?), ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), ?, IF(?, NULL, UTC_TIMESTAMP(6) + INTERVAL ? SECOND)))sql";
constexpr std::string_view kBindSession = R"sql(
UPDATE terminal_session SET account_id = ?, account_version = ?, token_id = ?, via_service_id = ?, queue_id = ?,
  connected_at = UTC_TIMESTAMP(6), lease_seconds = ?,
  lease_until = IF(?, NULL, UTC_TIMESTAMP(6) + INTERVAL ? SECOND), version = version + 1
WHERE id = ?)sql";

}  // namespace

// The terminal's session, new or bound to this token and this way of connecting.
Coordination::TerminalSession Coordination::bind_terminal(db::Session& db, const Subject& subject,
                                                          std::uint64_t terminal_id, int lease_seconds) {
  const bool portal = subject.via_service_id.has_value();
  const auto queue = portal ? events_.open_queue(db, {events::PartyKind::kService, *subject.via_service_id},
                                                 events::Events::kTerminals)
                            : events_.open_queue(db, {events::PartyKind::kTerminal, terminal_id}, "");
  if (auto found = TerminalSession::find(db, terminal_id)) {
    db.execute(kBindSession, subject.account_id, subject.account_version, subject.token_id,
               subject.via_service_id, queue, lease_seconds, portal, lease_seconds, found->id);
    found->moved = found->queue_id != queue;
    found->queue_id = queue;
    found->lease_seconds = lease_seconds;
    return *found;
  }
  TerminalSession session;
  session.public_id = random_session_id();
  session.terminal_id = terminal_id;
  session.user_id = subject.user_id;
  session.queue_id = queue;
  session.lease_seconds = lease_seconds;
  try {
    session.id = db.insert(kInsertSession, session.public_id, terminal_id, subject.user_id,
                           subject.account_id, subject.account_version, subject.token_id,
                           subject.via_service_id, queue, lease_seconds, portal, lease_seconds);
  } catch (const db::DuplicateKey& e) {
    throw db::Conflict(e.code(), e.what());  // connected at the same time: bind that one
  }
  return session;
}

namespace {

constexpr std::string_view kOpenProfiles = R"sql(
SELECT id, profile_id FROM access_session WHERE terminal_session_id = ? ORDER BY id FOR UPDATE)sql";
constexpr std::string_view kMoveSubscription = R"sql(
UPDATE access_session SET subscription_id = ? WHERE id = ?)sql";

}  // namespace

// Connected another way than before: what its sessions receive goes into another queue.
void Coordination::move_subscriptions(db::Session& db, const TerminalSession& session) {
  struct Open {
    std::uint64_t id, profile_id;
  };
  const auto open = db.query(
      kOpenProfiles,
      [](const db::Row& row) {
        return Open{row.id("id"), row.id("profile_id")};
      },
      session.id);
  for (const Open& access : open) {
    const auto moved =
        events_.subscribe_terminal(db, session.terminal_id, session.queue_id, access.profile_id, {"*"});
    db.execute(kMoveSubscription, moved.id, access.id);
  }
}

ConnectedTerminal Coordination::connect_terminal(db::Session& db, const Caller& caller,
                                                 const std::optional<std::string>& user_token,
                                                 const std::string& terminal,
                                                 const std::vector<std::string>& profiles,
                                                 std::optional<int> lease_seconds) {
  const Subject subject = this->subject(db, caller, user_token);
  const auto terminal_id = profiles_.find_terminal(db, subject.user_id, terminal);
  if (!terminal_id) throw Fault(FaultCode::NOT_FOUND, "the user has no such terminal", "terminalId");

  std::vector<profiles::ProfileKey> keys;
  if (profiles.empty()) keys = profiles_.profiles_of(db, subject.user_id);
  for (const auto& profile : std::set<std::string>(profiles.begin(), profiles.end())) {
    const auto key = profiles_.find_profile(db, subject.user_id, profile);
    if (!key) throw Fault(FaultCode::NOT_FOUND, "the user has no profile " + profile, "activate");
    keys.push_back(*key);
  }
  const auto session = bind_terminal(
      db, subject, *terminal_id, lease_seconds.value_or(static_cast<int>(settings_.terminal_lease.count())));
  db.after_commit([this, subject] { leases_.forget(lease_key(subject.account_id, subject.token_id)); });
  if (session.moved) move_subscriptions(db, session);
  open_profiles(db, session, keys);
  return answer(db, session, std::nullopt);
}

ConnectedTerminal Coordination::activate_profile(db::Session& db, const Caller& caller,
                                                 const std::optional<std::string>& user_token,
                                                 const std::string& terminal, const std::string& profile) {
  const Subject subject = this->subject(db, caller, user_token);
  const auto terminal_id = profiles_.find_terminal(db, subject.user_id, terminal);
  if (!terminal_id) throw Fault(FaultCode::NOT_FOUND, "the user has no such terminal", "terminalId");
  const auto key = profiles_.find_profile(db, subject.user_id, profile);
  if (!key) throw Fault(FaultCode::NOT_FOUND, "the user has no such profile", "profileId");
  const auto session = TerminalSession::find(db, *terminal_id);
  if (!session) throw Fault(FaultCode::NOT_CONNECTED, "connect the terminal first", "terminalId");
  TerminalSession::touch(db, session->id);

  open_profiles(db, *session, {*key});
  return answer(db, *session, key->id);
}

namespace {

constexpr std::string_view kTouch = R"sql(
UPDATE terminal_session SET version = version + 1 WHERE id = ?)sql";

}  // namespace

void Coordination::TerminalSession::touch(db::Session& db, std::uint64_t id) { db.execute(kTouch, id); }

Ended Coordination::disconnect_terminal(db::Session& db, const Caller& caller,
                                        const std::optional<std::string>& user_token,
                                        const std::string& terminal) {
  const Subject subject = this->subject(db, caller, user_token);
  const auto terminal_id = profiles_.find_terminal(db, subject.user_id, terminal);
  if (!terminal_id) throw Fault(FaultCode::NOT_FOUND, "the user has no such terminal", "terminalId");
  if (const auto session = TerminalSession::find(db, *terminal_id)) {
    if (const auto ended = ending_->terminal(db, {session->id, session->version}, Cause::kDisconnected))
      return *ended;
  }
  return {.already = true};
}

}  // namespace whitebrick::coordination
