#pragma once
// Upkeep of stored answers (table `request`): a requestId is remembered for 24 hours.

#include "db/pool.hpp"

namespace whitebrick {

// Job: deletes at most 1,000; true while there may be more.
bool forget_requests(db::Pool&);

}  // namespace whitebrick
