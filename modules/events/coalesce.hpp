#pragma once
// Events that say a state: of one transmitter, type and key the newest one tells all. In a full
// queue older ones that were never handed out make way for it.

#include <cstdint>
#include <string>
#include <vector>

#include "db/session.hpp"
#include "modules/events/subscriptions.hpp"

namespace whitebrick::events {

struct StateRow {
  std::string state_key, type;
  std::uint64_t service_id = 0;  // 0: a component
  std::string component;
  std::uint64_t event_id = 0;
};
void note_states(db::Session&, const std::vector<StateRow>&);

// Those older than these events, which are in the queue. Answers how many made way.
std::uint64_t coalesce_batch(db::Session&, std::uint64_t queue_id,
                             const std::vector<std::uint64_t>& event_ids);
// How many deliveries in the queue would make way for these states, were they in it.
std::uint64_t count_overtaken(db::Session&, std::uint64_t queue_id,
                              const std::vector<std::uint64_t>& event_ids);
// Those of a range of the queue's events, for newer ones in the queue; at most 1,000 at once.
std::uint64_t coalesce(db::Session&, std::uint64_t queue_id, std::uint64_t first_event,
                       std::uint64_t last_event);

// These events, about to be handed to a subscription that has been there before, without the states
// that a newer one has overtaken: those count as coalesced. An older state never comes behind a newer.
std::vector<std::uint64_t> without_overtaken(db::Session&, const SubscriptionRow&,
                                             const std::vector<std::uint64_t>& event_ids);

}  // namespace whitebrick::events
