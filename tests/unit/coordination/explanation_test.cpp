// Which fact decided: one case for each row of the table.

#include "modules/coordination/explanation.hpp"

#include <gtest/gtest.h>

namespace whitebrick::coordination {
namespace {

using availability::Facts;
using availability::ModeState;
using availability::ProfilePolicy;

Facts open_profile() {
  Facts facts;
  facts.registered = true;
  facts.policy = ProfilePolicy::kOpen;
  return facts;
}

TEST(Explanation, NobodyFindsAProfileWithoutANumber) {
  const auto found = explain_facts({});
  EXPECT_EQ(found.decision, Decision::kNoNumber);
  EXPECT_EQ(found.state, Connectability::kUnknown);
}

TEST(Explanation, RefusedBeatsEveryRight) {
  Facts facts = open_profile();
  facts.refused = facts.authorised = facts.granted = true;
  const auto found = explain_facts(facts);
  EXPECT_EQ(found.decision, Decision::kRefusedList);
  EXPECT_EQ(found.right, Right::kNone);
  EXPECT_EQ(found.state, Connectability::kUnknown);
}

TEST(Explanation, WithoutARightThePolicyDecides) {
  Facts facts = open_profile();
  facts.policy = ProfilePolicy::kAsk;
  EXPECT_EQ(explain_facts(facts).decision, Decision::kPolicyAsk);
  facts.policy = ProfilePolicy::kClosed;
  EXPECT_EQ(explain_facts(facts).decision, Decision::kPolicyClosed);
  facts.granted = true;
  EXPECT_EQ(explain_facts(facts).decision, Decision::kNoSession);
  EXPECT_EQ(explain_facts(facts).right, Right::kGrant);
  facts.authorised = true;
  EXPECT_EQ(explain_facts(facts).right, Right::kAuthorisedList);
}

TEST(Explanation, AModeOrTheDefaultStateDecidesUnlessAvailable) {
  Facts facts = open_profile();
  facts.connected = true;
  facts.default_state = ModeState::kNotAvailable;
  EXPECT_EQ(explain_facts(facts).decision, Decision::kDefaultState);
  availability::CoveringMode mode;
  mode.state = ModeState::kTransfer;
  facts.covering.push_back(mode);
  const auto found = explain_facts(facts);
  EXPECT_EQ(found.decision, Decision::kMode);
  EXPECT_EQ(found.mode_state, ModeState::kTransfer);
  EXPECT_EQ(found.state, Connectability::kInTransfer);
}

TEST(Explanation, AvailableTheSessionDecides) {
  Facts facts = open_profile();
  EXPECT_EQ(explain_facts(facts).decision, Decision::kNoSession);
  facts.connected = true;
  EXPECT_EQ(explain_facts(facts).decision, Decision::kSession);
  EXPECT_EQ(explain_facts(facts).right, Right::kPolicyOpen);
  facts.asks_himself = true;
  EXPECT_EQ(explain_facts(facts).right, Right::kOwner);
}

}  // namespace
}  // namespace whitebrick::coordination
