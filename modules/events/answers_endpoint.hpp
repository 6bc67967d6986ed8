#pragma once
// What several operations answer, as generated classes that live as long as the message.

#include <vector>

#include "events_soapEventsService.h"
#include "modules/events/events.hpp"

namespace whitebrick::events {

events_soap::c__ProfileRef* profile_to_wire(struct soap*, const ProfileName&);
std::vector<events_soap::c__ProfileRef*> profiles_to_wire(struct soap*, const std::vector<ProfileName>&);
events_soap::ev__Transmitter* transmitter_to_wire(struct soap*, const Transmitter&);
events_soap::ev__Event* event_to_wire(struct soap*, const Event&);

}  // namespace whitebrick::events
