#pragma once
// The pure rules of clause 12 and 24: from what is known about an owner's profile and
// an asker, which mode covers him, what availability he may see, and the five
// connectability states. No I/O. The table is tests/unit/availability/connectability.table.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/time.hpp"

namespace whitebrick::availability {

enum class ModeState { kAvailable = 1, kNotAvailable = 2, kTransfer = 3, kUnknown = 4 };

// Clauses K1-K5.
enum class Connectability { kConnectable = 1, kNotConnectable, kAuthorisationRequired, kInTransfer, kUnknown };

enum class ProfilePolicy { kOpen = 1, kAsk = 2, kClosed = 3 };

// An active mode (or level) that covers the asker.
struct CoveringMode {
  ModeState state = ModeState::kAvailable;
  std::optional<std::string> transfer_to;
  int contacts = 0;  // size of its contact list; 0: everybody (the widest)
  int priority = 0;
  Time activated_at;
};

struct Facts {
  bool registered = false;
  bool asks_himself = false;
  bool refused = false;     // on the refused list
  bool authorised = false;  // on the authorised list
  bool granted = false;     // a live grant
  ProfilePolicy policy = ProfilePolicy::kAsk;
  ModeState default_state = ModeState::kAvailable;
  std::vector<CoveringMode> covering;
  bool connected = false;   // at least one live access session of this profile
};

// Narrowest contact list, then priority, then latest activation; nothing covers: the default state.
struct Chosen {
  ModeState state = ModeState::kAvailable;
  std::optional<std::string> transfer_to;
};
Chosen choose_mode(const Facts&);

// mission order: himself -> the truth; not registered, refused, mode says unknown -> UNKNOWN; not
// authorised and no grant: ask -> AUTHORISATION_REQUIRED, closed -> UNKNOWN; then transfer, then connected.
Connectability connectability(const Facts&);

// The same without the connection: what GetAvailability answers.
struct Seen {
  ModeState state = ModeState::kUnknown;
  bool authorisation_required = false;
};
Seen availability(const Facts&);

}  // namespace whitebrick::availability
