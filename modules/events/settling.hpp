#pragma once
// The parts of Events::settle(), each in the file of its subject. True: there is more to do.

#include "modules/events/events.hpp"

namespace whitebrick::events {

bool settle_responses(Events&, db::Pool&);
bool settle_notices(Events&, db::Pool&);

}  // namespace whitebrick::events
