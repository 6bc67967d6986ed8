#pragma once
// One wake source for everything that waits: parked polls, and the workers of
// component subscribers. A key names what is waited for ("queue:42").
//
// The order that loses nothing: watch the key, then look, then wait. wake() after
// the commit that made the thing ready. A wake-up is only a hint: who is woken
// looks again.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "db/session.hpp"

namespace whitebrick {

using WaitKey = std::string;

// Thread-safe registry of one process.
class WaitRegistry {
 public:
  WaitRegistry();
  ~WaitRegistry();

  // `on_wake` is called on any thread, possibly several times, and must be quick;
  // never after the Watch was destroyed (its destruction waits for a call under way).
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&&) noexcept;
    Watch& operator=(Watch&&) noexcept;
    ~Watch();

   private:
    friend class WaitRegistry;
    struct Entry;
    std::shared_ptr<Entry> entry_;
  };
  [[nodiscard]] Watch watch(WaitKey key, std::function<void()> on_wake);

  void wake(const WaitKey& key);
  std::vector<WaitKey> keys() const;  // watched now, each once, for the sweep
  std::size_t size() const;           // watches

  // Between replicas keys travel as 64-bit hashes under a salt that the replicas share.
  // Two keys with one hash are woken together, which is only a hint too many.
  using Salt = std::array<std::uint64_t, 2>;
  void set_salt(const Salt&);
  std::uint64_t hash(std::string_view key) const;
  void wake_hashed(std::uint64_t hash);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// What modules call. After a commit: db.after_commit([&, keys] { wake_.wake(keys); }).
class Wake {
 public:
  virtual ~Wake() = default;
  // This replica's waiters at once, the other replicas' by a lossy datagram. Never throws.
  virtual void wake(const std::vector<WaitKey>& keys) noexcept = 0;
};

// Implemented by the module that owns a kind of key (the text before ':'): which of these
// keys have something now? One query for up to 1,000 keys. The sweep asks it so that a
// waiter whose datagram was lost is still woken within 2 s.
class Readiness {
 public:
  virtual ~Readiness() = default;
  virtual std::string kind() const = 0;
  virtual std::vector<WaitKey> ready(db::Session&, const std::vector<WaitKey>& keys) = 0;
};

}  // namespace whitebrick
