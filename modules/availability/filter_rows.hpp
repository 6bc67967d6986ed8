#pragma once
// What the owner of a profile decided, read for the whole compiled filter: for everybody, and for a
// while from now on.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/session.hpp"
#include "modules/availability/filter.hpp"

namespace whitebrick::availability {

struct LoadedRules {
  OwnerRules rules;
  std::vector<std::uint64_t> mode_ids;  // of rules.modes; 0: a level
};

// Modes and their periods that touch [from, to).
LoadedRules load_rules(db::Session&, std::uint64_t profile_id, Time from, Time to);

// A grant, and when it lives.
struct Grant {
  std::uint64_t id = 0;
  std::optional<Time> from, until;
  bool lives_at(Time time) const { return (!from || *from <= time) && (!until || time < *until); }
};

// What a profile's owner knows of an asker.
struct LoadedAsker {
  bool owner = false, authorised = false, refused = false, connected = false;
  std::vector<Grant> grants;  // standing ones
  std::vector<bool> on_list;  // of LoadedRules::rules.modes

  const Grant* grant_at(Time) const;
  Asker at(Time) const;
};

// Of who has this number (normalised), with all his numbers; of nobody in particular without one.
LoadedAsker load_asker(db::Session&, std::uint64_t profile_id, const std::optional<std::string>& number,
                       const LoadedRules&);

}  // namespace whitebrick::availability
