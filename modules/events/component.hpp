#pragma once
// Server components as durable subscribers: how a lower module tells an upper one
// (mode changed -> contact states). Every replica runs the workers; a delivery is claimed
// by one, handled and acknowledged in one transaction, and comes back when that fails; after ten failures it
// is on the dead list, where an administrator finds it.

#include <memory>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "modules/events/events.hpp"

namespace whitebrick::events {

class ComponentWorkers {
 public:
  ComponentWorkers(db::Pool&, WaitRegistry&, Events&);
  ~ComponentWorkers();

  // Before start(). Handlers may be called at the same time on several threads and
  // replicas, for several events in any order: they recompute, they do not count.
  void subscribe(const std::string& component, const std::vector<std::string>& patterns,
                 ComponentEvent handler);
  void start();  // creates the subscriptions, starts the workers
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whitebrick::events
