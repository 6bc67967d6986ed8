#pragma once
// Telling those who hear of some transmitters only what becomes of a type (patent 13.4, 13.5): subscriptions
// limited to a service, and those for a profile, a terminal's too, which hear of the services that the
// profile uses. For them a type is available while one of these transmits it.
//
// Each (type, transmitter) has a row that says what was last told of it. A transmitter's own transaction
// only notes that something has changed; the job tells what is true then (Events::settle).

#include <string>

#include "db/session.hpp"
#include "modules/events/events.hpp"

namespace whitebrick::events {

// What comes and goes is told of at most once in kHold, and when it has been still for that time, or every
// kLongestHold while it is not.
inline constexpr int kHold = 2, kLongestHold = 30;  // seconds

// Locks the type: writes its row in any case, which on a cluster makes one of two services that leave at the
// same time lose its transaction and count again. False: nobody has declared it yet.
bool touch_type(db::Session&, const std::string& type);
// With the types touched. `was_live`: what those were told who heard nothing of this type and service yet.
void note_change(db::Session&, const std::string& type, std::uint64_t service_id, bool was_live,
                 const std::string& cause);

// event.available or event.unavailable; `live`: how many transmit it for those who are told.
NewEvent availability_notice(const std::string& type, std::uint64_t live, const std::string& cause);

}  // namespace whitebrick::events
