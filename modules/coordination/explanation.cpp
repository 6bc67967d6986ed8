#include "modules/coordination/explanation.hpp"

namespace whitebrick::coordination {
namespace {

using availability::ModeState;
using availability::ProfilePolicy;
using availability::Shown;
using availability::Standing;

Right right_of(const availability::Explanation& why) {
  if (why.standing == Standing::kOwner) return Right::kOwner;
  if (why.standing == Standing::kRefused) return Right::kNone;
  if (why.authorised) return Right::kAuthorisedList;
  if (why.grant) return Right::kGrant;
  return why.policy == ProfilePolicy::kOpen ? Right::kPolicyOpen : Right::kNone;
}

Decision decision_of(const availability::Explanation& why) {
  const Decision by_state =
      why.source == availability::StateSource::kDefault ? Decision::kDefaultState : Decision::kMode;
  if (why.standing == Standing::kRefused) return Decision::kRefusedList;
  if (why.own_state == ModeState::kUnknown) return by_state;
  if (why.verdict.shown == Shown::kMustAsk) return Decision::kPolicyAsk;
  if (why.verdict.shown == Shown::kNothing) return Decision::kPolicyClosed;
  if (why.own_state != ModeState::kAvailable) return by_state;
  return why.connected ? Decision::kSession : Decision::kNoSession;
}

}  // namespace

Explanation explain_state(const availability::Explanation& why) {
  Explanation found;
  found.state = availability::connectability(why.verdict, why.connected);
  found.decision = decision_of(why);
  found.right = right_of(why);
  found.mode_state = why.own_state;
  found.by_mode = why.source != availability::StateSource::kDefault;
  found.mode = why.mode;
  found.by_rule = why.by_rule;
  found.outranked = why.outranked;
  found.grant = why.grant;
  found.offers = why.verdict.offers;
  found.next_change = why.next_change;
  return found;
}

namespace {

constexpr std::string_view kTerminals = R"sql(
SELECT t.name FROM access_session a JOIN terminal_session c ON c.id = a.terminal_session_id
  JOIN terminal t ON t.id = c.terminal_id
WHERE a.profile_id = ? ORDER BY t.name LIMIT 1000)sql";

}  // namespace

Explanation Coordination::explain(db::Session& db, const profiles::ProfileKey& owner,
                                  const std::optional<std::string>& asker) {
  auto who = owner.contact_number;
  if (asker) who = profiles::normalise_number(*asker, "asker");
  Explanation explanation = explain_state(availability_.explain(db, owner, who, std::nullopt));
  if (!owner.contact_number) {
    explanation.decision = Decision::kNoNumber;
    explanation.state = Connectability::kUnknown;
    explanation.right = Right::kNone;
    explanation.offers = 0;
  }
  explanation.terminals = db.query(
      kTerminals, [](const db::Row& row) { return row.text("name"); }, owner.id);
  return explanation;
}

}  // namespace whitebrick::coordination
