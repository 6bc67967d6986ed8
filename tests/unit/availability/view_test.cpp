#include "modules/availability/view.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace whitebrick::availability {
namespace {

struct Case {
  std::string line;
  Facts facts;
  std::string sees, state;
};

template <class T>
T named(const std::map<std::string, T>& names, const std::string& name) {
  const auto found = names.find(name);
  if (found == names.end()) throw std::runtime_error("the table does not know '" + name + "'");
  return found->second;
}

ModeState state_named(const std::string& name) {
  return named<ModeState>({{"avail", ModeState::kAvailable},
                           {"not", ModeState::kNotAvailable},
                           {"trans", ModeState::kTransfer},
                           {"unkn", ModeState::kUnknown}},
                          name);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

std::vector<CoveringMode> modes_of(const std::string& text) {
  std::vector<CoveringMode> modes;
  if (text == "-") return modes;
  for (const std::string& item : split(text, '+')) {
    const auto parts = split(item, '/');
    CoveringMode mode;
    mode.state = state_named(parts.at(0));
    if (mode.state == ModeState::kTransfer) mode.transfer.number = "tel:+33199999999";
    mode.contacts = parts.at(1) == "all" ? 0 : std::stoi(parts.at(1));
    mode.priority = std::stoi(parts.at(2));
    mode.activated_at = Time(std::chrono::seconds(std::stoi(parts.at(3))));
    modes.push_back(mode);
  }
  return modes;
}

Case read_case(const std::string& line) {
  std::istringstream in(line);
  std::string asker, list, grant, policy, default_state, modes, session;
  Case c;
  c.line = line;
  if (!(in >> asker >> list >> grant >> policy >> default_state >> modes >> session >> c.sees >> c.state)) {
    throw std::runtime_error("nine columns are needed: " + line);
  }
  c.facts.registered = named<bool>({{"missing", false}, {"self", true}, {"other", true}}, asker);
  c.facts.asks_himself = asker == "self";
  c.facts.authorised = named<bool>({{"-", false}, {"auth", true}, {"ref", false}, {"both", true}}, list);
  c.facts.refused = list == "ref" || list == "both";
  c.facts.granted = named<bool>({{"-", false}, {"live", true}}, grant);
  c.facts.policy = named<ProfilePolicy>(
      {{"open", ProfilePolicy::kOpen}, {"ask", ProfilePolicy::kAsk}, {"closed", ProfilePolicy::kClosed}},
      policy);
  c.facts.default_state = state_named(default_state);
  c.facts.covering = modes_of(modes);
  c.facts.connected = named<bool>({{"on", true}, {"off", false}}, session);
  return c;
}

std::vector<Case> table() {
  std::ifstream file(WB_SOURCE_DIR "/tests/unit/availability/connectability.table");
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != '#') cases.push_back(read_case(line));
  }
  return cases;
}

std::string text(Connectability state) {
  switch (state) {
    case Connectability::kConnectable:
      return "CONNECTABLE";
    case Connectability::kNotConnectable:
      return "NOT_CONNECTABLE";
    case Connectability::kAuthorisationRequired:
      return "AUTHORISATION_REQUIRED";
    case Connectability::kInTransfer:
      return "IN_TRANSFER";
    case Connectability::kUnknown:
      return "UNKNOWN";
  }
  return "?";
}

std::string text(const Seen& seen) {
  if (seen.authorisation_required) return seen.state == ModeState::kUnknown ? "must-ask" : "?";
  switch (seen.state) {
    case ModeState::kAvailable:
      return "AVAILABLE";
    case ModeState::kNotAvailable:
      return "NOT_AVAILABLE";
    case ModeState::kTransfer:
      return "TRANSFER";
    case ModeState::kUnknown:
      return "UNKNOWN";
  }
  return "?";
}

TEST(ConnectabilityTable, EveryRowHolds) {
  const auto cases = table();
  ASSERT_GE(cases.size(), 210u);
  for (const Case& c : cases) {
    EXPECT_EQ(text(connectability(c.facts)), c.sees) << c.line;
    EXPECT_EQ(text(availability(c.facts)), c.state) << c.line;
  }
}

TEST(ConnectabilityTable, HasNoRowTwiceAndEveryAnswer) {
  std::set<std::string> questions;
  std::map<std::string, int> answers;
  for (const Case& c : table()) {
    const std::string question = c.line.substr(0, c.line.rfind(c.sees, c.line.rfind(c.state) - 1));
    EXPECT_TRUE(questions.insert(question).second) << "twice: " << question;
    ++answers[c.sees];
  }
  EXPECT_EQ(answers.size(), 5u);
  for (const auto& [answer, rows] : answers) EXPECT_GE(rows, 5) << answer;
}

