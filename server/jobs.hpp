#pragma once
// Leaderless periodic jobs: every replica has them all, each slot is worked by one.
// A slot is claimed by one conditional UPDATE of the job's row on the database clock
// (table `job`; no GET_LOCK, right on Galera). Work is chunked and conditional per
// row, so that a run cut short or claimed twice after a pause does nothing twice.

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "db/pool.hpp"

namespace whitebrick {

class Jobs {
 public:
  explicit Jobs(db::Pool&);
  ~Jobs();

  // Before start(). `work` may take several transactions; it is called again at once
  // while it answers true (more to do). Failures are logged and tried in the next slot.
  void every(std::string name, std::chrono::milliseconds period, std::function<bool(db::Pool&)> work);
  // The same without a claim: on every replica, each period (its own upkeep).
  void every_here(std::string name, std::chrono::milliseconds period, std::function<bool(db::Pool&)> work);
  void start();
  void stop();  // waits for the work under way

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whitebrick
