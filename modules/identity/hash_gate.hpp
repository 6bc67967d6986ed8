#pragma once
// Lets few threads hash at a time, and one per account: what the others wait for may be
// in a cache by then, and an account's guesses are counted one after the other.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

namespace whitebrick::identity {

class HashGate {
 public:
  struct Limits {
    std::size_t at_once = 2;
    std::size_t waiting = 100;
    std::chrono::milliseconds patience{1500};
  };
  HashGate() = default;
  explicit HashGate(const Limits& limits) : limits_(limits) {}

  // Held while hashing. Waits; throws Fault BUSY when too many wait already, or too long.
  class Turn {
   public:
    Turn(HashGate&, std::string account);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    HashGate& gate_;
    const std::string account_;
  };

 private:
  const Limits limits_;
  std::mutex mutex_;
  std::condition_variable left_;
  std::set<std::string> inside_;  // accounts
  std::size_t waiting_ = 0;
};

}  // namespace whitebrick::identity
