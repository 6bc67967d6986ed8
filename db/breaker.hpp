#pragma once
// Fails fast while the database is away: closed -> (failure to connect) -> open, which
// lets one probe through every interval until one succeeds. Pure; the pool locks it.

#include <chrono>

namespace whitebrick::db {

class Breaker {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Breaker(std::chrono::milliseconds probe_interval) : interval_(probe_interval) {}

  bool open() const { return open_; }
  // May this caller try to connect? Open: true for one caller per interval, the probe.
  bool admits(Clock::time_point now) {
    if (!open_) return true;
    if (now < next_probe_) return false;
    next_probe_ = now + interval_;
    return true;
  }
  void failed(Clock::time_point now) {
    open_ = true;
    next_probe_ = now + interval_;
  }
  void succeeded() { open_ = false; }

 private:
  const std::chrono::milliseconds interval_;
  bool open_ = false;
  Clock::time_point next_probe_{};
};

}  // namespace whitebrick::db
