#pragma once
// The end of a party (Events::forget) that has more subscriptions than one transaction should end.

#include "modules/events/events.hpp"

namespace whitebrick::events {

// The next pieces of all of them. True: there is more.
bool forget_rest(Wake&, db::Pool&);

}  // namespace whitebrick::events
