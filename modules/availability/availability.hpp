#pragma once
// Availability modes, authorisations, and what one person may see of another (patent 12).
//
// The only header of this module that others may include. Knows no SOAP. Evaluated on the
// database clock whenever asked; no state depends on a timer.
// Publishes (component "availability"): mode.changed, authorisation.asked (to the asked
// profile), authorisation.answered (to the asker's profile, only for a grant). A grant that
// comes or goes is told to components as profile.changed of its owner.
// Failures: Fault (the client can act on it) or db::Error (it cannot).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "modules/availability/view.hpp"
#include "modules/events/events.hpp"
#include "modules/profiles/profiles.hpp"

namespace whitebrick::availability {

struct Mode {
  std::string mode;
  std::optional<std::string> activity;
  ModeState state = ModeState::kAvailable;
  std::optional<std::string> transfer_to;
  std::vector<std::string> contacts;  // empty: applies to everybody
  int priority = 0;
  bool active = false;
  std::optional<Time> until;
  std::uint64_t version = 0;
};

struct Modes {
  std::vector<Mode> modes;
  std::optional<ModeState> level;  // active availability level
  std::optional<Time> level_until;
};

struct Activation {
  std::optional<std::string> mode;  // exactly one of mode and level
  std::optional<ModeState> level;
  bool active = true;
  std::optional<Time> until;
};

// What an asker's view of one number rests on, read by one query for all numbers.
struct View {
  std::string number;                     // normalised, as asked
  std::optional<profiles::ProfileKey> owner;  // nothing: not registered. Ids and number only, no names.
  Facts facts;                            // input of the pure rules in view.hpp
};

class Availability {
 public:
  Availability(profiles::Profiles&, events::Events&);

  // Faults: STALE_VERSION, INVALID_ARGUMENT(transferTo).
  profiles::Written put_mode(db::Session&, const profiles::ProfileKey&, const Mode&,
                             std::optional<std::uint64_t> if_version);
  Modes list_modes(db::Session&, const profiles::ProfileKey&);
  // A general mode (no contacts) or a level ends the general mode or level active before it;
  // modes for some contacts are active beside it. Answers when it became active.
  // Faults: NOT_FOUND(modeId), INVALID_ARGUMENT(until: not in the future).
  Time activate(db::Session&, const profiles::ProfileKey&, const Activation&);

  // Asker: a user (0 for a service in its own name: `service_id`). Order as asked, one query.
  std::vector<View> views(db::Session&, std::uint64_t asker_user_id, std::uint64_t service_id,
                          const std::vector<std::string>& numbers);
  // The views of one owner by many askers: for telling those who watch `number`.
  std::vector<View> views_by(db::Session&, const std::string& number, const std::vector<std::uint64_t>& asker_user_ids);

  // Answers nothing and does the same number of queries whether the contact exists, hides, or has
  // refused before. Told to the asked profile is only who would see AUTHORISATION_REQUIRED, and
  // once while pending; never again after a refusal (the owner may still change his answer).
  // Faults: INVALID_ARGUMENT(profileId) (without a number nobody would know who asks).
  void request_authorisation(db::Session&, const profiles::ProfileKey& asker, const std::string& number,
                             const std::optional<std::string>& message);
  // May be answered again: the last answer counts. Faults: NOT_FOUND(authorisationId) (also
  // somebody else's), INVALID_ARGUMENT(until: not in the future).
  void answer_authorisation(db::Session&, const Caller& owner, std::uint64_t id, bool grant, std::optional<Time> until);

  // Job: mode activations whose time is over become mode.changed, grants profile.changed, each once.
  bool expire(db::Pool&);

 private:
  profiles::Profiles& profiles_;
  events::Events& events_;
};

}  // namespace whitebrick::availability
