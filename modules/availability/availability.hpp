#pragma once
// Availability modes, authorisations, and what one person may see of another (patent 12).
//
// The only header of this module that others may include. Knows no SOAP. Evaluated on the
// database clock whenever asked; no state depends on a timer.
// Of the modes that cover an asker wins: the narrowest contact list, then what was ordered by hand
// over what rules activate, then the higher priority, then the later activation (an interval's
// beginning). So an order holds against the rules until its end, or until resume_rules().
// Publishes (component "availability"): mode.changed, authorisation.asked (to the asked
// profile), authorisation.answered (to the asker's profile, only for a grant). A grant that
// comes or goes is told to components as profile.changed of its owner.
// Failures: Fault (the client can act on it) or db::Error (it cannot).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "modules/availability/calendar.hpp"
#include "modules/availability/communication.hpp"
#include "modules/availability/reach.hpp"
#include "modules/availability/view.hpp"
#include "modules/events/events.hpp"
#include "modules/profiles/profiles.hpp"
#include "server/row_failures.hpp"

namespace whitebrick::availability {

struct Mode {
  std::string mode;
  std::optional<std::string> activity;
  ModeState state = ModeState::kAvailable;
  TransferTarget transfer;  // for the state TRANSFER, one of the three
  Means means;
  std::vector<std::string> contacts;  // empty: applies to everybody
  int priority = 0;
  bool active = false;
  bool by_rules = false;  // active, and not by an order
  std::optional<Time> until;
  std::uint64_t version = 0;
  std::vector<Rule> rules;  // A5; put_rules() writes them
};

struct Modes {
  std::vector<Mode> modes;
  std::optional<ModeState> level;  // active availability level
  std::optional<Time> level_until;
  std::vector<Rule> rules;                     // A6
  std::optional<std::uint64_t> rules_version;  // of all rules; nothing: there were never any
  std::optional<Time> next_change;             // by rules
};

// A mode is active by rules from here to there.
struct PlannedMode {
  std::string mode;
  Time begin;
  std::optional<Time> end;
};

struct ImportedCalendar {
  std::uint64_t version = 0;
  std::vector<std::string> modes;  // whose rules are other ones now
  int rules = 0, skipped = 0;
};

struct Activation {
  std::optional<std::string> mode;  // exactly one of mode and level
  std::optional<ModeState> level;
  bool active = true;
  std::optional<Time> until;
};

struct AuthorisationAnswer {
  bool grant = false;
  bool one_shot = false;
  std::optional<Time> from = {}, until = {};
};

enum class AuthorisationStatus { kPending = 1, kGranted = 2, kRefused = 3, kUsed = 4 };

struct Authorisation {
  std::uint64_t id = 0;  // to its owner
  std::string profile;   // of whom it is listed for
  std::string contact;   // the other one
  AuthorisationStatus status = AuthorisationStatus::kPending;
  bool one_shot = false;
  std::optional<Time> from, until, asked_at, answered_at;
};

struct Authorisations {
  std::vector<Authorisation> given, asked;  // asked: kPending or kGranted
};

// What an asker's view of one number rests on, read by one query for all numbers.
struct View {
  std::string number;                         // normalised, as asked
  std::optional<profiles::ProfileKey> owner;  // nothing: not registered. Ids and number only, no names.
  Facts facts;                                // input of the pure rules in view.hpp
};

enum class StateSource { kMode = 1, kLevel = 2, kDefault = 3 };

// Why an asker sees what he sees.
struct Explanation {
  Time at;
  Verdict verdict;
  Standing standing = Standing::kOther;
  bool authorised = false, refused = false;  // on the list
  bool connected = false;                    // the owner is, with this profile
  std::optional<std::uint64_t> grant;        // id of the live one
  ProfilePolicy policy = ProfilePolicy::kAsk;
  StateSource source = StateSource::kDefault;  // of own_state
  ModeState own_state = ModeState::kUnknown;   // the owner's state towards him, if he may know it or not
  std::optional<std::string> mode;
  bool by_rule = false;
  std::vector<std::string> outranked;  // modes that cover him too, best first
  std::vector<CallRule> calls;
  std::optional<Time> next_change;  // within seven days
};

struct ContactSet {
  std::string id;  // "refused", "authorised", "granted" or "mode:" and its name
  std::vector<std::string> contacts;
};

// The whole compiled filter of a profile (12.c).
struct FilterDocument {
  std::uint64_t version = 0;
  Time valid_from, valid_until;
  std::vector<ContactSet> sets;
  Filter filter;
  std::vector<CallRule> calls(const FilterEntry&) const;
};

class OwnerCache;
class ReachCache;

class Availability {
 public:
  // About how much memory what is kept may take, of answers and of owners; 0: nothing is kept.
  struct KeptBytes {
    std::size_t reaches = std::size_t{4} << 20U, owners = std::size_t{12} << 20U;
  };
  Availability(profiles::Profiles&, events::Events&, KeptBytes);
  Availability(profiles::Profiles& profiles, events::Events& events)
      : Availability(profiles, events, KeptBytes()) {}
  ~Availability();
  // Before requests come: keeps nothing from here on if that is not safe in this database.
  void start(db::Pool&);

