#pragma once
// When a delivery that keeps failing is given up, and how many go into one batch. Pure.

#include <cstddef>
#include <cstdint>
#include <span>

namespace whitebrick::events {

// Handed out so often without an acknowledgement, a delivery is dead.
inline constexpr unsigned kMostAttempts = 10;
// From the third time on a delivery is handed out alone: whatever fails with it fails alone.
inline constexpr unsigned kAloneAfter = 2;

// `attempts`: how often each of the first deliveries of a queue was handed out before, in their
// order. Answers how many of them make the next batch.
std::size_t batch_size(std::span<const unsigned> attempts);

// Bytes of content in one batch or page at most, but always one event.
inline constexpr std::uint64_t kMostBytes = 1024 * 1024;
// How many of the first contents of these sizes go together.
std::size_t fitting(std::span<const std::uint64_t> sizes);

// A queue held `depth` of at most `most` deliveries when `last_event` was the newest event. The
// first event that may find it full: one event adds at most `per_event` deliveries, and being a little
// late (a sixty-fourth) is worth not counting at every event.
unsigned long long next_measurement(unsigned long long last_event, unsigned depth, unsigned most,
                                    unsigned per_event);

}  // namespace whitebrick::events
