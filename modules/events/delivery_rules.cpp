#include "modules/events/delivery_rules.hpp"

#include <algorithm>

namespace whitebrick::events {

std::size_t batch_size(std::span<const unsigned> attempts) {
  if (attempts.empty()) return 0;
  if (attempts.front() >= kAloneAfter) return 1;
  const auto alone = std::ranges::find_if(attempts, [](unsigned n) { return n >= kAloneAfter; });
  return static_cast<std::size_t>(alone - attempts.begin());
}

std::size_t fitting(std::span<const std::uint64_t> sizes) {
  std::uint64_t sum = 0;
  const auto end =
      std::ranges::find_if(sizes, [&](std::uint64_t size) { return (sum += size) > kMostBytes; });
  return std::max(static_cast<std::size_t>(end - sizes.begin()), std::min<std::size_t>(sizes.size(), 1));
}

unsigned long long next_measurement(unsigned long long last_event, unsigned depth, unsigned most,
                                    unsigned per_event) {
  const unsigned room = most > depth ? most - depth : 0;
  return last_event + std::max(room, most / 64) / std::max(per_event, 1U) + 1;
}

}  // namespace whitebrick::events
