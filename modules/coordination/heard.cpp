// What coordination hears of the modules below, as a durable subscriber of their events. Handlers
// look at what is stored now; an event only says where to look.

#include "modules/coordination/contact_alerts.hpp"
#include "modules/coordination/contact_states.hpp"
#include "modules/coordination/contents.hpp"
#include "modules/coordination/coordination.hpp"
#include "modules/coordination/ending.hpp"
#include "modules/coordination/urgent.hpp"

namespace whitebrick::coordination {
namespace {

constexpr std::string_view kProfile = R"sql(
SELECT user_id, contact_number FROM profile WHERE id = ?)sql";

}  // namespace

void Coordination::subscribe(events::ComponentWorkers& workers) {
  workers.subscribe("coordination",
                    {"mode.changed", "profile.changed", "profile.deleted", "profile.service_removed",
                     "profile.terminal_deleted", "session.changed", "session.refresh", "service.unavailable",
                     "account.changed"},
                    [this](db::Session& db, const events::Event& event) { heard(db, event); });
}

void Coordination::heard(db::Session& db, const events::Event& event) {
  if (event.type == "session.changed") {
    const auto watchers = read_watchers(event.content);
    contact_states_->tell_watchers(db, watchers.number, watchers.told_up_to);
    if (watchers.told_up_to == 0) contact_alerts_->number_changed(db, watchers.number);
  } else if (event.type == "session.refresh") {
    const auto sessions = read_refresh(event.content);
    contact_states_->refresh(db, sessions.user_id, sessions.done_up_to);
  } else if (event.type == "mode.changed") {
    for (const auto& name : event.profiles) {
      const auto user_id = profiles_.find_user(db, name.user);
      const auto profile = user_id ? profiles_.find_profile(db, *user_id, name.profile) : std::nullopt;
      if (!profile || !profile->contact_number) continue;
      contact_states_->tell_watchers(db, *profile->contact_number);
      contact_alerts_->number_changed(db, *profile->contact_number);
    }
  } else if (event.type == "profile.changed") {
    profile_changed(db, profiles::read_change(event.content));
  } else if (event.type.starts_with("profile.")) {
    removed(db, event);
  } else if (event.type == "service.unavailable") {
    end_some_with_gone_services(db);
  } else if (event.type == "account.changed") {
    if (const auto account = element_text(event.content, "accountName"))
      end_terminals_of_account(db, *account);
  }
}

// Others see its owner differently, and its owner may want to know others and see them differently.
void Coordination::profile_changed(db::Session& db, const profiles::Change& change) {
  if (change.former_number) contact_states_->tell_watchers(db, *change.former_number);
  struct Owner {
    std::uint64_t user_id;
    std::optional<std::string> number;
  };
  const auto owner = db.query_one(
      kProfile,
      [](const db::Row& row) {
        return Owner{row.id("user_id"), row.text_or_null("contact_number")};
      },
      change.profile_id);
  if (!owner) return;
  if (owner->number) {
    contact_states_->tell_watchers(db, *owner->number);
    contact_alerts_->number_changed(db, *owner->number);
  }
  contact_states_->refresh(db, owner->user_id);
}

namespace {

constexpr std::string_view kSessionsOfProfile = R"sql(
SELECT id FROM access_session WHERE profile_id = ? ORDER BY id)sql";
// And those used by means of one, also of one in another profile.
constexpr std::string_view kSessionsWithService = R"sql(
WITH RECURSIVE used (id, profile_id) AS (
  SELECT s.id, s.profile_id FROM profile p JOIN service_session s ON s.user_id = p.user_id AND s.service_id = ?
  WHERE p.id = ?
  UNION ALL SELECT s.id, s.profile_id FROM used u JOIN service_session s ON s.via_session_id = u.id)
SELECT id FROM used WHERE profile_id = ? ORDER BY id)sql";
constexpr std::string_view kSessionOfTerminal = R"sql(
SELECT id, version FROM terminal_session WHERE terminal_id = ?)sql";

}  // namespace

void Coordination::removed(db::Session& db, const events::Event& event) {
  const auto removal = profiles::read_removal(event.content);
  const auto read_id = [](const db::Row& row) { return row.id("id"); };
  if (event.type == "profile.deleted") {
    for (const auto id : db.query(kSessionsOfProfile, read_id, removal.id)) {
      ending_->access_session(db, id, Cause::kDeactivated);
    }
    if (removal.former_number) contact_states_->tell_watchers(db, *removal.former_number);
    // What others granted to its number shows in his other profiles too.
    if (removal.user_id) contact_states_->refresh(db, *removal.user_id);
    contact_alerts_->forget(db, removal.id);
    urgent_messages_->forget(db, removal.id);
  } else if (event.type == "profile.service_removed" && removal.service_id) {
    if (profiles_.subscribes_to(db, removal.id, *removal.service_id)) return;  // again
    for (const auto id :
         db.query(kSessionsWithService, read_id, *removal.service_id, removal.id, removal.id)) {
      ending_->service_session(db, id, Cause::kUnsubscribed);
    }
  } else if (event.type == "profile.terminal_deleted") {
    const auto terminal = db.query_one(
        kSessionOfTerminal,
        [](const db::Row& row) {
          return Ending::Judged{row.id("id"), row.id("version")};
        },
        removal.id);
    if (terminal) ending_->terminal(db, *terminal, Cause::kDisconnected);
    events_.forget(db, {events::PartyKind::kTerminal, removal.id});
  }
}

namespace {

// Who has connected with the account's new password stays, however late this is heard.
constexpr std::string_view kTerminalsOfAccount = R"sql(
SELECT c.id, c.version FROM account a JOIN terminal_session c ON c.account_id = a.id
WHERE a.name = ? AND (a.disabled = 1 OR c.account_version <> a.version) ORDER BY c.id)sql";

}  // namespace

void Coordination::end_terminals_of_account(db::Session& db, const std::string& account) {
  const auto terminals = db.query(
      kTerminalsOfAccount,
      [](const db::Row& row) {
        return Ending::Judged{row.id("id"), row.id("version")};
      },
      account);
  for (const auto& terminal : terminals) ending_->terminal(db, terminal, Cause::kAccountDisabled);
}

}  // namespace whitebrick::coordination