  // Faults: STALE_VERSION, INVALID_ARGUMENT(transferTo, transferToTerminal, transferToMedium),
  // NOT_FOUND(transferToTerminal).
  profiles::Written put_mode(db::Session&, const profiles::ProfileKey&, const Mode&,
                             std::optional<std::uint64_t> if_version);
  Modes list_modes(db::Session&, const profiles::ProfileKey&);
  // A general mode (no contacts) or a level ends the general mode or level active before it;
  // modes for some contacts are active beside it. Answers when it became active. An order that a
  // mode be off holds against rules that have it active, until that period or `until` is over.
  // Faults: NOT_FOUND(modeId), INVALID_ARGUMENT(until: not in the future).
  Time activate(db::Session&, const profiles::ProfileKey&, const Activation&);

  // Replaces the rules of one mode or, without a mode, of the profile (calendar.hpp says what they
  // mean and what is refused). Faults also: NOT_FOUND(modeId), STALE_VERSION.
  profiles::Written put_rules(db::Session&, const profiles::ProfileKey&,
                              const std::optional<std::string>& mode, std::vector<Rule>,
                              std::optional<std::uint64_t> if_version);
  // Ends what was ordered by hand, modes and levels, on and off; answers how many orders.
  int resume_rules(db::Session&, const profiles::ProfileKey&);
  // What the rules come to in [from, to), orders by hand aside, as it is stored when it comes near.
  // Faults: INVALID_ARGUMENT(from, to), LIMIT_EXCEEDED(to).
  std::vector<PlannedMode> preview_calendar(db::Session&, const profiles::ProfileKey&, Time from, Time to);
  // From and to iCalendar texts (availability.wsdl says how they map). Faults: INVALID_ARGUMENT(calendar and
  // as put_rules), NOT_FOUND(modeId), LIMIT_EXCEEDED(calendar, rule...; profileId: too long a text),
  // STALE_VERSION.
  ImportedCalendar import_calendar(db::Session&, const profiles::ProfileKey&, const std::string& text,
                                   const std::optional<std::string>& mode,
                                   std::optional<std::uint64_t> if_version);
  std::string export_calendar(db::Session&, const profiles::ProfileKey&);
  // With its rules, those of the profile about it too. Faults: NOT_FOUND(modeId), STALE_VERSION.
  void delete_mode(db::Session&, const profiles::ProfileKey&, const std::string& mode,
                   std::optional<std::uint64_t> if_version);

  // Asker: a user (0 for a service in its own name: `service_id`). Order as asked, one query.
  std::vector<View> views(db::Session&, std::uint64_t asker_user_id, std::uint64_t service_id,
                          const std::vector<std::string>& numbers);
  // What the asker is told of them. What was asked before and is the same still, as one short query says
  // (stamps.hpp), is not read again; one query for all others.
  enum class OneShot { kUse, kLeave };  // use_grants(), or not
  std::vector<Reach> reach(db::Session&, std::uint64_t asker_user_id, std::uint64_t service_id,
                           const std::vector<std::string>& numbers, OneShot);
  // The views of one owner by many askers: for telling those who watch `number`.
  std::vector<View> views_by(db::Session&, const std::string& number,
                             const std::vector<std::uint64_t>& asker_user_ids);

