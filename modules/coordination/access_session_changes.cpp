// An access session that goes on with another profile, and the choice where calls ring (11.b, 7.6).

#include "modules/coordination/contact_states.hpp"
#include "modules/coordination/coordination.hpp"
#include "modules/coordination/ending.hpp"
#include "modules/coordination/terminal_session.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

constexpr std::string_view kTerminalOfSession = R"sql(
SELECT a.user_id, c.terminal_id FROM access_session a JOIN terminal_session c ON c.id = a.terminal_session_id
WHERE a.public_id = UNHEX(?))sql";
constexpr std::string_view kLockSession = R"sql(
SELECT a.id, a.profile_id, a.subscription_id, p.contact_number FROM access_session a
  LEFT JOIN profile p ON p.id = a.profile_id
WHERE a.public_id = UNHEX(?) FOR UPDATE)sql";
constexpr std::string_view kActiveThere = R"sql(
SELECT 1 AS yes FROM access_session WHERE terminal_session_id = ? AND profile_id = ?)sql";
// Whoever asks for its contacts' changes since before is answered those of the new profile.
constexpr std::string_view kGoOnWith = R"sql(
UPDATE access_session SET profile_id = ?, subscription_id = ?, rings = 0, state_version = state_version + 1,
  whole_version = state_version, told_at = UTC_TIMESTAMP(6) WHERE id = ?)sql";
constexpr std::string_view kForgetWatches = R"sql(
DELETE FROM contact_watch WHERE access_session_id = ?)sql";
constexpr std::string_view kServicesInUse = R"sql(
SELECT id FROM service_session WHERE access_session_id = ? ORDER BY id)sql";
constexpr std::string_view kUseWith = R"sql(
UPDATE service_session SET profile_id = ?, version = version + 1 WHERE id = ?)sql";
// Written in every session of the profile, so that two who choose at once collide.
constexpr std::string_view kRingsHere = R"sql(
UPDATE access_session SET rings = IF(id = ?, ?, 0), state_version = state_version + 1 WHERE profile_id = ?)sql";
constexpr std::string_view kRingsHereNoMore = R"sql(
UPDATE access_session SET rings = 0 WHERE id = ?)sql";

struct Session {
  std::uint64_t id, profile_id, subscription_id;
  std::optional<std::string> number;
};

}  // namespace

ConnectedTerminal Coordination::modify_access_session(db::Session& db, const Caller& caller,
                                                      const std::optional<std::string>& user_token,
                                                      const AccessSessionChange& change) {
  const Subject subject = this->subject(db, caller, user_token);
  struct Place {
    std::uint64_t user_id, terminal_id;
  };
  const auto place = db.query_one(
      kTerminalOfSession,
      [](const db::Row& row) {
        return Place{row.id("user_id"), row.id("terminal_id")};
      },
      change.access_session_id);
  if (place && place->user_id != subject.user_id) {
    throw Fault(FaultCode::NOT_FOUND, "no such access session", "accessSessionId");
  }
  // The terminal is locked before its sessions, as everywhere.
  const auto terminal = place ? TerminalSession::find(db, place->terminal_id) : std::nullopt;
  const auto session = db.query_one(
      kLockSession,
      [](const db::Row& row) {
        return Session{row.id("id"), row.id("profile_id"), row.id("subscription_id"),
                       row.text_or_null("contact_number")};
      },
      change.access_session_id);
  if (!terminal || !session) {
    throw Fault(FaultCode::SESSION_ENDED, "this access session is over", "accessSessionId");
  }
  TerminalSession::touch(db, terminal->id);

  std::uint64_t profile_id = session->profile_id;
  if (change.profile) {
    const auto key = profiles_.find_profile(db, subject.user_id, *change.profile);
    if (!key) throw Fault(FaultCode::NOT_FOUND, "the user has no such profile", "profileId");
    if (key->id != profile_id) {
      profile_id = key->id;
      go_on_with(db, *terminal, session->id, session->subscription_id, *key);
      if (session->number) publish_session_changed(db, events_, *session->number);
    }
  }
  if (change.rings.value_or(false)) {
    db.execute(kRingsHere, session->id, 1, profile_id);
  } else if (change.rings) {
    db.execute(kRingsHereNoMore, session->id);
  }
  return answer(db, *terminal, profile_id);
}

// What the profile does not use, or not that by means of which it is used, ends with the change; the rest
// goes on.
void Coordination::go_on_with(db::Session& db, const TerminalSession& terminal, std::uint64_t session_id,
                              std::uint64_t subscription_id, const profiles::ProfileKey& profile) {
  if (db.query_one(
          kActiveThere, [](const db::Row&) { return true; }, terminal.id, profile.id)) {
    throw Fault(FaultCode::ALREADY_EXISTS, "this profile is active at the terminal already", "profileId");
  }
  const auto uses = db.query(
      kServicesInUse, [](const db::Row& row) { return row.id("id"); }, session_id);
  for (const auto use : uses) {
    if (subscribes_to_chain(db, profile.id, use)) {
      db.execute(kUseWith, profile.id, use);
    } else {
      ending_->service_session(db, use, Cause::kUnsubscribed);
    }
  }
  const auto subscription =
      events_.subscribe_terminal(db, terminal.terminal_id, terminal.queue_id, profile.id, {"*"});
  db.execute(kGoOnWith, profile.id, subscription.id, session_id);
  db.execute(kForgetWatches, session_id);
  events_.unsubscribe_terminal(db, subscription_id);
  if (profile.contact_number) publish_session_changed(db, events_, *profile.contact_number);
}

}  // namespace whitebrick::coordination