TEST(DecidedCall, ATransferCarriesItsNumberAndNothingElseDoes) {
  Facts facts;
  facts.registered = true;
  facts.policy = ProfilePolicy::kOpen;
  facts.covering = modes_of("trans/all/0/1");
  EXPECT_EQ(decide_call(facts, Communication::kVoiceImmediate).transfer.number, "tel:+33199999999");
  facts.covering = modes_of("trans/all/0/1+avail/1/0/1");
  EXPECT_EQ(decide_call(facts, Communication::kVoiceImmediate).transfer, TransferTarget{});
  facts.covering = modes_of("trans/all/0/1");
  facts.policy = ProfilePolicy::kAsk;
  EXPECT_EQ(decide_call(facts, Communication::kVoiceImmediate).transfer, TransferTarget{}) << "a stranger";
}

struct OffersCase {
  std::string line;
  Facts facts;
  std::string offers;
};

OffersCase read_offers(const std::string& line) {
  std::istringstream in(line);
  std::string asker, list, policy, mode, session;
  OffersCase c;
  c.line = line;
  if (!(in >> asker >> list >> policy >> mode >> session >> std::ws) || !std::getline(in, c.offers)) {
    throw std::runtime_error("six columns are needed: " + line);
  }
  c.facts.registered = named<bool>({{"missing", false}, {"self", true}, {"other", true}}, asker);
  c.facts.asks_himself = asker == "self";
  c.facts.authorised = list == "auth";
  c.facts.refused = list == "ref";
  c.facts.granted = named<bool>({{"-", false}, {"auth", false}, {"ref", false}, {"live", true}}, list);
  c.facts.policy = named<ProfilePolicy>(
      {{"open", ProfilePolicy::kOpen}, {"ask", ProfilePolicy::kAsk}, {"closed", ProfilePolicy::kClosed}},
      policy);
  c.facts.connected = named<bool>({{"on", true}, {"off", false}}, session);
  if (mode == "-") return c;
  const auto colon = mode.find(':');
  CoveringMode covering;
  covering.state = state_named(mode.substr(0, colon));
  if (covering.state == ModeState::kTransfer) covering.transfer.number = "tel:+33199999999";
  if (colon != std::string::npos) {
    covering.means.offers = 0;
    for (const std::string& type : split(mode.substr(colon + 1), '/')) {
      *covering.means.offers |= named<Offers>({{"VI", static_cast<Offers>(Communication::kVoiceImmediate)},
                                               {"WI", static_cast<Offers>(Communication::kWrittenImmediate)},
                                               {"VL", static_cast<Offers>(Communication::kVoiceDelayed)},
                                               {"WL", static_cast<Offers>(Communication::kWrittenDelayed)},
                                               {"nothing", 0}},
                                              type);
    }
  }
  c.facts.covering.push_back(covering);
  return c;
}

std::string names_of(Offers offers) {
  std::string text;
  for (const auto& [type, name] :
       {std::pair(Communication::kVoiceImmediate, "VI"), std::pair(Communication::kWrittenImmediate, "WI"),
        std::pair(Communication::kVoiceDelayed, "VL"), std::pair(Communication::kWrittenDelayed, "WL")}) {
    if (holds(offers, type)) text.append(text.empty() ? "" : " ").append(name);
  }
  return text.empty() ? "none" : text;
}

TEST(OffersTable, EveryRowHolds) {
  std::ifstream file(WB_SOURCE_DIR "/tests/unit/availability/offers.table");
  std::set<std::string> questions;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const OffersCase c = read_offers(line);
    EXPECT_EQ(names_of(offered_now(c.facts)), c.offers) << c.line;
    EXPECT_TRUE(questions.insert(line.substr(0, line.rfind(c.offers))).second) << "twice: " << line;
  }
  EXPECT_GE(questions.size(), 85u);
}

// What an asker may not know must not be guessed from what he sees: whatever the hidden
// person does, the answer stays the one for nobody.
TEST(Hidden, LooksLikeNobodyInEveryCircumstance) {
  const Facts nobody;
  int hidden = 0;
  for (const Case& c : table()) {
    if (c.sees != "UNKNOWN" || c.facts.asks_himself) continue;
    ++hidden;
    EXPECT_EQ(text(availability(c.facts)), text(availability(nobody))) << c.line;
    Facts other = c.facts;
    other.connected = !other.connected;
    EXPECT_EQ(connectability(other), connectability(nobody)) << c.line;
  }
  EXPECT_GE(hidden, 30);
}

}  // namespace
}  // namespace whitebrick::availability
