#pragma once
// Calendar rules as the wire has them.

#include "availability_soapAvailabilityService.h"
#include "modules/availability/availability.hpp"

namespace whitebrick::availability {

// Faults: INVALID_ARGUMENT(modeId, start, end, except, extra).
std::vector<Rule> rules_from_wire(const availability_soap::_av__PutRules&);
std::vector<availability_soap::av__Rule*> rules_to_wire(struct soap*, const std::vector<Rule>&,
                                                        bool of_profile);
std::vector<availability_soap::av__PlannedMode*> planned_to_wire(struct soap*,
                                                                 const std::vector<PlannedMode>&);

}  // namespace whitebrick::availability
