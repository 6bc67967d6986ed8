// M4 by polling: the states of a profile's contacts, as changes since a version.

#include "modules/coordination/contact_names.hpp"
#include "modules/coordination/contact_states.hpp"
#include "modules/coordination/coordination.hpp"
#include "modules/coordination/states_version.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

// Connected with the caller's own token, or through the calling portal: what is answered counts as
// told, so it is told to nobody else.
constexpr std::string_view kSessionOfCaller = R"sql(
SELECT a.id FROM access_session a JOIN terminal_session c ON c.id = a.terminal_session_id
WHERE a.profile_id = ? AND c.via_service_id <=> ? AND (c.via_service_id IS NOT NULL OR (c.account_id = ? AND c.token_id = ?))
ORDER BY a.id = ? DESC, a.id DESC LIMIT 1)sql";

}  // namespace

WaitKey Coordination::states_key(std::uint64_t access_session_id) {
  return "states:" + std::to_string(access_session_id);
}

StatesPlace Coordination::states_place(db::Session& db, const Caller& caller,
                                       const std::optional<std::string>& user_token,
                                       const std::string& profile, std::uint64_t since) {
  const Subject subject = this->subject(db, caller, user_token);
  auto key = profiles_.find_profile(db, subject.user_id, profile);
  if (!key) throw Fault(FaultCode::NOT_FOUND, "the user has no such profile", "profileId");
  const auto session = db.query_one(
      kSessionOfCaller, [](const db::Row& row) { return row.id("id"); }, key->id, subject.via_service_id,
      subject.account_id, subject.token_id, states_version(since).session);
  return {*std::move(key), session};
}

namespace {

constexpr std::string_view kVersions = R"sql(
SELECT state_version, whole_version FROM access_session WHERE id = ?)sql";
constexpr std::string_view kToldSince = R"sql(
SELECT number, told_state, told_offers FROM contact_watch WHERE access_session_id = ? AND version > ? AND version <= ?
ORDER BY version, number)sql";

struct Versions {
  std::uint64_t state, whole;
};

std::optional<Versions> versions_of(db::Session& db, std::uint64_t session) {
  return db.query_one(
      kVersions,
      [](const db::Row& row) {
        return Versions{row.id("state_version"), row.id("whole_version")};
      },
      session);
}

}  // namespace

// The version is read before the states: what is told in between has a later one and is left to the next
// answer.
ContactDelta Coordination::contact_states(db::Session& db, const StatesPlace& place, std::uint64_t since) {
  const std::string& profile = place.profile.profile;
  const auto versions = place.access_session_id ? versions_of(db, *place.access_session_id) : std::nullopt;
  if (!versions) {
    ContactDelta whole{.version = 0, .complete = true, .contacts = {}};
    const auto wanted = profiles_.wanted_contacts(db, place.profile.id);
    const auto views = availability_.views(db, place.profile.user_id, 0, wanted);
    for (const auto& view : views) {
      whole.contacts.push_back({profile, view.number, reach_of(view)});
    }
    add_names(db, whole.contacts);
    return whole;
  }
  const std::uint64_t session = *place.access_session_id;
  const StatesVersion asked = states_version(since);
  if (asked.session == session && asked.state >= versions->whole && asked.state <= versions->state &&
      asked.state > 0) {
    ContactDelta changes{.version = to_wire({session, versions->state}), .complete = false, .contacts = {}};
    if (asked.state == versions->state) return changes;
    changes.contacts = db.query(
        kToldSince,
        [&](const db::Row& row) {
          return WatchedContact{profile,
                                row.text("number"),
                                {static_cast<Connectability>(row.number("told_state")),
                                 static_cast<availability::Offers>(row.number("told_offers"))}};
        },
        session, asked.state, versions->state);
    add_names(db, changes.contacts);
    return changes;
  }
  ContactDelta whole{.version = 0, .complete = true, .contacts = {}};
  whole.contacts = contact_states_->snapshot(db, place.profile.user_id, {session});
  if (const auto now = versions_of(db, session)) whole.version = to_wire({session, now->state});
  return whole;
}

}  // namespace whitebrick::coordination
