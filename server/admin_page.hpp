#pragma once
// What operators and balancers ask, on a port of its own so that overload and TLS of
// the front do not touch it: /live, /ready and /metrics.

#include <atomic>
#include <cstdint>
#include <string>

#include "server/http_server.hpp"
#include "server/metrics.hpp"
#include "server/wait.hpp"

namespace whitebrick {

// /live: 200. /ready: 200 or 404. /metrics: the page. Anything else: 404.
HttpResponse admin_answer(const HttpRequest&, bool ready, const Metrics&);

class AdminPage {
 public:
  AdminPage(const std::string& address, std::uint16_t port, const Metrics&);

  void start();  // throws std::runtime_error when the address is taken
  void stop();
  std::uint16_t port() const;
  // Whether requests can be taken: from the start of the front until the drain begins.
  // A database that is away does not matter: it is away for every replica, and a pool
  // without replicas could not even say so.
  void set_ready(bool ready) { ready_ = ready; }

 private:
  const Metrics& metrics_;
  std::atomic<bool> ready_{false};
  WaitRegistry nothing_waits_;
  HttpServer http_;
};

}  // namespace whitebrick
