#pragma once
// Where the server may connect to when a client names the address. Pure: no name is looked up
// here. Without an exception of the administrator only addresses of the public Internet are
// reached, over https, at permitted ports; so a client cannot use the server to reach what
// only the server can.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace whitebrick::events {

// The parts of an endpoint that decide; of well-formed http and https URLs only.
struct EndpointUrl {
  std::string scheme, host;  // lower case; host of IPv6 without brackets
  std::uint16_t port = 0;
  std::optional<boost::asio::ip::address> literal;  // the host is an address
};

class EgressRules {
 public:
  // `allow`: addresses, networks (10.1.0.0/16) and host names (crm.example.com, or .example.com
  // with all below) that are reached although they are not public. `ports`: numbers, or "*".
  // Throws std::invalid_argument with a sentence for an administrator.
  explicit EgressRules(const std::vector<std::string>& allow = {},
                       const std::vector<std::string>& ports = {"443"}, bool allow_http = false);

  // What can be known without a look-up. Answers why not, for the client; nothing: it may do.
  std::optional<std::string> refusal(const std::string& url) const;
  // The same for one of the addresses that the host has.
  bool allows(const std::string& host, const boost::asio::ip::address&) const;
  bool http_allowed() const { return allow_http_; }

 private:
  struct Network {
    boost::asio::ip::address base;
    unsigned prefix = 0;
  };
  bool names(const std::string& host) const;
  bool inside(const boost::asio::ip::address&) const;

  std::vector<Network> networks_;
  std::vector<std::string> hosts_;
  std::vector<std::uint16_t> ports_;
  bool any_port_ = false;
  bool allow_http_ = false;
};

// Nothing for what is no such URL, or has a user, a fragment or characters that only look like others.
std::optional<EndpointUrl> parse_endpoint(const std::string& url);

// The name of the special range that holds the address; nothing: it is public. An IPv4 address inside an
// IPv6 one counts as itself.
std::optional<std::string_view> special_range(const boost::asio::ip::address&);

}  // namespace whitebrick::events
