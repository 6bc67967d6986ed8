#pragma once
// Events that the server puts into one queue to tell its owner about that queue. They go in
// whatever the queue's state and limit.

#include <cstdint>

#include "db/session.hpp"

namespace whitebrick::events {

enum class Marker { kSuspended, kExpired };

void put_marker(db::Session&, std::uint64_t queue_id, Marker);

}  // namespace whitebrick::events
