#pragma once
// Modes, authorisations and filters as the wire has them.

#include "availability_soapAvailabilityService.h"
#include "modules/availability/availability.hpp"

namespace whitebrick::availability {

availability_soap::av__ModeState state_to_wire(ModeState);
ModeState state_from_wire(availability_soap::av__ModeState);
std::vector<availability_soap::c__CommunicationType> offers_to_wire(Offers);

availability_soap::av__Mode* mode_to_wire(struct soap*, const Mode&);
Mode mode_from_wire(const availability_soap::_av__PutMode&);

availability_soap::av__Authorisation* given_to_wire(struct soap*, const Authorisation&);
availability_soap::av__AskedAuthorisation* asked_to_wire(struct soap*, const Authorisation&);

void filter_to_wire(struct soap*, const FilterDocument&, availability_soap::_av__GetFilterResponse&);
void explanation_to_wire(struct soap*, const Explanation&,
                         availability_soap::_av__ExplainAvailabilityResponse&);

}  // namespace whitebrick::availability
