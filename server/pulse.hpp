#pragma once
// Outage credit. Every replica stamps its row of `db_pulse` every few seconds; who finds that
// nobody could for 10 s grants all leases some time, in which their holders can be heard
// again. Without it an outage of the database would end every session at once.

#include <chrono>
#include <string>

#include "db/pool.hpp"

namespace whitebrick {

inline constexpr std::chrono::seconds kPulsePeriod{2};

// On every replica, each kPulsePeriod. `credit`: as long as a lease.
void beat(db::Pool&, const std::string& replica, std::chrono::seconds credit);

// May what has not been heard of be ended now? Not while there is credit, and not when no
// replica has stamped for a while: the next stamp will grant it.
bool leases_may_expire(db::Session&);

}  // namespace whitebrick
