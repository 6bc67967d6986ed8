#pragma once
// A Wake that remembers what it was asked to wake.

#include <algorithm>
#include <mutex>
#include <vector>

#include "server/wait.hpp"

namespace whitebrick::testing {

class RecordingWake final : public Wake {
 public:
  RecordingWake() = default;
  // Wakes the waiters of `registry`, too: one process without peers.
  explicit RecordingWake(WaitRegistry& registry) : registry_(&registry) {}

  void wake(const std::vector<WaitKey>& keys) noexcept override {
    {
      const std::lock_guard lock(mutex_);
      keys_.insert(keys_.end(), keys.begin(), keys.end());
    }
    if (registry_ == nullptr) return;
    for (const WaitKey& key : keys) registry_->wake(key);
  }

  std::vector<WaitKey> keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
  }
  bool woke(const WaitKey& key) const {
    const auto all = keys();
    return std::find(all.begin(), all.end(), key) != all.end();
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    keys_.clear();
  }

 private:
  WaitRegistry* registry_ = nullptr;
  mutable std::mutex mutex_;
  std::vector<WaitKey> keys_;
};

}  // namespace whitebrick::testing
