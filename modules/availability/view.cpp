#include "modules/availability/view.hpp"

namespace whitebrick::availability {
namespace {

Asker asker_of(const Facts& facts) {
  Asker asker{.standing = Standing::kOther, .on_list = {}, .connected = facts.connected};
  if (facts.asks_himself)
    asker.standing = Standing::kOwner;
  else if (facts.refused)
    asker.standing = Standing::kRefused;
  else if (facts.authorised || facts.granted)
    asker.standing = Standing::kKnown;
  return asker;
}

// Of nobody: that nobody may know anything.
Filter filter_of(const Facts& facts) {
  if (facts.registered) return compile({facts.policy, facts.default_state, facts.covering});
  Filter nothing;
  nothing.entries.emplace_back();
  return nothing;
}

// What covers him covers him now: there are no periods to compare with.
constexpr Time kNow{};

Verdict judge(const Facts& facts) {
  return evaluate(filter_of(facts), asker_of(facts), kNow, Communication::kVoiceImmediate);
}

}  // namespace

Connectability connectability(const Facts& facts) { return connectability(judge(facts), facts.connected); }

Connectability connectability(const Verdict& verdict, bool connected) {
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
  return connected ? Connectability::kConnectable : Connectability::kNotConnectable;
}

Seen availability(const Facts& facts) {
  const Verdict verdict = judge(facts);
  return {verdict.state, verdict.shown == Shown::kMustAsk};
}

Offers offered_now(const Facts& facts) { return judge(facts).offers; }

CallDecision decide_call(const Facts& facts, Communication type) {
  const Filter filter = filter_of(facts);
  const Asker asker = asker_of(facts);
  const Verdict verdict = evaluate(filter, asker, kNow, type);
  CallDecision decision{.rule = rule_for(filter, asker, kNow, type),
                        .shown = verdict.shown,
                        .state = verdict.state,
                        .offered = verdict.offered,
                        .transfer = {},
                        .call_by = 0};
  const auto place = filter.entries[verdict.entry].mode;
  if (!place || verdict.shown != Shown::kState) return decision;
  const CoveringMode& mode = filter.modes[*place];
  if (verdict.state == ModeState::kTransfer) decision.transfer = mode.transfer;
  decision.call_by = mode.means.call_by;
  return decision;
}

bool a_grant_shows(Facts facts) {
  facts.granted = true;
  return judge(facts).shown == Shown::kState;
}

bool needs_grant_for_once(const Facts& facts) {
  return facts.grant_for_once && judge(facts).shown != Shown::kState && a_grant_shows(facts);
}

}  // namespace whitebrick::availability
