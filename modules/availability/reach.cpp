#include "modules/availability/reach.hpp"

namespace whitebrick::availability {

Reach reach_of(const Facts& facts) {
  return {connectability(facts), offered_now(facts), availability(facts)};
}

RestsOn rests_on(const Facts& facts) {
  if (!facts.registered) return RestsOn::kRights;
  if (facts.asks_himself) return RestsOn::kSessions;
  if (facts.refused) return RestsOn::kRights;
  if (facts.authorised || facts.granted || facts.grant_for_once) return RestsOn::kSessions;
  switch (facts.policy) {
    case ProfilePolicy::kOpen:
      break;
    case ProfilePolicy::kAsk:
      return RestsOn::kModes;
    case ProfilePolicy::kClosed:
      return RestsOn::kRights;
  }
  return RestsOn::kSessions;
}

}  // namespace whitebrick::availability
