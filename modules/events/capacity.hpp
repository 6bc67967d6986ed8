#pragma once
// How much a queue may hold, and what happens when it is full. Nothing is dropped silently:
// 1. older undelivered states of the batch's transmitters, types and keys make way (history:
//    coalesced; the newest one says how many it stands for);
// 2. a publishing service is refused: QUEUE_FULL;
// 3. what must not be refused suspends the queue: subscription.suspended is its last event, and
//    what comes then is kept in the history as held back, from where seek brings it.
//
// Nobody keeps a counter. A queue with room for n more cannot be full before n events later (fewer, where
// many terminals share it), so that its deliveries are counted (up to its limit, on its primary key) when
// that event comes: table queue_depth. Publishers under way at the same time make the limit soft by what they
// add. Queues of server components have no limit.

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "modules/events/events.hpp"
#include "modules/events/recipients.hpp"

namespace whitebrick::events {

struct DeliveryRow {
  std::uint64_t event_id = 0;
  Recipient recipient;
};

// May the publisher be told to come again?
enum class WhenFull { kRefuse, kSuspend };

// Stores deliveries; takes out of `rows` those to queues that collect nothing now: what a suspended
// one misses is kept in the history. Faults: QUEUE_FULL, when that may be told.
void deliver(db::Session&, std::vector<DeliveryRow>& rows, WhenFull);
// Of what a publisher leaves to the fan-out, while it can still be refused: so many deliveries for each
// queue, without states that others of the batch make way for, and the newest states. Faults: QUEUE_FULL.
void require_room(db::Session&, const std::map<std::uint64_t, std::size_t>& deliveries,
                  const std::vector<std::uint64_t>& states, std::uint64_t last_event);
// The deliveries of a queue, counted up to a limit.
std::uint64_t bounded_depth(db::Session&, std::uint64_t queue_id, std::uint64_t most);
// Unless somebody else notes it now.
void note_depth(db::Session&, std::uint64_t queue_id, std::uint64_t depth, std::uint64_t last_event);

// The queue collects again. True when it was suspended.
bool resume(db::Session&, std::uint64_t queue_id);

}  // namespace whitebrick::events
