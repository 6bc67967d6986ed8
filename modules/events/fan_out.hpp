#pragma once
// Events that are for more subscriptions than one transaction should write. The publisher leaves a row;
// the deliveries are made behind it (Events::fan_out), a thousand in one transaction with the position
// reached, so that a replica that dies in between loses and repeats nothing.
//
// What one transmitter publishes arrives in the order of its events: while something of it is under way
// like this, the rest goes behind it.

#include <cstdint>
#include <string>
#include <vector>

#include "modules/events/events.hpp"
#include "modules/events/recipients.hpp"

namespace whitebrick::events {

// Deliveries that a publisher makes itself: of one event (kMostAtOnce), and of all in one call.
inline constexpr std::size_t kMostDeliveries = 5000;

// A transmitter.
struct Source {
  std::uint64_t service_id = 0;  // 0: a component
  std::string component;         // "" for a service
};

// Is something of it under way?
bool is_fanning_out(db::Session&, const Source&);

// To the services that subscribe to its type.
void fan_out_by_type(db::Session&, Wake&, std::uint64_t event_id);
// To the subscribers of `type`.
void fan_out_about(db::Session&, Wake&, std::uint64_t event_id, const std::string& type);
// To the terminals of its target profiles, and their services or not. What may wait for a terminal waits
// from the end of it on.
void fan_out_to_targets(db::Session&, Wake&, std::uint64_t event_id, const Source&, bool for_services);
// To these subscriptions; the target profiles are stored with them. Both ascending.
void fan_out_to(db::Session&, Wake&, std::uint64_t event_id, const Source&,
                const std::vector<std::uint64_t>& subscriptions, const std::vector<std::uint64_t>& profiles);

}  // namespace whitebrick::events
