#pragma once
// The composition root: the only place that knows every module.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "db/pool.hpp"
#include "server/config.hpp"
#include "server/exchange.hpp"

namespace whitebrick {

class App {
 public:
  App(const Config&, db::Options database);
  ~App();

  void start();  // throws std::runtime_error when an address is taken
  // /ready says 404 and parked polls are answered; requests are still served.
  void drain();
  void stop(std::chrono::milliseconds grace);
  std::uint16_t port() const;
  std::uint16_t admin_port() const;

  // One request without a socket or start(), on worker 0, answered at once: a poll that
  // would park does its last run instead. Not thread-safe. For tests.
  HttpResponse answer(const HttpRequest&);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Creates the administrator, or sets the password of the one of that name.
// Answers the password set: the one given, else a random one.
std::string create_admin(const Config&, db::Pool&, const std::string& name,
                         std::optional<std::string> password);

}  // namespace whitebrick
