#pragma once
// What ifVersion means, for everything that has a version. Pure.

#include <cstdint>
#include <optional>
#include <string>

namespace whitebrick::profiles {

// The row as it was found and locked.
struct Stored {
  std::uint64_t id = 0;
  std::uint64_t version = 0;
};

// Fault STALE_VERSION unless nothing is demanded or `stored` is what was demanded.
void demand_version(const std::optional<Stored>& stored, std::optional<std::uint64_t> if_version,
                    const std::string& what);

}  // namespace whitebrick::profiles
