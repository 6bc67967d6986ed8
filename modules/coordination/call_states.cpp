#include "modules/coordination/call_states.hpp"

namespace whitebrick::coordination {

std::string_view wire_name(CallState state) {
  switch (state) {
    case CallState::kOffered:
      return "OFFERED";
    case CallState::kRinging:
      return "RINGING";
    case CallState::kTaken:
      return "TAKEN";
    case CallState::kEstablished:
      return "ESTABLISHED";
    case CallState::kEnded:
      break;
  }
  return "ENDED";
}

std::optional<CallState> after_report(CallState state, CallReport report, bool may_answer) {
  if (report == CallReport::kEnded) return CallState::kEnded;
  if (state == CallState::kEnded) return std::nullopt;
  if (report == CallReport::kEstablished) {
    return may_answer || !is_open(state) ? std::optional(CallState::kEstablished) : std::nullopt;
  }
  return is_open(state) ? std::optional(CallState::kRinging) : std::nullopt;
}

bool is_open(CallState state) { return state == CallState::kOffered || state == CallState::kRinging; }

bool is_lost_when_ended(CallState before) { return is_open(before) || before == CallState::kTaken; }

}  // namespace whitebrick::coordination
