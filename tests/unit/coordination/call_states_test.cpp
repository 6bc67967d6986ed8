#include "modules/coordination/call_states.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace whitebrick::coordination {
namespace {

// Each state with what reports make of it: ringing, established, the same from who placed the call, ended;
// "-" where that cannot be.
TEST(CallStates, TheWholeTable) {
  const std::map<CallState, std::string> table{
      {CallState::kOffered, "RINGING ESTABLISHED - ENDED"},
      {CallState::kRinging, "RINGING ESTABLISHED - ENDED"},
      {CallState::kTaken, "- ESTABLISHED ESTABLISHED ENDED"},
      {CallState::kEstablished, "- ESTABLISHED ESTABLISHED ENDED"},
      {CallState::kEnded, "- - - ENDED"},
  };
  for (const auto& [state, expected] : table) {
    std::string found;
    for (const auto& [report, may_answer] :
         {std::pair(CallReport::kRinging, false), std::pair(CallReport::kEstablished, true),
          std::pair(CallReport::kEstablished, false), std::pair(CallReport::kEnded, false)}) {
      const auto next = after_report(state, report, may_answer);
      found.append(found.empty() ? "" : " ").append(next ? wire_name(*next) : "-");
    }
    EXPECT_EQ(found, expected) << wire_name(state);
  }
}

TEST(CallStates, OnlyWhatNobodyTookIsOpenAndOnlyWhatNobodyAnsweredIsLost) {
  const std::map<CallState, std::pair<bool, bool>> table{
      {CallState::kOffered, {true, true}}, {CallState::kRinging, {true, true}},
      {CallState::kTaken, {false, true}},  {CallState::kEstablished, {false, false}},
      {CallState::kEnded, {false, false}},
  };
  for (const auto& [state, expected] : table) {
    EXPECT_EQ(is_open(state), expected.first) << wire_name(state);
    EXPECT_EQ(is_lost_when_ended(state), expected.second) << wire_name(state);
  }
}

}  // namespace
}  // namespace whitebrick::coordination
