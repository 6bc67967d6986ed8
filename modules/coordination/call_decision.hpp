#pragma once
// The pure rule of clause 24 for calls: from what the caller may know of the called profile, and
// from how the profile can be reached, what becomes of a call. No I/O. The table is
// tests/unit/coordination/call_decision.table.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modules/availability/view.hpp"
#include "modules/profiles/profiles.hpp"

namespace whitebrick::coordination {

using availability::Communication;

bool is_immediate(Communication);
std::string_view wire_name(Communication);
std::string_view wire_name(availability::Medium);
// "VOICE_IMMEDIATE, WRITTEN_IMMEDIATE", or "none".
std::string listed(availability::Offers);

enum class CallAction {
  kAccept = 1,
  kReject,
  kNotify,
  kForwardToNumber,
  kForwardToMessaging,
  kForwardToTerminals  // of the owner: the one he named, or those of a medium
};

enum class CallReason {
  kAvailable = 1,          // K1
  kNotAvailable,           // K2, by the mode
  kNotConnected,           // K2, no terminal
  kAuthorisationRequired,  // K3
  kTransfer,               // K4
  kUnknown,                // K5: no such number, hidden from the caller, or not served
  kInCall,                 // a third caller while a call is established
  kDelayedType,            // the caller wants to leave a message
  kTypeNotOffered,
  kDiversionLoop,
  kTooManyDiversions,
};

std::string_view wire_name(CallAction);  // all ways to forward are FORWARD
std::string_view wire_name(CallReason);

inline constexpr std::size_t kMaxDiversions = 5;

// A terminal that a call can be announced at.
struct CallRing {
  std::string terminal;
  profiles::TerminalKind kind = profiles::TerminalKind::kOther;
};

struct CallFacts {
  availability::Facts seen_by_caller;
  bool served = true;      // the profile subscribes to the service that asks
  bool messaging = false;  // the profile subscribes to a connected messaging system
  bool in_call = false;    // the profile has an established call
  Communication type = Communication::kVoiceImmediate;
  std::vector<CallRing> terminals;   // accessible for this profile
  std::string called;                // normalised numbers, here and below
  std::vector<std::string> history;  // through which it was diverted, the first one first
};

struct CallDecision {
  CallAction action = CallAction::kReject;
  CallReason reason = CallReason::kUnknown;
  availability::TransferTarget target;  // of the mode, for kForward...
  std::vector<CallRing> rings;          // terminals that the call is announced at
  bool lost = false;                    // nobody will answer it, and the called user is told so
  std::vector<std::string> trace;       // the rules that decided, in order

  // It goes on: somebody may answer it.
  bool alive() const { return !rings.empty() || action == CallAction::kForwardToNumber; }
};

// What the compiled filter (availability::decide_call) says, carried out; nothing else is asked of the
// owner's rules. Its rule has one action for when a terminal is there that takes the call, and one for when
// none is:
//   accept            -> the terminals ring; in a call: notify
//   forward           -> to the mode's number, guarded against loops, its terminal or medium
//   notify or reject  -> messaging takes it where the rule says so and there is one; else that: notify of a
//                        lost call, or (K3, at once, a terminal is there) so that the owner may take it
// Not served: what the filter says of a number that nobody has.
CallDecision decide_call(const CallFacts&);

}  // namespace whitebrick::coordination
