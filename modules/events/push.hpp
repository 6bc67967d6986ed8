#pragma once
// A push on the database's side: taking events of a subscription in hand, and noting how it went.
// One sender at a time works for a subscription (a lease on its row of push_endpoint), so that
// events arrive in order; the deliveries are leased like those of a puller, and come back like
// those when a replica dies.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "modules/events/events.hpp"
#include "modules/events/push_message.hpp"
#include "modules/events/subscriptions.hpp"

namespace whitebrick::events {

// Sending ends early enough for the last call, its look-up of the host included, to end within the lease,
// with 5 s to spare.
inline constexpr std::chrono::seconds kSendFor{4};
inline constexpr std::chrono::seconds kPushLease{15};

struct PushWork {
  std::uint64_t subscription_id = 0, queue_id = 0;
  std::string subscription, endpoint;
  std::optional<std::string> secret;
  int max_events = 1;
  unsigned failures = 0;  // in a row, before this
  Time started, leased_until;
  Batch batch;
};

// What became of the events of a work, in their order; none for those that were not sent.
struct PushSent {
  std::vector<PushReply> replies;
  unsigned failures = 0;  // in a row, after this
  bool failed = false;    // a call did
};

// Stores, replaces or ends the pushing of a service's subscription. Faults: INVALID_ARGUMENT(endpoint).
void write_push(db::Session&, const EgressRules&, const SubscriptionRow&, const SubscriptionRequest&);
void remove_push(db::Session&, std::uint64_t subscription_id);

struct PushDue {
  std::uint64_t subscription_id = 0, service_id = 0;
};
// Subscriptions that something is to be pushed to now, at most 100: of each service in turn, and of those of
// one the one first that has waited longest.
std::vector<PushDue> pushes_due(db::Session&);
// Nothing when somebody else is at it, or there is nothing to do.
std::optional<PushWork> begin_push(db::Session&, Events&, std::uint64_t subscription_id);
void end_push(db::Session&, Events&, const PushWork&, const PushSent&);

}  // namespace whitebrick::events
