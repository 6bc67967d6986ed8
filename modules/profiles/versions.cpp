#include "modules/profiles/profiles.hpp"
#include "server/fault.hpp"

namespace whitebrick::profiles {

void demand_version(std::optional<std::uint64_t> stored, std::optional<std::uint64_t> if_version,
                    const std::string& what) {
  if (!if_version) return;
  if (!stored) throw Fault(FaultCode::STALE_VERSION, what + " does not exist", "ifVersion");
  if (*stored != *if_version) {
    throw Fault(FaultCode::STALE_VERSION, what + " has version " + std::to_string(*stored), "ifVersion");
  }
}

}  // namespace whitebrick::profiles
