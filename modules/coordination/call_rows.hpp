#pragma once
// A call as its row says, and what was read to decide on it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modules/coordination/call_contents.hpp"
#include "modules/coordination/calls.hpp"

namespace whitebrick::coordination {

// What is known of both ends before the decision. Read by the same queries whoever they are.
struct Calls::Situation {
  std::uint64_t profile_id = 0, user_id = 0;  // called; 0: nobody
  std::uint64_t caller_profile_id = 0, caller_user_id = 0;
  std::optional<std::string> caller_name;
  bool served = false, authorised = false, refused = false, in_call = false;
  std::optional<std::uint64_t> messaging_id;
  std::optional<profiles::ServiceRef> messaging;
  availability::Facts seen_by_caller;
  std::vector<CallRing> terminals;
};

struct Calls::Stored {
  std::uint64_t id = 0, called_profile_id = 0, called_user_id = 0, caller_profile_id = 0;
  std::string call_id, called;
  bool placed = false;
  CallerIdentity caller;
  Communication type = Communication::kVoiceImmediate;
  CallState state = CallState::kOffered;
  bool lost = false;
  std::optional<std::string> chosen;
  DecidedCall decided;

  bool can_be_taken() const { return !decided.terminals.empty(); }
  bool is_for(const Caller& caller) const { return caller.user_id != 0 && caller.user_id == called_user_id; }
  // Who placed it knows only of a call that went elsewhere that it was answered.
  bool may_answer(const Caller& caller) const { return !placed || is_for(caller) || !can_be_taken(); }
};

}  // namespace whitebrick::coordination
