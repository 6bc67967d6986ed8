#include "modules/coordination/explanation.hpp"

#include <limits>

namespace whitebrick::coordination {
namespace {

using availability::Facts;
using availability::ModeState;
using availability::ProfilePolicy;

Right right_of(const Facts& facts) {
  if (facts.asks_himself) return Right::kOwner;
  if (facts.refused) return Right::kNone;
  if (facts.authorised) return Right::kAuthorisedList;
  if (facts.granted) return Right::kGrant;
  return facts.policy == ProfilePolicy::kOpen ? Right::kPolicyOpen : Right::kNone;
}

Decision decision_of(const Facts& facts, const Explanation& found) {
  if (!facts.registered) return Decision::kNoNumber;
  if (!facts.asks_himself && facts.refused) return Decision::kRefusedList;
  if (found.mode_state == ModeState::kUnknown)
    return found.by_mode ? Decision::kMode : Decision::kDefaultState;
  if (found.right == Right::kNone) {
    return facts.policy == ProfilePolicy::kAsk ? Decision::kPolicyAsk : Decision::kPolicyClosed;
  }
  if (found.mode_state != ModeState::kAvailable)
    return found.by_mode ? Decision::kMode : Decision::kDefaultState;
  return facts.connected ? Decision::kSession : Decision::kNoSession;
}

}  // namespace

Explanation explain_facts(const Facts& facts) {
  Explanation found;
  found.state = availability::connectability(facts);
  found.mode_state = availability::choose_mode(facts).state;
  found.by_mode = !facts.covering.empty();
  found.right = right_of(facts);
  found.decision = decision_of(facts, found);
  return found;
}

namespace {

constexpr std::string_view kTerminals = R"sql(
SELECT t.name FROM access_session a JOIN terminal_session c ON c.id = a.terminal_session_id
  JOIN terminal t ON t.id = c.terminal_id
WHERE a.profile_id = ? ORDER BY t.name LIMIT 1000)sql";
// Somebody whom no list, grant or mode knows.
constexpr std::uint64_t kStranger = std::numeric_limits<std::int64_t>::max();

}  // namespace

Explanation Coordination::explain(db::Session& db, const profiles::ProfileKey& owner,
                                  const std::optional<std::string>& asker) {
  std::uint64_t asker_id = owner.user_id;
  if (asker) {
    const auto who = profiles_.find_number(db, profiles::normalise_number(*asker, "asker"));
    asker_id = who ? who->user_id : kStranger;
  }
  Explanation explanation = explain_facts({});
  if (owner.contact_number) {
    explanation = explain_facts(availability_.views(db, asker_id, 0, {*owner.contact_number}).at(0).facts);
  }
  explanation.terminals = db.query(
      kTerminals, [](const db::Row& row) { return row.text("name"); }, owner.id);
  return explanation;
}

}  // namespace whitebrick::coordination
