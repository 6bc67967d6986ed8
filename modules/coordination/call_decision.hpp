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

// The types that reach the owner now, as far as the asker may know. `messaging`: his profile subscribes to
// a connected messaging system; without one nothing can be left for later.
std::vector<Communication> offered_types(const availability::Facts&, bool messaging);
bool offers(const std::vector<Communication>&, Communication);
// "VOICE_IMMEDIATE, WRITTEN_IMMEDIATE", or "none".
std::string listed(const std::vector<Communication>&);

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
  bool messaging = false;  // see offered_types
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

// What the compiled filter (availability::decide_call) says, carried out. First match wins:
//   1 not served, or K5                -> reject; nothing tells this from a number that nobody has
//   2 K3, at once, a terminal is there -> notify: the owner may take it; else he is told of a lost call
//   3 forward                          -> to the mode's number, guarded against loops, its terminal or medium
//   4 accept, at once                  -> the terminals ring; in a call: notify
//   5 what cannot be put through       -> messaging takes it where there is one; else notify of a lost
//                                         call, or reject where the mode wants no notification
CallDecision decide_call(const CallFacts&);

}  // namespace whitebrick::coordination
