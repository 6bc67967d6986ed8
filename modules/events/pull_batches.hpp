#pragma once
// Pulls of terminals that park: begun, and looked after while they are parked, by one thread of the replica
// that takes as many as are there into one transaction (pull_together.hpp). No worker waits for the
// database meanwhile, and a parked pull comes back to one only with something to answer.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "db/pool.hpp"
#include "modules/events/pull_together.hpp"
#include "server/wait.hpp"

namespace whitebrick::events {

class PullBatches;

// One pull. The endpoint owns it; destroyed, nothing of it is touched any more.
class ParkedPull {
 public:
  // `wake_key` is the poll's own: it watches it already.
  ParkedPull(PullBatches&, PullTogether::Request&&, WaitKey wake_key);
  ~ParkedPull();
  ParkedPull(const ParkedPull&) = delete;
  ParkedPull& operator=(const ParkedPull&) = delete;

  struct Outcome {
    bool begun = false;   // else it is to be begun alone
    bool looked = false;  // else it is to be looked into alone, which also finds that it is superseded
    std::uint64_t epoch = 0;
    Acknowledged acknowledged;
    Batch batch;
  };
  // For a run of the poll: nothing when it should go on parking. `last`: it must answer, so that what is
  // under way is waited for, and what has not begun is taken back; nothing then: it took too long.
  std::optional<Outcome> outcome(bool last);
  // The run that had an outcome found nothing and parks again.
  void parks(std::uint64_t epoch);

 private:
  friend class PullBatches;
  struct State;
  PullBatches& batches_;
  std::shared_ptr<State> state_;
};

class PullBatches {
 public:
  PullBatches(db::Pool&, WaitRegistry&, PullTogether&);
  ~PullBatches();
  PullBatches(const PullBatches&) = delete;
  PullBatches& operator=(const PullBatches&) = delete;

  void start();
  void stop();
  bool running() const;
  WaitKey new_wake_key();  // never given before
  PullTogether& together() { return together_; }

 private:
  friend class ParkedPull;
  using Pull = std::shared_ptr<ParkedPull::State>;

  void submit(const Pull&);
  void run();
  void handle(std::vector<Pull>&&);
  bool pull(const std::vector<Pull>&);

  db::Pool& pool_;
  WaitRegistry& registry_;
  PullTogether& together_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Pull> submitted_;
  bool running_ = false;
  std::atomic<std::uint64_t> wake_keys_ = 0;
  std::thread thread_;
};

}  // namespace whitebrick::events
