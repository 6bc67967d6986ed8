#include "modules/availability/view.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

namespace whitebrick::availability {
namespace {

// Greater is chosen before: narrower, then of higher priority, then activated later.
auto rank(const CoveringMode& mode) {
  const int width = mode.contacts == 0 ? std::numeric_limits<int>::max() : mode.contacts;
  return std::tuple(-width, mode.priority, mode.activated_at);
}

// What comes before the question whether he is connected: the asker's right to know.
enum class Right { kKnow, kMustAsk, kNothing };

Right right_of_asker(const Facts& facts, ModeState state) {
  if (!facts.registered) return Right::kNothing;
  if (facts.asks_himself) return Right::kKnow;
  if (facts.refused || state == ModeState::kUnknown) return Right::kNothing;
  if (facts.authorised || facts.granted) return Right::kKnow;
  switch (facts.policy) {
    case ProfilePolicy::kOpen: return Right::kKnow;
    case ProfilePolicy::kAsk: return Right::kMustAsk;
    case ProfilePolicy::kClosed: return Right::kNothing;
  }
  return Right::kNothing;
}

}  // namespace

Chosen choose_mode(const Facts& facts) {
  const auto best = std::ranges::max_element(facts.covering, {}, rank);
  if (best == facts.covering.end()) return {facts.default_state, std::nullopt};
  return {best->state, best->transfer_to};
}

Connectability connectability(const Facts& facts) {
  const ModeState state = choose_mode(facts).state;
  switch (right_of_asker(facts, state)) {
    case Right::kNothing: return Connectability::kUnknown;
    case Right::kMustAsk: return Connectability::kAuthorisationRequired;
    case Right::kKnow: break;
  }
  switch (state) {
    case ModeState::kUnknown: return Connectability::kUnknown;  // he asks himself
    case ModeState::kTransfer: return Connectability::kInTransfer;
    case ModeState::kNotAvailable: return Connectability::kNotConnectable;
    case ModeState::kAvailable: break;
  }
  return facts.connected ? Connectability::kConnectable : Connectability::kNotConnectable;
}

Seen availability(const Facts& facts) {
  const ModeState state = choose_mode(facts).state;
  switch (right_of_asker(facts, state)) {
    case Right::kNothing: return {ModeState::kUnknown, false};
    case Right::kMustAsk: return {ModeState::kUnknown, true};
    case Right::kKnow: break;
  }
  return {state, false};
}

}  // namespace whitebrick::availability
