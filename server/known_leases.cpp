#include "server/known_leases.hpp"

#include <algorithm>

namespace whitebrick {
namespace {
constexpr std::size_t kMaxRemembered = 100'000;
}

KnownLeases::Silence KnownLeases::silence(const Known& known, Clock::time_point now) {
  if (!known.end) return std::nullopt;
  return std::max(std::chrono::milliseconds(0),
                  std::chrono::duration_cast<std::chrono::milliseconds>(*known.end - now));
}

std::optional<KnownLeases::Silence> KnownLeases::find(std::uint64_t key) const {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(key);
  if (known == known_.end() || now >= known->second.look_again) return std::nullopt;
  return silence(known->second, now);
}

KnownLeases::Silence KnownLeases::remember(std::uint64_t key, Clock::duration pause,
                                           std::optional<Clock::duration> remaining) {
  const auto now = Clock::now();
  Known known{.look_again = now + pause, .end = std::nullopt};
  if (remaining) known.end = now + *remaining;
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxRemembered) {
    std::erase_if(known_, [&](const auto& entry) { return entry.second.look_again < now; });
  }
  known_[key] = known;
  return silence(known, now);
}

void KnownLeases::forget(std::uint64_t key) {
  const std::lock_guard lock(mutex_);
  known_.erase(key);
}

}  // namespace whitebrick
