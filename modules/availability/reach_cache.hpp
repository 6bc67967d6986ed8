#pragma once
// What askers were told of contacts, kept for as long as stamps and clock say that reading everything again
// would give the same (stamps.hpp). Also of numbers that nobody has. Bounded; what was asked for longest
// ago goes first, whatever it is. Thread-safe.

#include <array>
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
  bool knows(const ReachAsker&, const std::string& number);
  bool find(const ReachAsker&, const std::string& number, const StampsRead&, Reach&);
  // What was read together with the stamps, and holds until then if they do. Without stamps nothing is kept.
  void keep(const ReachAsker&, const std::string& number, const Reach&, RestsOn, const StampsRead&,
            Time until);

  std::size_t bytes() const;  // about

 private:
  struct Shard;
  struct Kept;
  static constexpr std::size_t kShards = 16;
  Shard& shard_of(const std::string& number);

  const std::size_t most_bytes_;  // of a shard
  const std::unique_ptr<std::array<Shard, kShards>> shards_;
};

}  // namespace whitebrick::availability
