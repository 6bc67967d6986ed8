#pragma once
// What a request's names mean to its caller: whose queue, whose profile, which service.
// Faults name the element of the request.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modules/events/events.hpp"
#include "server/caller.hpp"

namespace whitebrick::events {

// A service's subscription, or "terminals" for the terminals that it connected; a user's
// terminal; for an administrator that of a server component. Nothing named: the only queue of the caller.
// Faults: NOT_FOUND(subscription), NOT_CONNECTED(subscription), INVALID_ARGUMENT(subscription) when there are
// several.
std::uint64_t queue_of(db::Session&, Events&, const Caller&, const std::optional<std::string>& subscription);
// A terminal of the caller's user. Faults: NOT_FOUND(name).
std::uint64_t own_terminal(db::Session&, const Caller&, const std::string& terminal);
// Is the calling service connected? Faults: NOT_REGISTERED.
bool is_connected(db::Session&, const Caller& service);

struct ProfileReference {
  std::optional<std::string> user;  // absent: the caller's own
  std::string profile;
};
// Profiles that a service addresses, in the order given; 0 for one that nobody has, so that it is refused
// later, by the same queries as one that does not use the service. Faults: INVALID_ARGUMENT(profile) without
// a user.
std::vector<std::uint64_t> targets_of_service(db::Session&, const std::vector<ProfileReference>&);
// For the filter of a subscription: a user's own profile, or one that uses the calling service.
// Faults: NOT_FOUND(profile), FORBIDDEN(profile), INVALID_ARGUMENT(profile).
std::uint64_t filter_profile(db::Session&, const Caller&, const ProfileReference&);
// Faults: NOT_FOUND(transmitter).
std::uint64_t transmitter_of(db::Session&, const std::string& name, const std::string& provider);

}  // namespace whitebrick::events
