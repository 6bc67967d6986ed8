#pragma once
// The life of a call, as a pure state machine:
//   offered -> ringing -> taken -> established -> ended, each step may be left out, none goes back.

#include <optional>
#include <string_view>

namespace whitebrick::coordination {

enum class CallState { kOffered = 1, kRinging, kTaken, kEstablished, kEnded };

std::string_view wire_name(CallState);

// What may be reported of a call.
enum class CallReport { kRinging = 1, kEstablished, kEnded };

// The state after a report; the same when it says nothing new, nothing when it cannot be true. That a call
// was answered before it was taken is true only from who `may_answer` it.
std::optional<CallState> after_report(CallState, CallReport, bool may_answer);
// A terminal can be chosen for it: nobody has taken it yet.
bool is_open(CallState);
// It ended without having been answered.
bool is_lost_when_ended(CallState before);

}  // namespace whitebrick::coordination
