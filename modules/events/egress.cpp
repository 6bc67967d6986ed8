#include "modules/events/egress.hpp"

namespace whitebrick::events {

Destination find_destination(const EgressRules& rules, HostLookup& lookup, const std::string& url,
                             std::chrono::milliseconds patience) {
  if (const auto refusal = rules.refusal(url)) throw EgressRefused(*refusal);
  Destination found{url, *parse_endpoint(url), {}};
  if (found.parts.literal) {
    found.addresses.push_back(*found.parts.literal);
  } else {
    auto addresses = lookup.addresses(found.parts.host, patience);
    if (!addresses) throw EgressRefused("The host " + found.parts.host + " is not found in time.");
    if (addresses->empty()) throw EgressRefused("The host " + found.parts.host + " cannot be found.");
    found.addresses = *std::move(addresses);
  }
  for (const auto& address : found.addresses) {
    if (!rules.allows(found.parts.host, address)) {
      throw EgressRefused("The host " + found.parts.host + " has the address " + address.to_string() +
                          ", which is not allowed (" + std::string(*special_range(address)) + ").");
    }
  }
  return found;
}

}  // namespace whitebrick::events
