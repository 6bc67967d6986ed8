#pragma once
// Lets few threads hash at a time, and one per account: what the others wait for may be
// in a cache by then, and an account's guesses are counted one after the other. Few may
// wait: they hold a worker each, and whoever guesses must not come to hold them all.

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
    std::size_t waiting = 4;          // who show something new
    std::size_t known_waiting = 100;  // who show what was right before: no stranger can. They come first
    std::chrono::milliseconds patience{1500};
  };
  explicit HashGate(const Limits& limits) : limits_(limits) {}

  enum class Shows { kSomethingNew, kWhatWasRight };

  // Held while hashing. Waits; throws Fault BUSY at once when too many wait already, and
  // when it takes too long.
  class Turn {
   public:
    Turn(HashGate&, std::string account, Shows = Shows::kSomethingNew);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    HashGate& gate_;
    const std::string account_;
  };

  std::size_t waiting() const;  // of both kinds

 private:
  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable left_;
  std::set<std::string> inside_;  // accounts
  std::size_t waiting_ = 0, known_waiting_ = 0;
};

}  // namespace whitebrick::identity
