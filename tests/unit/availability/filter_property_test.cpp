// The compiled filter against the plain rules, over many profiles, askers and times at random.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <ostream>
#include <random>

#include "modules/availability/filter_rows.hpp"
#include "modules/availability/view.hpp"
#include "tests/unit/availability/plain_rules.hpp"

namespace plain {

std::ostream& operator<<(std::ostream& out, const Sight& sight) {
  out << sight.availability << (sight.must_ask ? " must ask " : " ") << sight.connectability << " offers";
  for (const auto& type : sight.offers) out << " [" << type << "]";
  for (const auto& [type, call] : sight.calls) {
    out << "; " << type << ": " << call.there << " or " << call.away << (call.box ? " box" : "");
  }
  return out;
}

}  // namespace plain

namespace whitebrick::availability {
namespace {

const std::map<std::string, ModeState> kStates{{"available", ModeState::kAvailable},
                                               {"not available", ModeState::kNotAvailable},
                                               {"transfer", ModeState::kTransfer},
                                               {"unknown", ModeState::kUnknown}};
const std::map<std::string, ProfilePolicy> kPolicies{
    {"open", ProfilePolicy::kOpen}, {"ask", ProfilePolicy::kAsk}, {"closed", ProfilePolicy::kClosed}};
const std::map<std::string, Communication> kTypes{{"voice now", Communication::kVoiceImmediate},
                                                  {"written now", Communication::kWrittenImmediate},
                                                  {"voice later", Communication::kVoiceDelayed},
                                                  {"written later", Communication::kWrittenDelayed}};
const std::map<Connectability, std::string> kConnectabilities{
    {Connectability::kConnectable, "CONNECTABLE"},
    {Connectability::kNotConnectable, "NOT_CONNECTABLE"},
    {Connectability::kAuthorisationRequired, "AUTHORISATION_REQUIRED"},
    {Connectability::kInTransfer, "IN_TRANSFER"},
    {Connectability::kUnknown, "UNKNOWN"}};
const std::map<CallAction, std::string> kActions{{CallAction::kAccept, "accept"},
                                                 {CallAction::kReject, "reject"},
                                                 {CallAction::kNotify, "notify"},
                                                 {CallAction::kForward, "forward"}};
const std::map<std::string, TransferTarget> kTargets{
    {"number", {.number = "tel:+33199999999", .terminal = {}, .medium = {}}},
    {"terminal", {.number = {}, .terminal = "desk", .medium = {}}},
    {"line", {.number = {}, .terminal = {}, .medium = Medium::kMobile}},
    {"mail", {.number = {}, .terminal = {}, .medium = Medium::kEmail}}};

class Chance {
 public:
  explicit Chance(unsigned seed) : random_(seed) {}
  int up_to(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }
  bool one_in(int n) { return up_to(n - 1) == 0; }
  template <class Map>
  std::string key(const Map& map) {
    return std::next(map.begin(), up_to(static_cast<int>(map.size()) - 1))->first;
  }
  // Few, so that they meet often.
  std::set<std::string> numbers(int most) {
    std::set<std::string> some;
    for (int n = up_to(most); n > 0; --n) some.insert("tel:+3310000000" + std::to_string(up_to(5)));
    return some;
  }
  std::optional<int> maybe_time() { return one_in(2) ? std::optional(up_to(20)) : std::nullopt; }

