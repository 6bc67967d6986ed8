#include "modules/events/pull_batches.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "server/log.hpp"

namespace whitebrick::events {
namespace {

constexpr std::chrono::milliseconds kPatience{1500};  // of a last run for a transaction under way

}  // namespace

// Lives as long as the thread has it in hand, but touches its poll only while that is there.
struct ParkedPull::State {
  enum class Phase {
    kIdle,       // parked, looked into
    kSubmitted,  // waits for the thread
    kTaken,      // in the thread's hands, `request` as well
    kReady,      // for the next run
    kRunning,    // a run has it
  };

  std::mutex mutex;
  std::condition_variable changed;
  Phase phase = Phase::kSubmitted;
  bool again = false;  // woken while it was taken or running
  bool begun = false;
  bool alone = false;  // what the next run is to do itself
  PullTogether::Request request;
  WaitKey wake_key;
  bool gone = false;  // the poll
  std::vector<WaitRegistry::Watch> watches;
};

ParkedPull::ParkedPull(PullBatches& batches, PullTogether::Request&& request, WaitKey wake_key)
    : batches_(batches), state_(std::make_shared<State>()) {
  state_->request = std::move(request);
  state_->wake_key = std::move(wake_key);
  // Watched before it is looked into.
  state_->watches.push_back(batches_.registry_.watch(
      Events::wait_key(state_->request.queue_id), [&batches, weak = std::weak_ptr(state_)] {
        const auto state = weak.lock();
        if (!state) return;
        {
          const std::lock_guard lock(state->mutex);
          if (state->phase == State::Phase::kTaken || state->phase == State::Phase::kRunning)
            state->again = true;
          if (state->phase != State::Phase::kIdle) return;
          state->phase = State::Phase::kSubmitted;
        }
        batches.submit(state);
      }));
  batches_.submit(state_);
}

// A watch waits for its call under way when it ends, and that call may want the mutex.
ParkedPull::~ParkedPull() {
  std::vector<WaitRegistry::Watch> watches;
  {
    const std::lock_guard lock(state_->mutex);
    state_->gone = true;
    watches.swap(state_->watches);
  }
}

std::optional<ParkedPull::Outcome> ParkedPull::outcome(bool last) {
  using Phase = State::Phase;
  std::unique_lock lock(state_->mutex);
  State& state = *state_;
  if (last) state.changed.wait_for(lock, kPatience, [&] { return state.phase != Phase::kTaken; });
  if (state.phase == Phase::kTaken || (state.phase == Phase::kSubmitted && !last)) return std::nullopt;
  Outcome outcome;
  outcome.begun = state.begun;
  outcome.epoch = state.request.epoch;
  outcome.acknowledged = state.request.acknowledged;
  if (state.phase == Phase::kReady && !state.alone) {
    outcome.looked = true;
    outcome.batch = state.request.batch;
  }
  state.phase = Phase::kRunning;
  state.again = false;
  return outcome;
}

void ParkedPull::parks(std::uint64_t epoch) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->phase != State::Phase::kRunning) return;
    state_->begun = true;
    state_->request.epoch = epoch;
    state_->phase = state_->again ? State::Phase::kSubmitted : State::Phase::kIdle;
    if (!state_->again) return;
  }
  batches_.submit(state_);
}

PullBatches::PullBatches(db::Pool& pool, WaitRegistry& registry, PullTogether& together)
    : pool_(pool), registry_(registry), together_(together) {}

PullBatches::~PullBatches() { stop(); }

void PullBatches::start() {
  running_ = true;
  thread_ = std::thread([this] { run(); });
}

void PullBatches::stop() {
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  submitted_.clear();
}

WaitKey PullBatches::new_wake_key() { return "pulled:" + std::to_string(++wake_keys_); }

bool PullBatches::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

void PullBatches::submit(const Pull& pull) {
  {
    const std::lock_guard lock(mutex_);
    submitted_.push_back(pull);
  }
  changed_.notify_one();
}

void PullBatches::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return !running_ || !submitted_.empty(); });
    if (!running_) return;
    std::vector<Pull> pulls;
    while (!submitted_.empty() && pulls.size() < PullTogether::kMost) {
      pulls.push_back(std::move(submitted_.front()));
      submitted_.pop_front();
    }
    lock.unlock();
    handle(std::move(pulls));
    lock.lock();
  }
}

void PullBatches::handle(std::vector<Pull>&& pulls) {
  using Phase = ParkedPull::State::Phase;
  std::erase_if(pulls, [](const Pull& pull) {
    const std::lock_guard lock(pull->mutex);
    if (pull->gone || pull->phase != Phase::kSubmitted) return true;  // gone, or taken back
    pull->phase = Phase::kTaken;
    pull->again = false;
    pull->request.begins = !pull->begun;
    return false;
  });
  if (pulls.empty()) return;
  const bool done = this->pull(pulls);
  for (const Pull& pull : pulls) {
    bool again = false, ready = false;
    {
      const std::lock_guard lock(pull->mutex);
      const auto& request = pull->request;
      pull->begun = pull->begun || (done && request.checked);
      pull->alone = !done || !request.checked || !request.looked;
      if (pull->alone || !request.batch.events.empty()) {
        pull->phase = Phase::kReady;
        ready = true;
      } else {
        again = pull->again;
        pull->phase = again ? Phase::kSubmitted : Phase::kIdle;
      }
      pull->changed.notify_all();
    }
    if (ready) registry_.wake(pull->wake_key);
    if (again) submit(pull);
  }
}

// Answers whether it was done; else each goes alone, and finds out for itself what is wrong.
bool PullBatches::pull(const std::vector<Pull>& pulls) {
  std::vector<PullTogether::Request*> requests;
  for (const Pull& pull : pulls) {
    auto& request = pull->request;
    requests.push_back(&request);
    if (!request.begins) continue;
    // A newer poll wakes it.
    request.on_epoch = [this, pull = pull.get()](std::uint64_t epoch) {
      auto watch = registry_.watch(Events::poll_key(pull->request.queue_id, epoch + 1),
                                   [this, key = pull->wake_key] { registry_.wake(key); });
      const std::lock_guard lock(pull->mutex);
      if (!pull->gone) pull->watches.push_back(std::move(watch));
    };
  }
  try {
    pool_.in_transaction([&](db::Session& db) { together_.pull(db, requests); });
    return true;
  } catch (const db::Unavailable& e) {
    log::warning("pulls.unavailable", {{"error", e.what()}});
  } catch (const db::Conflict&) {
    // Somebody else was quicker every time.
  } catch (const std::exception& e) {
    log::error("pulls.failed", {{"error", e.what()}});
  }
  return false;
}

}  // namespace whitebrick::events
