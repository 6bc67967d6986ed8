#include "modules/events/egress.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace whitebrick::events {

Destination find_destination(const EgressRules& rules, const std::string& url) {
  if (const auto refusal = rules.refusal(url)) throw EgressRefused(*refusal);
  Destination found{url, *parse_endpoint(url), {}};
  if (found.parts.literal) {
    found.addresses.push_back(*found.parts.literal);
  } else {
    boost::asio::io_context context;
    boost::asio::ip::tcp::resolver resolver(context);
    boost::system::error_code error;
    for (const auto& entry : resolver.resolve(found.parts.host, std::to_string(found.parts.port), error)) {
      found.addresses.push_back(entry.endpoint().address());
    }
    if (error || found.addresses.empty())
      throw EgressRefused("The host " + found.parts.host + " cannot be found.");
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
