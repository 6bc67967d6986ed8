#include "modules/coordination/call_decision.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace whitebrick::coordination {
namespace {

using availability::Connectability;
using availability::ModeState;
using availability::ProfilePolicy;

constexpr const char* kTarget = "tel:+33199999999";
constexpr const char* kCalled = "tel:+33100000001";

struct Case {
  std::string question, answer;
  CallFacts facts;
};

template <class T>
T named(const std::map<std::string, T>& names, const std::string& name) {
  const auto found = names.find(name);
  if (found == names.end()) throw std::runtime_error("the table does not know '" + name + "'");
  return found->second;
}

bool yes(const std::string& text) { return named<bool>({{"yes", true}, {"no", false}}, text); }

std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> parts;
  if (text == "-") return parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, '+');) parts.push_back(part);
  return parts;
}

std::string number_named(const std::string& name) {
  if (name == "T") return kTarget;
  if (name == "N") return kCalled;
  return "sip:" + name + "@example.org";
}

void add_means(availability::CoveringMode& mode, const std::string& detail) {
  using availability::Medium;
  static const std::map<std::string, Medium> kMedia{{"FIXED", Medium::kFixed}, {"MOBILE", Medium::kMobile},
                                                    {"VOIP", Medium::kVoip},   {"SMS", Medium::kSms},
                                                    {"MMS", Medium::kMms},     {"EMAIL", Medium::kEmail}};
  static const std::map<std::string, availability::Offers> kTypes{
      {"VI", static_cast<unsigned>(Communication::kVoiceImmediate)},
      {"VL", static_cast<unsigned>(Communication::kVoiceDelayed)},
      {"WI", static_cast<unsigned>(Communication::kWrittenImmediate)},
      {"WL", static_cast<unsigned>(Communication::kWrittenDelayed)},
      {"written", static_cast<unsigned>(Communication::kWrittenImmediate) |
                      static_cast<unsigned>(Communication::kWrittenDelayed)},
      {"nothing", 0}};
  const auto medium = kMedia.find(detail);
  const auto types = kTypes.find(detail);
  const bool transfers = mode.state == ModeState::kTransfer;
  if (medium != kMedia.end() && transfers)
    mode.transfer.medium = medium->second;
  else if (medium != kMedia.end())
    mode.means.call_by |= availability::media_bit(medium->second);
  else if (types != kTypes.end())
    mode.means.offers = mode.means.offers.value_or(0) | types->second;
  else if (detail == "silent")
    mode.means.notification = availability::Notification::kNone;
  else if (detail == "desk" && transfers)
    mode.transfer.terminal = detail;
  else
    throw std::runtime_error("the table does not know the means '" + detail + "'");
}

CallRing terminal_named(const std::string& name) {
  return {name, named<profiles::TerminalKind>({{"phone", profiles::TerminalKind::kMobile},
                                               {"desk", profiles::TerminalKind::kFixed},
                                               {"soft", profiles::TerminalKind::kVoip}},
                                              name)};
}

availability::Facts facts_of(const std::string& caller, const std::string& list, const std::string& policy,
                             const std::string& mode) {
  availability::Facts facts;
  facts.registered = caller != "missing";
  facts.asks_himself = caller == "self";
  facts.authorised = list == "auth";
  facts.refused = list == "ref";
  facts.granted = list == "live";
  facts.policy = named<ProfilePolicy>(
      {{"open", ProfilePolicy::kOpen}, {"ask", ProfilePolicy::kAsk}, {"closed", ProfilePolicy::kClosed}},
      policy);
  if (mode != "-") {
    const auto colon = mode.find(':');
    availability::CoveringMode covering;
    covering.state = named<ModeState>({{"avail", ModeState::kAvailable},
                                       {"not", ModeState::kNotAvailable},
                                       {"trans", ModeState::kTransfer},
                                       {"unkn", ModeState::kUnknown}},
                                      mode.substr(0, colon));
    std::istringstream means(colon == std::string::npos ? "" : mode.substr(colon + 1));
    for (std::string detail; std::getline(means, detail, '/');) add_means(covering, detail);
    if (covering.state == ModeState::kTransfer && covering.transfer == availability::TransferTarget{})
      covering.transfer.number = kTarget;
    facts.covering.push_back(covering);
  }
  return facts;
}

