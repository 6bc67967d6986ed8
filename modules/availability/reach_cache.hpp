#pragma once
// What askers were told of contacts, kept for as long as stamps and clock say that reading everything again
// would give the same (stamps.hpp). Also of numbers that nobody has. Bounded. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "modules/availability/reach.hpp"
#include "modules/availability/stamps.hpp"

namespace whitebrick::availability {

// Who asks: a user, or a service in its own name.
struct ReachAsker {
  std::uint64_t user_id = 0, service_id = 0;
  friend bool operator==(const ReachAsker&, const ReachAsker&) = default;
};

class ReachCache {
 public:
  explicit ReachCache(std::size_t most_bytes);
  ~ReachCache();
  ReachCache(const ReachCache&) = delete;
  ReachCache& operator=(const ReachCache&) = delete;

  // Has something of it, good or not.
  bool knows(const ReachAsker&, const std::string& number) const;
  bool find(const ReachAsker&, const std::string& number, const StampsRead&, Reach&);
  // What was read together with the stamps, and holds until then if they do. Without stamps nothing is kept.
  void keep(const ReachAsker&, const std::string& number, const Reach&, RestsOn, const StampsRead&,
            Time until);

  std::size_t bytes() const;  // about

 private:
  struct Kept;
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace whitebrick::availability
