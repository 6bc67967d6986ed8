#pragma once
// When a push that failed is tried again. Pure.

#include <chrono>

namespace whitebrick::events {

inline constexpr unsigned kBreakerOpens = 5;  // failures in a row; then only a probe now and then
inline constexpr std::chrono::milliseconds kProbeEvery{30'000};
inline constexpr std::chrono::milliseconds kLongestBackoff{300'000};

// `jitter` from 0 to 1 spreads the tries over the last quarter of the time.

// Of an event that the subscriber refused for the `attempts`-th time: 1 s, 2 s, 4 s... 5 min.
std::chrono::milliseconds event_backoff(unsigned attempts, double jitter);
// Of a subscriber that could not be reached, or refused, `failures` times in a row; zero: go on.
std::chrono::milliseconds subscriber_backoff(unsigned failures, bool reached, double jitter);

}  // namespace whitebrick::events
