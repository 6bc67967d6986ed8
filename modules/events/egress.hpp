#pragma once
// The guard at the time of the connection: the host is looked up once, every address that it has
// must be allowed, and the connection goes to one of those and nowhere else. A name that
// answers differently the next time gains nothing.

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "modules/events/egress_rules.hpp"
#include "modules/events/host_lookup.hpp"

namespace whitebrick::events {

// `what()`: a sentence for the log.
struct EgressRefused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Destination {
  std::string url;
  EndpointUrl parts;
  std::vector<boost::asio::ip::address> addresses;  // all allowed
};

// Throws EgressRefused: not allowed, or the name cannot be found, or not in time.
Destination find_destination(const EgressRules&, HostLookup&, const std::string& url,
                             std::chrono::milliseconds patience);

}  // namespace whitebrick::events
