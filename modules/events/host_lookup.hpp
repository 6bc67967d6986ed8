#pragma once
// Looks up the addresses of hosts, each in a thread of its own: a name server that is silent holds up nobody
// for longer than the patience. A look-up that nobody waits for any more goes on; while it hangs its host is
// not looked up again, and so many hang at most.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace whitebrick::events {

class HostLookup {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;
  using Resolve =
      std::function<Addresses(const std::string& host)>;  // may block; empty: there is no such host

  static constexpr std::size_t kMostHanging = 64;

  explicit HostLookup(Resolve = resolve_by_system);
  // Nothing: no answer in time.
  std::optional<Addresses> addresses(const std::string& host, std::chrono::milliseconds patience);

  static Addresses resolve_by_system(const std::string& host);

 private:
  struct State;
  std::shared_ptr<State> state_;  // also of the threads, which may outlive it
};

}  // namespace whitebrick::events
