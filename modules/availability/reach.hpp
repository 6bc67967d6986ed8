#pragma once
// What an asker is told of a contact, in one piece, and what that rests on. Pure.

#include "modules/availability/view.hpp"

namespace whitebrick::availability {

struct Reach {
  Connectability state = Connectability::kUnknown;
  Offers offers = 0;
  Seen seen;
};

// The answers of connectability(), offered_now() and availability().
Reach reach_of(const Facts&);

// Whose changes may change a reach. What nobody shows him must cost him the same whatever the owner does: an
// answer that took longer would say that he did something.
enum class RestsOn {
  kRights,    // he is to know nothing: neither modes nor sessions matter
  kModes,     // he has to ask: a mode may hide even that; sessions do not matter
  kSessions,  // everything
};
RestsOn rests_on(const Facts&);

}  // namespace whitebrick::availability
