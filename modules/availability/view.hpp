#pragma once
// The pure rules of clauses 12 and 24 for one asker now: what availability he may see, the five
// connectability states, the communication types that reach the owner, and what happens to a call.
// All four are read off the one compiled filter (filter.hpp), so that they never disagree. No I/O.
// The table is tests/unit/availability/connectability.table.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modules/availability/filter.hpp"

namespace whitebrick::availability {

// Clauses K1-K5.
enum class Connectability {
  kConnectable = 1,
  kNotConnectable,
  kAuthorisationRequired,
  kInTransfer,
  kUnknown
};

struct Facts {
  bool registered = false;
  bool asks_himself = false;
  bool refused = false;     // on the refused list
  bool authorised = false;  // on the authorised list
  bool granted = false;     // a live standing grant, or one for once that was used (Availability::use_grants)
  std::optional<std::uint64_t> grant_for_once;  // one that is left
  ProfilePolicy policy = ProfilePolicy::kAsk;
  ModeState default_state = ModeState::kAvailable;
  std::vector<CoveringMode> covering;  // active now, and the asker is among its contacts
  bool connected = false;              // at least one live access session of this profile
};

// mission order: himself -> the plain truth, connected or not even if others are to know nothing; not
// registered, refused, mode says unknown -> UNKNOWN; not authorised and no grant: ask ->
// AUTHORISATION_REQUIRED, closed -> UNKNOWN; then transfer, then connected.
Connectability connectability(const Facts&);
Connectability connectability(const Verdict&, bool connected);

// The same without the connection: what GetAvailability answers.
struct Seen {
  ModeState state = ModeState::kUnknown;
  bool authorisation_required = false;
};
Seen availability(const Facts&);

// The communication types that reach the owner now (A9); none for who may not see his state. Immediate
// ones only while he is connected, or his calls go elsewhere.
Offers offered_now(const Facts&);

// What the filter says of a call or message of this type. Of nobody and of somebody hidden the same:
// kNothing and kReject. Who must ask: kNotify, the owner is told.
struct CallDecision {
  CallRule rule;
  Shown shown = Shown::kNothing;
  ModeState state = ModeState::kUnknown;  // kUnknown unless shown
  bool offered = false;                   // the type
  // Of the mode that decided, if its state is shown:
  TransferTarget transfer;
  Media call_by = 0;  // calls are to come by these media; 0: any
};
CallDecision decide_call(const Facts&, Communication);

// Who has a grant sees something, or would: the owner neither refuses nor hides from him.
bool a_grant_shows(Facts);

// Only a grant for once lets him see.
bool needs_grant_for_once(const Facts&);

}  // namespace whitebrick::availability