 private:
  std::mt19937 random_;
};

plain::Mode any_mode(Chance& chance, int number) {
  plain::Mode mode{.name = "m" + std::to_string(number),
                   .state = chance.key(kStates),
                   .contacts = chance.numbers(3),
                   .priority = chance.up_to(2),
                   .activated = number,  // two are never activated at the same instant
                   .from = chance.maybe_time(),
                   .until = chance.maybe_time(),
                   .by_rule = chance.one_in(2),
                   .offers = {},
                   .tell = !chance.one_in(4),
                   .target = {}};
  if (mode.state == "transfer") mode.target = chance.key(kTargets);
  if (chance.one_in(2)) {
    mode.offers.emplace();
    for (const auto& type : plain::all_types()) {
      if (chance.one_in(2)) mode.offers->insert(type);
    }
  }
  return mode;
}

plain::Profile any_profile(Chance& chance) {
  plain::Profile profile{.policy = chance.key(kPolicies),
                         .default_state = chance.key(std::map<std::string, int>{
                             {"available", 0}, {"not available", 0}, {"unknown", 0}}),
                         .authorised = chance.numbers(3),
                         .refused = chance.one_in(3) ? chance.numbers(2) : std::set<std::string>{},
                         .modes = {},
                         .connected = chance.one_in(2)};
  std::vector<int> order(static_cast<std::size_t>(chance.up_to(6)));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::ranges::reverse(order);
  for (const int number : order) profile.modes.push_back(any_mode(chance, number));
  return profile;
}

plain::Asker any_asker(Chance& chance) {
  plain::Asker asker{.owner = chance.one_in(6), .numbers = chance.numbers(2), .grants = {}};
  for (int n = chance.up_to(2); n > 0; --n)
    asker.grants.push_back({chance.maybe_time(), chance.maybe_time()});
  return asker;
}

Time at(int minutes) { return Time(std::chrono::minutes(minutes)); }
std::optional<Time> at(const std::optional<int>& minutes) {
  return minutes ? std::optional(at(*minutes)) : std::nullopt;
}

CoveringMode given(const plain::Mode& mode) {
  CoveringMode out{.mode = mode.name,
                   .state = kStates.at(mode.state),
                   .transfer = {},
                   .means = {},
                   .contacts = static_cast<int>(mode.contacts.size()),
                   .priority = mode.priority,
                   .activated_at = at(mode.activated),
                   .from = at(mode.from),
                   .until = at(mode.until),
                   .by_rule = mode.by_rule};
  if (mode.offers) {
    out.means.offers = 0;
    for (const auto& type : *mode.offers) *out.means.offers |= static_cast<Offers>(kTypes.at(type));
  }
  if (!mode.tell) out.means.notification = Notification::kNone;
  if (!mode.target.empty()) out.transfer = kTargets.at(mode.target);
  return out;
}

bool meet(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::ranges::any_of(a, [&](const auto& one) { return b.contains(one); });
}

std::set<std::string> named(Offers offers) {
  std::set<std::string> names;
  for (const auto& [name, type] : kTypes) {
    if (holds(offers, type)) names.insert(name);
  }
  return names;
}

plain::Call named(const CallRule& rule) {
  return {kActions.at(rule.connected), kActions.at(rule.away), rule.messaging};
}

// The way of GetFilter and ExplainAvailability: the whole filter, and an asker somewhere in it.
plain::Sight by_filter(const plain::Profile& profile, const plain::Asker& asker, int time) {
  OwnerRules rules{kPolicies.at(profile.policy), kStates.at(profile.default_state), {}};
  LoadedAsker known{.owner = asker.owner,
                    .authorised = meet(asker.numbers, profile.authorised),
                    .refused = meet(asker.numbers, profile.refused),
                    .connected = profile.connected,
                    .grants = {},
                    .on_list = {}};
  for (const plain::Mode& mode : profile.modes) {
    rules.modes.push_back(given(mode));
    known.on_list.push_back(meet(asker.numbers, mode.contacts));
  }
  for (const plain::Grant& grant : asker.grants) known.grants.push_back({1, at(grant.from), at(grant.until)});
  const Filter filter = compile(rules);

  plain::Sight sight;
  for (const auto& [name, type] : kTypes) {
    const Verdict verdict = evaluate(filter, known.at(at(time)), at(time), type);
    sight.calls[name] = named(rule_for(filter, known.at(at(time)), at(time), type));
    sight.must_ask = verdict.shown == Shown::kMustAsk;
    sight.offers = named(verdict.offers);
    for (const auto& [state_name, state] : kStates) {
      if (state == verdict.state) sight.availability = state_name;
    }
  }
  return sight;
}

// The way of the views: only what concerns the asker now is known.
plain::Sight by_view(const plain::Profile& profile, const plain::Asker& asker, int time) {
  Facts facts{.registered = true,
              .asks_himself = asker.owner,
              .refused = meet(asker.numbers, profile.refused),
              .authorised = meet(asker.numbers, profile.authorised),
              .granted = false,
              .grant_for_once = {},
              .policy = kPolicies.at(profile.policy),
              .default_state = kStates.at(profile.default_state),
              .covering = {},
              .connected = profile.connected};
  const auto holds_now = [&](const auto& period) {
    return (!period.from || *period.from <= time) && (!period.until || time < *period.until);
  };
  for (const plain::Grant& grant : asker.grants) facts.granted = facts.granted || holds_now(grant);
  for (const plain::Mode& mode : profile.modes) {
    if (!holds_now(mode) || (!mode.contacts.empty() && !meet(asker.numbers, mode.contacts))) continue;
    facts.covering.push_back(given(mode));
    facts.covering.back().from.reset();
    facts.covering.back().until.reset();
  }
  plain::Sight sight;
  const Seen seen = availability(facts);
  sight.must_ask = seen.authorisation_required;
  for (const auto& [name, state] : kStates) {
    if (state == seen.state) sight.availability = name;
  }
  sight.connectability = kConnectabilities.at(connectability(facts));
  sight.offers = named(offered_now(facts));
  for (const auto& [name, type] : kTypes) sight.calls[name] = named(decide_call(facts, type).rule);
  return sight;
}

TEST(CompiledFilter, SaysWhatThePlainRulesSay) {
  const char* given_seed = std::getenv("WHITEBRICK_TEST_SEED");
  const unsigned seed =
      given_seed != nullptr ? static_cast<unsigned>(std::atoi(given_seed)) : std::random_device{}();
  std::cout << "WHITEBRICK_TEST_SEED=" << seed << std::endl;
  Chance chance(seed);
  std::map<std::string, int> met;
  for (int round = 0; round < 4000; ++round) {
    const plain::Profile profile = any_profile(chance);
    for (int look = 0; look < 5; ++look) {
      const plain::Asker asker = any_asker(chance);
      const int time = chance.up_to(20);
      const plain::Sight expected = see(profile, asker, time);
      plain::Sight filtered = by_filter(profile, asker, time);
      filtered.connectability = expected.connectability;  // a filter knows no sessions
      ASSERT_EQ(filtered, expected) << "round " << round << " look " << look << " seed " << seed;
      ASSERT_EQ(by_view(profile, asker, time), expected)
          << "round " << round << " look " << look << " seed " << seed;
      ++met[expected.connectability];
      for (const auto& [type, call] : expected.calls) ++met[call.there], ++met[call.away];
    }
  }
  EXPECT_EQ(met.size(), 9u) << "five states and four actions";
  for (const auto& [name, times] : met) EXPECT_GT(times, 100) << name;
}

TEST(CompiledFilter, FitsEverybodyInTheEnd) {
  for (const auto& [name, policy] : kPolicies) {
    const Filter filter = compile({policy, ModeState::kAvailable, {}});
    EXPECT_FALSE(filter.entries.back().standing.has_value()) << name;
    EXPECT_FALSE(filter.entries.back().mode.has_value()) << name;
  }
}

// A grant for once shows nothing until it is used.
TEST(GrantForOnce, CountsOnlyWhereItDecides) {
  Facts facts;
  facts.registered = true;
  facts.policy = ProfilePolicy::kAsk;
  facts.grant_for_once = 7;
  EXPECT_EQ(connectability(facts), Connectability::kAuthorisationRequired);
  EXPECT_TRUE(needs_grant_for_once(facts));
  for (const auto spoil :
       {+[](Facts& f) { f.refused = true; }, +[](Facts& f) { f.authorised = true; },
        +[](Facts& f) { f.granted = true; }, +[](Facts& f) { f.asks_himself = true; },
        +[](Facts& f) { f.policy = ProfilePolicy::kOpen; },
        +[](Facts& f) { f.default_state = ModeState::kUnknown; }, +[](Facts& f) { f.registered = false; },
        +[](Facts& f) { f.grant_for_once.reset(); }}) {
    Facts other = facts;
    spoil(other);
    EXPECT_FALSE(needs_grant_for_once(other));
  }
}

}  // namespace
}  // namespace whitebrick::availability
