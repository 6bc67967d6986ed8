#pragma once
// What is left of a subscription that ended or moved to another queue. It goes piece by piece, whatever
// the backlog: a small piece with the end itself, the rest by Events::sweep_waiting(), which is woken at
// once. Until then its deliveries stay where they were; nobody is handed any of them, and they are in no
// reader's way for long (claim).

#include <cstddef>
#include <cstdint>

#include "modules/events/subscriptions.hpp"

namespace whitebrick::events {

// Deliveries with the end itself (a terminal ends several subscriptions at once), and in each transaction
// behind it. Each is up to three rows.
inline constexpr std::size_t kEndedAtOnce = 100, kEndedPiece = 300;

// A publisher that still saw the subscription may add a delivery afterwards; the row in
// `ended_subscription` stays until the sweep has settled those, too. True: something is left.
bool end_subscription(db::Session&, const SubscriptionRow&, std::size_t at_once = kEndedAtOnce);
// A terminal that comes back by another way (a portal, or without one) takes along what it has not
// acknowledged, from the queue of `before` into another one. True: something is left.
bool move_deliveries(db::Session&, const SubscriptionRow& before, std::uint64_t to_queue);

// The next pieces of all that ended or moved. True: there is more.
bool settle_all_ended(Wake&, db::Pool&);

}  // namespace whitebrick::events
