#pragma once
// One request between its arrival and its answer: queued, running, parked, and again.
//
// Everything but the run itself happens on the loop's thread. A wake-up from any thread
// leaves a mark and posts to the loop; the mark is cleared when a run starts, so one that
// comes during a run makes a second run follow instead of parking. There are never two
// runs at once, and a wake-up is never lost.

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "server/http_core.hpp"

namespace whitebrick {

class HttpExchange : public std::enable_shared_from_this<HttpExchange> {
 public:
  using Clock = std::chrono::steady_clock;

  // The connection. Called on the loop's thread.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void answered(HttpResponse&&) = 0;        // the exchange is over
    virtual void call_due_at(Clock::time_point) = 0;  // replaces the time given before
    virtual void has_parked() = 0;
  };

  HttpExchange(HttpCore&, HttpLoop&, Owner&, HttpRequest&&);
  ~HttpExchange() = default;
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  const HttpRequest& request() const { return request_; }

  void start();
  void due();
  void drain();
  bool is_parked() const { return state_ == State::kParked; }
  // The client is gone: no further run starts, the result of one under way is dropped.
  void abandon();

 private:
  enum class State { kQueued, kParked, kOver };  // kQueued: waits for a worker, or runs

  void wake();           // any thread
  void run(int worker);  // a worker
  void ended(RunResult&&);
  void park();
  void run_again(bool last);
  void finish(HttpResponse&&);
  void leave_park();
  WorkerPool::Task task();

  HttpCore& core_;
  HttpLoop& loop_;
  Owner* owner_;
  const HttpRequest request_;
  const Clock::time_point arrival_ = Clock::now();
  Clock::time_point deadline_{};  // of the poll; set when it first parks
  State state_ = State::kQueued;
  std::atomic<bool> over_ = false;  // for the worker: nobody wants the result
  std::atomic<bool> woken_ = false;
  std::atomic<Clock::rep> started_ = 0;  // of the run under way; 0: waits for a worker
  Poll poll_;                            // last: its destruction waits for wake() under way
};

}  // namespace whitebrick
