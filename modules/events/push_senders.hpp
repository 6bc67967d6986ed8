#pragma once
// The senders of pushes (patent 13.8, 13.10), on every replica: one thread looks for subscriptions with
// something to push, the others send, each for one subscription at a time, with no connection to
// the database while they wait for an endpoint. Two more do what is too much for one transaction: events with
// very many recipients, and terminals that end with very much waiting.

#include <memory>
#include <string>

#include "db/pool.hpp"
#include "modules/events/egress_rules.hpp"
#include "modules/events/events.hpp"
#include "modules/events/push_call.hpp"
#include "server/wait.hpp"

namespace whitebrick::events {

struct PushSettings {
  int senders = 16;          // subscribers served at the same time
  std::string certificates;  // PEM file of authorities; "" those of the system
  PushLimits limits = {};
};

class PushSenders {
 public:
  PushSenders(db::Pool&, WaitRegistry&, Wake&, Events&, std::shared_ptr<const EgressRules>, PushSettings);
  ~PushSenders();

  void start();
  void stop();  // waits for the calls under way

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whitebrick::events
