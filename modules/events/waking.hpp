#pragma once
// Who waits is woken when what he waits for is committed.

#include <vector>

#include "modules/events/capacity.hpp"
#include "server/wait.hpp"

namespace whitebrick::events {

void wake_after_commit(db::Session&, Wake&, WaitKey);
// The pullers of these deliveries' queues, and the senders of pushes.
void wake_recipients(db::Session&, Wake&, const std::vector<DeliveryRow>&);

}  // namespace whitebrick::events
