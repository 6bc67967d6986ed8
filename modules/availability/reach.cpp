#include "modules/availability/reach.hpp"

namespace whitebrick::availability {

Reach reach_of(const Facts& facts) {
  return {connectability(facts), offered_now(facts), availability(facts)};
}

RestsOn rests_on(const Facts& facts) {
  if (!facts.registered) return RestsOn::kRights;
  if (facts.asks_himself) return RestsOn::kSessions;
  if (facts.refused) return RestsOn::kRights;
  if (!facts.authorised && !facts.granted && !facts.grant_for_once) {
    if (facts.policy == ProfilePolicy::kClosed) return RestsOn::kRights;
    if (facts.policy == ProfilePolicy::kAsk) return RestsOn::kModes;
  }
  // Who hides by a mode is as little looked for when his terminals come and go as who is nobody.
  const bool hides = !facts.grant_for_once && connectability(facts) == Connectability::kUnknown;
  return hides ? RestsOn::kModes : RestsOn::kSessions;
}

}  // namespace whitebrick::availability