Case read_case(const std::string& line) {
  std::istringstream in(line);
  std::string caller, list, policy, mode, terminals, box, busy, type, history, decision, reason, to, rings,
      lost;
  if (!(in >> caller >> list >> policy >> mode >> terminals >> box >> busy >> type >> history >> decision >>
        reason >> to >> rings >> lost)) {
    throw std::runtime_error("fourteen columns are needed: " + line);
  }
  named<int>({{"self", 0}, {"other", 0}, {"missing", 0}, {"unserved", 0}}, caller);
  named<int>({{"-", 0}, {"auth", 0}, {"ref", 0}, {"live", 0}}, list);
  Case c;
  c.question = line.substr(0, line.find(" " + decision + " "));
  c.answer = decision + " " + reason + " " + to + " " + rings + " " + lost;
  c.facts.seen_by_caller = facts_of(caller, list, policy, mode);
  c.facts.seen_by_caller.connected = terminals != "-";
  c.facts.served = caller != "unserved";
  c.facts.messaging = yes(box);
  c.facts.in_call = yes(busy);
  c.facts.type = named<Communication>({{"VI", Communication::kVoiceImmediate},
                                       {"VL", Communication::kVoiceDelayed},
                                       {"WI", Communication::kWrittenImmediate},
                                       {"WL", Communication::kWrittenDelayed}},
                                      type);
  for (const auto& name : list_of(terminals)) c.facts.terminals.push_back(terminal_named(name));
  c.facts.called = kCalled;
  for (const auto& name : list_of(history)) c.facts.history.push_back(number_named(name));
  return c;
}

std::vector<Case> table() {
  std::ifstream file(WB_SOURCE_DIR "/tests/unit/coordination/call_decision.table");
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != '#') cases.push_back(read_case(line));
  }
  return cases;
}

std::string text(const CallDecision& decision) {
  std::string to = "-";
  if (decision.action == CallAction::kForwardToMessaging) to = "box";
  if (decision.target.number) to = *decision.target.number == kTarget ? "number" : "?";
  if (decision.target.terminal) to = "terminal";
  if (decision.target.medium) to = wire_name(*decision.target.medium);
  std::string rings;
  for (const auto& terminal : decision.rings)
    rings.append(rings.empty() ? "" : "+").append(terminal.terminal);
  if (rings.empty()) rings = "-";
  return std::string(wire_name(decision.action)) + " " + std::string(wire_name(decision.reason)) + " " + to +
         " " + rings + " " + (decision.lost ? "yes" : "no");
}

TEST(CallDecisionTable, EveryRowHolds) {
  const auto cases = table();
  ASSERT_GE(cases.size(), 380U);
  for (const Case& c : cases) EXPECT_EQ(text(decide_call(c.facts)), c.answer) << c.question;
}

TEST(CallDecisionTable, HasNoRowTwiceAndEveryAnswer) {
  std::set<std::string> questions, reasons;
  std::map<std::string, int> decisions;
  for (const Case& c : table()) {
    std::istringstream words(c.question);
    std::string question;
    for (std::string word; words >> word;) question += word + " ";
    EXPECT_TRUE(questions.insert(question).second) << "twice: " << question;
    std::istringstream answer(c.answer);
    std::string decision, reason;
    answer >> decision >> reason;
    ++decisions[decision];
    reasons.insert(reason);
  }
  EXPECT_EQ(decisions.size(), 4U);
  for (const auto& [decision, rows] : decisions) EXPECT_GE(rows, 15) << decision;
  EXPECT_EQ(reasons.size(), 11U);
}

// What the caller may not know does not show in what becomes of his call, nor in how it was decided.
TEST(CallDecisionTable, AHiddenProfileIsDecidedOnLikeNobody) {
  CallFacts nobody;
  nobody.seen_by_caller.registered = false;
  const CallDecision nobodys = decide_call(nobody);
  int hidden = 0;
  for (const Case& c : table()) {
    if (!c.answer.starts_with("REJECT UNKNOWN")) continue;
    ++hidden;
    const CallDecision decision = decide_call(c.facts);
    EXPECT_EQ(text(decision), text(nobodys)) << c.question;
    EXPECT_EQ(decision.trace, nobodys.trace) << c.question;
  }
  EXPECT_GE(hidden, 40);
}

TEST(CallDecision, EveryDecisionSaysWhy) {
  for (const Case& c : table()) EXPECT_FALSE(decide_call(c.facts).trace.empty()) << c.question;
}

TEST(CallDecision, ATransferToHimselfIsALoop) {
  CallFacts facts;
  facts.seen_by_caller = facts_of("other", "-", "open", "trans");
  facts.called = kTarget;
  EXPECT_EQ(decide_call(facts).reason, CallReason::kDiversionLoop);
}

TEST(Listed, NamesTypes) {
  EXPECT_EQ(listed(availability::kDelayed), "VOICE_DELAYED, WRITTEN_DELAYED");
  EXPECT_EQ(listed(0), "none");
}

}  // namespace
}  // namespace whitebrick::coordination
