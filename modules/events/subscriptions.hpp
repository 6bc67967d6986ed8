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
// This service only, services that this profile uses only, or both.
struct TransmittersHeard {
  std::optional<std::uint64_t> transmitter_id, profile_id;
};
// Does one of them transmit what one of the patterns selects?
bool any_transmitted(db::Session&, const std::vector<std::string>& patterns, const TransmittersHeard&);
// With availability and backlog, as callers see it.
Subscription describe(db::Session&, const SubscriptionRow&, const std::vector<std::string>& patterns);

// Moves what waits for the profile into its subscription, where the patterns select it: a piece.
struct HandedOver {
  bool some = false, more = false;  // left the waiting list; perhaps there is more in it
};
HandedOver hand_over_waiting(db::Session&, const SubscriptionRow&);

}  // namespace whitebrick::events
