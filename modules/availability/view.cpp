#include "modules/availability/view.hpp"

namespace whitebrick::availability {
namespace {

struct Judged {
  Filter filter;
  Verdict verdict;

  const CoveringMode* mode() const {
    const auto place = filter.entries[verdict.entry].mode;
    return place ? &filter.modes[*place] : nullptr;
  }
};

// What nobody may know of nobody.
Judged nothing() {
  Judged judged;
  judged.filter.entries.emplace_back();
  return judged;
}

Judged judge(const Facts& facts, Communication type = Communication::kVoiceImmediate) {
  if (!facts.registered) return nothing();
  Asker asker{.standing = Standing::kOther, .on_list = {}, .connected = facts.connected};
  if (facts.asks_himself)
    asker.standing = Standing::kOwner;
  else if (facts.refused)
    asker.standing = Standing::kRefused;
  else if (facts.authorised || facts.granted)
    asker.standing = Standing::kKnown;
  Judged judged{compile({facts.policy, facts.default_state, facts.covering}), {}};
  // What covers him covers him now: there are no periods to compare with.
  judged.verdict = evaluate(judged.filter, asker, Time{}, type);
  return judged;
}

}  // namespace

Chosen choose_mode(const Facts& facts) {
  const Filter filter = compile({facts.policy, facts.default_state, facts.covering});
  if (filter.modes.empty()) return {facts.default_state, {}, {}, {}};
  const CoveringMode& best = filter.modes.front();
  return {best.state, best.transfer.number, best.transfer, best.means};
}

Connectability connectability(const Facts& facts) {
  const Verdict verdict = judge(facts).verdict;
  switch (verdict.shown) {
    case Shown::kNothing:
      return Connectability::kUnknown;
    case Shown::kMustAsk:
      return Connectability::kAuthorisationRequired;
    case Shown::kState:
      break;
  }
  switch (verdict.state) {
    case ModeState::kTransfer:
      return Connectability::kInTransfer;
    case ModeState::kNotAvailable:
      return Connectability::kNotConnectable;
    case ModeState::kUnknown:  // he asks himself
    case ModeState::kAvailable:
      break;
  }
  return facts.connected ? Connectability::kConnectable : Connectability::kNotConnectable;
}

Seen availability(const Facts& facts) {
  const Verdict verdict = judge(facts).verdict;
  return {verdict.state, verdict.shown == Shown::kMustAsk};
}

Offers offered_now(const Facts& facts) { return judge(facts).verdict.offers; }

CallDecision decide_call(const Facts& facts, Communication type) {
  const Judged judged = judge(facts, type);
  CallDecision decision{.action = judged.verdict.action, .transfer = {}, .mode = {}};
  const CoveringMode* mode = judged.mode();
  if (mode == nullptr || decision.action == CallAction::kReject) return decision;
  decision.mode = mode->mode;
  if (decision.action == CallAction::kForward) decision.transfer = mode->transfer;
  if (decision.action == CallAction::kAccept) decision.call_by = mode->means.call_by;
  decision.notification = mode->means.notification.value_or(Notification::kTerminals);
  return decision;
}

bool needs_grant_for_once(const Facts& facts) {
  if (!facts.grant_for_once) return false;
  Facts with = facts;
  with.granted = true;
  return judge(facts).verdict.shown != Shown::kState && judge(with).verdict.shown == Shown::kState;
}

}  // namespace whitebrick::availability
