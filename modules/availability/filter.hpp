#pragma once
// The compiled filter (12.c): what a profile's owner decided - lists, grants, policy, modes and
// their periods - as one ordered list of entries, of which the first that fits an asker at a time
// decides both what he sees and what happens to his call. Pure.
//
// It is made of all that is known of a profile (GetFilter, ExplainAvailability), or of what is known
// to concern one asker now (views): the same code in both.

#include <optional>
#include <string>
#include <vector>

#include "db/time.hpp"
#include "modules/availability/communication.hpp"

namespace whitebrick::availability {

enum class ModeState { kAvailable = 1, kNotAvailable = 2, kTransfer = 3, kUnknown = 4 };

enum class ProfilePolicy { kOpen = 1, kAsk = 2, kClosed = 3 };

// A mode (or level) in a period in which it is active.
struct CoveringMode {
  std::string mode;  // wire id; empty: a level
  ModeState state = ModeState::kAvailable;
  TransferTarget transfer;
  Means means;
  int contacts = 0;  // size of its contact list; 0: everybody (the widest)
  int priority = 0;
  Time activated_at;                // of two activations the later one wins
  std::optional<Time> from, until;  // the period, if it does not surely hold now
  bool by_rule = false;             // else by the user's order
};

struct OwnerRules {
  ProfilePolicy policy = ProfilePolicy::kAsk;
  ModeState default_state = ModeState::kAvailable;
  std::vector<CoveringMode> modes;
};

// Who somebody is to the owner.
enum class Standing { kOwner = 1, kRefused = 2, kKnown = 3 /* authorised or granted */, kOther = 4 };

// What he may know.
enum class Shown { kState = 1, kMustAsk = 2, kNothing = 3 };

enum class CallAction { kAccept = 1, kReject = 2, kNotify = 3, kForward = 4 };

struct FilterEntry {
  std::optional<Standing> standing;  // nothing: anybody
  std::optional<std::size_t> mode;   // for whom it covers, while it is active; nothing: for everybody, always
  Shown shown = Shown::kNothing;
  ModeState state = ModeState::kUnknown;
  Offers offers = 0;                           // what reaches the owner
  CallAction immediate = CallAction::kReject;  // what he offers, at once: a terminal that takes it is there
  CallAction away = CallAction::kReject;       // or none is
  CallAction otherwise = CallAction::kReject;  // what he does not offer, or what is to be left for later
};

struct Filter {
  std::vector<CoveringMode> modes;  // best first: narrowest contact list, orders, priority, latest activation
  std::vector<std::size_t> sources;  // their places in OwnerRules::modes
  std::vector<FilterEntry> entries;  // the last one fits everybody
};

Filter compile(const OwnerRules&);

struct Asker {
  Standing standing = Standing::kOther;
  std::vector<bool> on_list;  // of OwnerRules::modes, by place; empty: on all
  bool connected = false;     // the owner is
};

struct Verdict {
  std::size_t entry = 0;  // that decided
  Shown shown = Shown::kNothing;
  ModeState state = ModeState::kUnknown;  // kUnknown unless shown
  Offers offers = 0;                      // to be used now; none unless shown
  bool offered = false;                   // the type
  CallAction action = CallAction::kReject;
  bool messaging = false;  // what is not put through goes to a messaging system, where the profile has one
};

Verdict evaluate(const Filter&, const Asker&, Time now, Communication);

// What happens to one type of communication: while a terminal of the owner that takes it is connected,
// and while none is.
struct CallRule {
  Communication type = Communication::kVoiceImmediate;
  CallAction connected = CallAction::kReject, away = CallAction::kReject;
  bool messaging = false;  // instead of NOTIFY and REJECT, where the profile has a messaging system
  friend bool operator==(const CallRule&, const CallRule&) = default;
};

// All that is ever said of a call: by GetFilter and ExplainAvailability, and to DecideCall.
CallRule rule_for(const Filter&, Asker, Time now, Communication);

}  // namespace whitebrick::availability
