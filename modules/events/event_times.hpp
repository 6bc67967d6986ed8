#pragma once
// Event ids grow with time but for the length of a transaction, so that a time is an id with some
// to spare. Found in a few looks at the primary key.

#include <cstdint>

#include "db/session.hpp"
#include "db/time.hpp"

namespace whitebrick::events {

// No event published at `time` or later has a lower id.
std::uint64_t first_event_since(db::Session&, Time time);
// No event published at `time` or before has this id or a higher one.
std::uint64_t first_event_after(db::Session&, Time time);

}  // namespace whitebrick::events
