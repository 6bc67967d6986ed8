#pragma once
// The dead list, as the rest of this module uses it.

#include <cstdint>

#include "modules/events/events.hpp"
#include "modules/events/lease_token.hpp"

namespace whitebrick::events {

// Moves deliveries of a queue's range of events that were handed out too often and whose lease is
// over to the dead list. Answers how many.
std::uint64_t bury(db::Session&, std::uint64_t queue_id, std::uint64_t first_event, std::uint64_t last_event);
// A late acknowledgement of what has died since; no ids: all of the lease. Answers the event of each
// delivery.
std::vector<std::uint64_t> acknowledge_dead(db::Session&, std::uint64_t queue_id, const LeaseToken&,
                                            const std::vector<std::uint64_t>& event_ids);

}  // namespace whitebrick::events
