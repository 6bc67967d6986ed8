#pragma once
// The facts of a view in two halves: what is the same of an owner for all who ask, and what is between him
// and one asker. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modules/availability/availability.hpp"

namespace whitebrick::availability {

struct OwnerFacts {
  struct ActiveMode {
    std::uint64_t id = 0;  // 0: a level
    CoveringMode mode;
  };
  std::uint64_t profile_id = 0, user_id = 0;  // 0: nobody has the number
  ProfilePolicy policy = ProfilePolicy::kAsk;
  ModeState default_state = ModeState::kAvailable;
  bool connected = false;
  std::vector<ActiveMode> modes;   // whoever they are for
  Time modes_until = Time::max();  // when they may be others, though nothing is written

  std::vector<std::uint64_t> modes_for_some() const;
};

struct AskerRights {
  void add_list(profiles::ListKind);
  // One that begins later, at `from`, is no right yet.
  void add_grant(std::uint64_t id, bool for_once, const std::optional<Time>& from,
                 const std::optional<Time>& until_at);

  bool authorised = false, refused = false, granted = false;
  std::optional<std::uint64_t> grant_for_once;
  Time until = Time::max();               // as modes_until
  std::vector<std::uint64_t> covered_by;  // modes for some contacts
};

// Of an asker, a user or (0) a service.
View view_of(const OwnerFacts&, const AskerRights&, std::uint64_t asker_user_id, const std::string& number);

}  // namespace whitebrick::availability
