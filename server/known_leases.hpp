#pragma once
// What this replica knows of leases on the database clock, so that not every call asks for them
// again. Thread-safe.

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

namespace whitebrick {

class KnownLeases {
 public:
  using Clock = std::chrono::steady_clock;
  // How long the holder may stay silent before the lease ends; nothing when he holds none.
  using Silence = std::optional<std::chrono::milliseconds>;

  // Nothing when it has to be looked at in the database.
  std::optional<Silence> find(std::uint64_t key) const;
  // `pause`: until it is looked at again.
  Silence remember(std::uint64_t key, Clock::duration pause, std::optional<Clock::duration> remaining);
  void forget(std::uint64_t key);

 private:
  struct Known {
    Clock::time_point look_again;
    std::optional<Clock::time_point> end;
  };
  static Silence silence(const Known&, Clock::time_point now);

  mutable std::mutex mutex_;
  std::map<std::uint64_t, Known> known_;
};

}  // namespace whitebrick
