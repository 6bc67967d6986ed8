#include "modules/events/push_rules.hpp"

#include <algorithm>

namespace whitebrick::events {
namespace {

using std::chrono::milliseconds;

milliseconds spread(milliseconds time, double jitter) {
  return milliseconds(static_cast<std::int64_t>(static_cast<double>(time.count()) * (0.75 + 0.25 * jitter)));
}

milliseconds doubled(unsigned times) {
  return std::min(kLongestBackoff, milliseconds(1000) * (1U << std::min(times, 9U)));
}

}  // namespace

milliseconds event_backoff(unsigned attempts, double jitter) {
  return spread(doubled(attempts == 0 ? 0 : attempts - 1), jitter);
}

milliseconds subscriber_backoff(unsigned failures, bool reached, double jitter) {
  if (failures >= kBreakerOpens) return spread(kProbeEvery, jitter);
  if (reached || failures == 0) return milliseconds(0);
  return spread(doubled(failures - 1), jitter);
}

}  // namespace whitebrick::events
