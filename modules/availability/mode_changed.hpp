#pragma once
// The event mode.changed: to the profile's own terminals, and to the components that tell others.

#include "modules/events/events.hpp"
#include "modules/profiles/profiles.hpp"

namespace whitebrick::availability {

void publish_mode_changed(db::Session&, events::Events&, const profiles::ProfileKey&);

}  // namespace whitebrick::availability