  // A view by who has this number, which no user has: with the modes that are for it. One query always.
  void cover_outsider(db::Session&, View&, const std::string& number);
  // In whose name a request is made: a user's, as a profile of his (id 0: as none in particular); a
  // service's, the user of a service session, as that session's profile. Faults:
  // SESSION_ENDED(serviceSessionId) (also: another service's), INVALID_ARGUMENT(serviceSessionId) (a service
  // must name one, a user must not), NOT_FOUND(profileId).
  profiles::ProfileKey acting_profile(db::Session&, const Caller&,
                                      const std::optional<std::string>& service_session,
                                      const std::optional<std::string>& profile);

  // Answers nothing and does the same number of queries whether the contact exists, hides, or has
  // refused before. Told to the asked profile is only who would see AUTHORISATION_REQUIRED, and
  // once while pending; never again after a refusal (the owner may still change his answer).
  // Faults: INVALID_ARGUMENT(profileId) (without a number nobody would know who asks).
  void request_authorisation(db::Session&, const profiles::ProfileKey& asker, const std::string& number,
                             const std::optional<std::string>& message);
  // May be answered again: the last answer counts. Faults: NOT_FOUND(authorisationId) (also
  // somebody else's), INVALID_ARGUMENT(until: not in the future; from).
  void answer_authorisation(db::Session&, const Caller& owner, std::uint64_t id, AuthorisationAnswer);
  // The same for a contact who has not asked; answers its id. It holds once he asks: he is answered at
  // once. The same statements and the same answer whether or not somebody has the number.
  // Faults: INVALID_ARGUMENT(contact: the user's own; from, until), LIMIT_EXCEEDED(contact).
  std::uint64_t authorise_ahead(db::Session&, const Caller& caller, const profiles::ProfileKey& owner,
                                const std::string& number, const AuthorisationAnswer&);
  // The newest first, at most 1,000 each.
  Authorisations list_authorisations(db::Session&, std::uint64_t user_id);
  // A refusal is forgotten too: he may ask anew. The lists stay. Faults: NOT_FOUND(authorisationId).
  void revoke_authorisation(db::Session&, const Caller& owner, std::uint64_t id);
  // A grant for once shows nothing until it is used, by a view of which it decides: then it is used up,
  // by one user of it exactly, and counts in that view. No statement for any other view.
  void use_grants(db::Session&, std::vector<View>&);

  // What somebody with this number (nobody in particular without one) sees of the profile at a time from
  // now on. Faults: INVALID_ARGUMENT(at).
  Explanation explain(db::Session&, const profiles::ProfileKey& owner,
                      const std::optional<std::string>& asker, std::optional<Time> at);
  // With the modes' periods of seven days; valid until a grant begins or ends. Its version is another one
  // whenever it says something else. Faults: LIMIT_EXCEEDED(profileId).
  FilterDocument filter(db::Session&, const profiles::ProfileKey& owner);

  // Job: mode activations whose time is over become mode.changed, grants that begin or end profile.changed,
  // each once.
  bool expire(db::Pool&);
  // Job: what rules have begun or ended becomes mode.changed, once for each instant (once for all
  // that passed unseen); intervals are compiled further. Rules that cannot be are tried again in an hour.
  bool follow_rules(db::Pool&);
  std::uint64_t compile_failures() const { return compile_failures_.count(); }
  // Job: what is left of deleted profiles is deleted.
  bool forget_ended(db::Pool&);

 private:
  void tell_grant(db::Session&, std::uint64_t owner_profile_id, const std::string& number);

  profiles::Profiles& profiles_;
  events::Events& events_;
  std::unique_ptr<ReachCache> reaches_;
  std::unique_ptr<OwnerCache> owners_;
  RowFailures compile_failures_{"rules.compile_failed"};  // by profile
};

}  // namespace whitebrick::availability
