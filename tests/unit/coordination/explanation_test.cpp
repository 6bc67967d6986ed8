// Which fact decided: one case for each row of the table.

#include "modules/coordination/explanation.hpp"

#include <gtest/gtest.h>

namespace whitebrick::coordination {
namespace {

using availability::ModeState;
using availability::ProfilePolicy;
using availability::Shown;
using availability::Standing;
using availability::StateSource;

// An open profile, available by default, seen by a stranger.
availability::Explanation open_profile() {
  availability::Explanation why;
  why.verdict.shown = Shown::kState;
  why.verdict.state = why.own_state = ModeState::kAvailable;
  why.policy = ProfilePolicy::kOpen;
  return why;
}

TEST(Explanation, RefusedBeatsEveryRight) {
  auto why = open_profile();
  why.refused = why.authorised = true;
  why.grant = 7;
  why.standing = Standing::kRefused;
  why.verdict = {};
  const auto found = explain_state(why);
  EXPECT_EQ(found.decision, Decision::kRefusedList);
  EXPECT_EQ(found.right, Right::kNone);
  EXPECT_EQ(found.state, Connectability::kUnknown);
  EXPECT_EQ(found.mode_state, ModeState::kAvailable) << "the owner learns it all the same";
}

TEST(Explanation, WithoutARightThePolicyDecides) {
  auto why = open_profile();
  why.policy = ProfilePolicy::kAsk;
  why.verdict = {.entry = 0, .shown = Shown::kMustAsk};
  EXPECT_EQ(explain_state(why).decision, Decision::kPolicyAsk);
  EXPECT_EQ(explain_state(why).state, Connectability::kAuthorisationRequired);
  why.policy = ProfilePolicy::kClosed;
  why.verdict = {};
  EXPECT_EQ(explain_state(why).decision, Decision::kPolicyClosed);
  EXPECT_EQ(explain_state(why).right, Right::kNone);
}

TEST(Explanation, AGrantOrTheListIsARight) {
  auto why = open_profile();
  why.policy = ProfilePolicy::kClosed;
  why.standing = Standing::kKnown;
  why.grant = 7;
  EXPECT_EQ(explain_state(why).decision, Decision::kNoSession);
  EXPECT_EQ(explain_state(why).right, Right::kGrant);
  EXPECT_EQ(explain_state(why).grant, 7U);
  why.authorised = true;
  EXPECT_EQ(explain_state(why).right, Right::kAuthorisedList);
}

TEST(Explanation, AModeOrTheDefaultStateDecidesUnlessAvailable) {
  auto why = open_profile();
  why.connected = true;
  why.own_state = why.verdict.state = ModeState::kNotAvailable;
  EXPECT_EQ(explain_state(why).decision, Decision::kDefaultState);
  EXPECT_FALSE(explain_state(why).by_mode);
  why.own_state = why.verdict.state = ModeState::kTransfer;
  why.source = StateSource::kMode;
  why.mode = "away";
  why.by_rule = true;
  why.outranked = {"work"};
  const auto found = explain_state(why);
  EXPECT_EQ(found.decision, Decision::kMode);
  EXPECT_EQ(found.mode_state, ModeState::kTransfer);
  EXPECT_EQ(found.state, Connectability::kInTransfer);
  EXPECT_EQ(found.mode, "away");
  EXPECT_TRUE(found.by_rule);
  EXPECT_EQ(found.outranked, std::vector<std::string>{"work"});
}

TEST(Explanation, AModeThatHidesDecidesBeforeThePolicy) {
  auto why = open_profile();
  why.policy = ProfilePolicy::kAsk;
  why.own_state = ModeState::kUnknown;
  why.source = StateSource::kLevel;
  why.verdict = {};
  EXPECT_EQ(explain_state(why).decision, Decision::kMode);
  EXPECT_EQ(explain_state(why).state, Connectability::kUnknown);
}

TEST(Explanation, AvailableTheSessionDecides) {
  auto why = open_profile();
  EXPECT_EQ(explain_state(why).decision, Decision::kNoSession);
  EXPECT_EQ(explain_state(why).state, Connectability::kNotConnectable);
  why.connected = true;
  EXPECT_EQ(explain_state(why).decision, Decision::kSession);
  EXPECT_EQ(explain_state(why).state, Connectability::kConnectable);
  EXPECT_EQ(explain_state(why).right, Right::kPolicyOpen);
  why.standing = Standing::kOwner;
  EXPECT_EQ(explain_state(why).right, Right::kOwner);
}

}  // namespace
}  // namespace whitebrick::coordination
