#pragma once
// The rows by which replicas know each other: `replica` and `cluster_secret`.

#include <cstdint>
#include <string>
#include <vector>

#include "db/pool.hpp"

namespace whitebrick {

struct PeerAddress {
  std::string address;
  std::uint16_t port;
};

// The pool's secret; the first replica makes it.
std::string cluster_secret(db::Pool&);
// This replica is alive, at this address.
void beat(db::Pool&, const std::string& name, const std::string& address, std::uint16_t port);
// The others that were alive in the last 10 s.
std::vector<PeerAddress> living_peers(db::Pool&, const std::string& name);
void forget_dead_peers(db::Pool&);
void leave(db::Pool&, const std::string& name);

}  // namespace whitebrick
