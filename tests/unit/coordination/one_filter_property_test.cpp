// What ExplainAvailability and GetFilter say of a call is what DecideCall does with it, and what
// ExplainConnectability says is what GetConnectability answers: over many profiles and askers at random.
// The first way knows the whole filter and finds the asker in it; the second what concerns him now.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>

#include "modules/availability/filter_rows.hpp"
#include "modules/coordination/call_decision.hpp"
#include "modules/coordination/explanation.hpp"

namespace whitebrick::coordination {
namespace {

using availability::CallRule;
using availability::ModeState;
using availability::ProfilePolicy;
using availability::Standing;

constexpr Time kNow = Time(std::chrono::hours(10));

class Chance {
 public:
  explicit Chance(unsigned seed) : random_(seed) {}
  int up_to(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }
  bool one_in(int n) { return up_to(n - 1) == 0; }

 private:
  std::mt19937 random_;
};

availability::TransferTarget any_target(Chance& chance) {
  availability::TransferTarget target;
  switch (chance.up_to(2)) {
    case 0:
      target.number = "tel:+33199999999";
      break;
    case 1:
      target.terminal = "desk";
      break;
    default:
      target.medium = availability::kMedia[chance.up_to(5)];
  }
  return target;
}

// A profile, an asker, and both ways to look.
struct World {
  availability::LoadedRules rules;
  availability::LoadedAsker asker;
  availability::Facts facts;

  CallRule explained(Communication type) const {
    return rule_for(compile(rules.rules), asker.at(kNow), kNow, type);
  }
};

World any_world(Chance& chance) {
  World world;
  auto& rules = world.rules.rules;
  rules.policy = static_cast<ProfilePolicy>(1 + chance.up_to(2));
  rules.default_state = chance.one_in(4)   ? ModeState::kUnknown
                        : chance.one_in(3) ? ModeState::kNotAvailable
                                           : ModeState::kAvailable;
  auto& asker = world.asker;
  asker.owner = chance.one_in(8);
  asker.authorised = chance.one_in(3);
  asker.refused = chance.one_in(8);
  asker.connected = chance.one_in(2);
  if (chance.one_in(4)) asker.grants.push_back({7, {}, kNow + std::chrono::hours(chance.up_to(3) - 1)});
  world.facts = {.registered = true,
                 .asks_himself = asker.owner,
                 .refused = asker.refused,
                 .authorised = asker.authorised,
                 .granted = asker.grant_at(kNow) != nullptr,
                 .grant_for_once = {},
                 .policy = rules.policy,
                 .default_state = rules.default_state,
                 .covering = {},
                 .connected = asker.connected};
  for (int n = chance.up_to(4); n > 0; --n) {
    availability::CoveringMode mode;
    mode.mode = "m" + std::to_string(n);
    mode.state = static_cast<ModeState>(1 + chance.up_to(3));
    if (mode.state == ModeState::kTransfer) mode.transfer = any_target(chance);
    if (chance.one_in(3)) mode.means.offers = static_cast<availability::Offers>(chance.up_to(15));
    if (chance.one_in(3)) mode.means.call_by = static_cast<availability::Media>(chance.up_to(63));
    if (chance.one_in(3))
      mode.means.notification = static_cast<availability::Notification>(1 + chance.up_to(3));
    mode.contacts = chance.up_to(2);
    mode.priority = chance.up_to(2);
    mode.activated_at = kNow - std::chrono::minutes(n);
    mode.by_rule = chance.one_in(2);
    if (chance.one_in(2)) mode.from = kNow + std::chrono::hours(chance.up_to(2) - 1);
    if (chance.one_in(2)) mode.until = kNow + std::chrono::hours(chance.up_to(2));
    const bool listed = chance.one_in(2);
    asker.on_list.push_back(listed);
    rules.modes.push_back(mode);
    const bool active = (!mode.from || *mode.from <= kNow) && (!mode.until || kNow < *mode.until);
    if (!active || (mode.contacts > 0 && !listed)) continue;
    world.facts.covering.push_back(mode);
    world.facts.covering.back().from.reset();
    world.facts.covering.back().until.reset();
  }
  return world;
}

// A terminal for whatever a rule may want, or none at all.
std::vector<CallRing> terminals(bool there) {
  if (!there) return {};
  return {{"desk", profiles::TerminalKind::kFixed},
          {"phone", profiles::TerminalKind::kMobile},
          {"soft", profiles::TerminalKind::kVoip}};
}

std::string in_words(availability::CallAction action) {
  switch (action) {
    case availability::CallAction::kAccept:
      return "ACCEPT";
    case availability::CallAction::kReject:
      return "REJECT";
    case availability::CallAction::kNotify:
      return "NOTIFY";
    case availability::CallAction::kForward:
      break;
  }
  return "FORWARD";
}

class OneFilter : public ::testing::Test {
 protected:
  OneFilter() {
    const char* given = std::getenv("WHITEBRICK_TEST_SEED");
    seed_ = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device{}();
    std::cout << "WHITEBRICK_TEST_SEED=" << seed_ << std::endl;
  }
  unsigned seed_ = 0;
};

TEST_F(OneFilter, DecideCallDoesWhatExplainAvailabilitySays) {
  Chance chance(seed_);
  std::map<std::string, int> met;
  for (int round = 0; round < 10000; ++round) {
    const World world = any_world(chance);
    for (const Communication type : availability::kCommunications) {
      const CallRule rule = world.explained(type);
      CallFacts facts;
      facts.seen_by_caller = world.facts;
      facts.messaging = chance.one_in(2);
      facts.type = type;
      facts.called = "tel:+33100000001";
      facts.terminals = terminals(world.facts.connected);
      const auto said = world.facts.connected ? rule.connected : rule.away;
      const bool kept = rule.messaging && facts.messaging && said != availability::CallAction::kAccept;
      const CallDecision decision = decide_call(facts);
      ASSERT_EQ(wire_name(decision.action), kept ? "FORWARD" : in_words(said))
          << "round " << round << " type " << wire_name(type) << " seed " << seed_;
      ++met[std::string(wire_name(decision.action))];
    }
  }
  EXPECT_EQ(met.size(), 4U);
  for (const auto& [action, times] : met) EXPECT_GT(times, 500) << action;
}

TEST_F(OneFilter, GetConnectabilityAnswersWhatExplainConnectabilitySays) {
  Chance chance(seed_);
  std::map<Connectability, int> met;
  for (int round = 0; round < 10000; ++round) {
    const World world = any_world(chance);
    availability::Explanation why;
    why.verdict =
        evaluate(compile(world.rules.rules), world.asker.at(kNow), kNow, Communication::kVoiceImmediate);
    why.connected = world.asker.connected;
    const Explanation explained = explain_state(why);
    const Connectability answered = availability::connectability(world.facts);
    ASSERT_EQ(explained.state, answered) << "round " << round << " seed " << seed_;
    ASSERT_EQ(explained.offers, availability::offered_now(world.facts))
        << "round " << round << " seed " << seed_;
    ++met[answered];
  }
  EXPECT_EQ(met.size(), 5U);
}

}  // namespace
}  // namespace whitebrick::coordination
