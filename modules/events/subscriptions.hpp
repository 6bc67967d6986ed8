#pragma once
// What the use cases of subscriptions share inside this module.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modules/events/events.hpp"

namespace whitebrick::events {

// A row of `subscription`.
struct SubscriptionRow {
  std::uint64_t id = 0;
  std::uint64_t queue_id = 0;
  Party owner;
  std::string name;
  std::optional<std::uint64_t> profile_id, transmitter_id;
};

// Fault INVALID_ARGUMENT(type) or LIMIT_EXCEEDED(type).
void require_patterns(const std::vector<std::string>& patterns);
std::optional<SubscriptionRow> find_subscription(db::Session&, Party, const std::string& name);
std::vector<SubscriptionRow> party_subscriptions(db::Session&, Party);
// Creates or replaces; answers the row's id.
std::uint64_t write_subscription(db::Session&, const SubscriptionRow&);
void write_patterns(db::Session&, std::uint64_t subscription_id, const std::vector<std::string>& patterns);
// Does anybody transmit what one of the patterns selects?
bool any_transmitted(db::Session&, const std::vector<std::string>& patterns);
// With availability and backlog, as callers see it.
Subscription describe(db::Session&, const SubscriptionRow&, const std::vector<std::string>& patterns);

// Ends a subscription. A publisher that still saw it may add a delivery afterwards; the row
// in `ended_subscription` stays until the sweep has settled those, too.
void end_subscription(db::Session&, const SubscriptionRow&);
// Notes that publishers may still add to this queue what is for this subscription.
void note_ended(db::Session&, const SubscriptionRow&);
// A terminal that comes back by another way (a portal, or without one) takes along what it has
// not acknowledged, into the queue of `row`. Answers how many.
std::uint64_t move_deliveries(db::Session&, std::uint64_t from_queue, const SubscriptionRow& row);
// What is left of an ended subscription's deliveries, at most 1,000: to the history, and back to
// waiting what may wait for the profile's next terminal. Answers how many.
std::uint64_t settle_ended(db::Session&, const SubscriptionRow&);

// Moves what waits for the profile into its subscription, where the patterns select it, at
// most 1,000 events. Answers how many left the waiting list.
std::uint64_t hand_over_waiting(db::Session&, const SubscriptionRow&);

}  // namespace whitebrick::events
