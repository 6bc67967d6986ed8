#pragma once
// One HTTP request on its way through the server, and what may become of it:
// an answer, or parking until a key is woken or its time is up.

#include <algorithm>
#include <any>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/wait.hpp"

namespace whitebrick {

struct HttpRequest {
  std::string method;
  std::string path;                                          // decoded, without the query
  std::string query;                                         // after '?', raw
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string peer;              // address of the client, by trusted proxies' X-Forwarded-For
  bool tls = false;              // here, or at a trusted proxy (X-Forwarded-Proto)
  bool private_channel = false;  // tls, loopback or trusted proxy
  std::string correlation_id;    // X-Correlation-Id from a trusted proxy, else made here

  // The first header of that (lower-case) name, or "".
  const std::string& header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/xml; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// A request that may wait. Lives with its request and survives its runs; used by one
// thread at a time (the run), woken from any.
class Poll {
 public:
  explicit Poll(WaitRegistry& registry, std::function<void()> on_wake)
      : registry_(registry), on_wake_(std::move(on_wake)) {}

  bool first_run() const { return runs_ == 0; }
  // Time is up, or the server drains: this run must answer.
  bool last_run() const { return last_run_; }
  // Before looking whether something is there.
  void watch(const WaitKey& key) { watches_.push_back(registry_.watch(key, on_wake_)); }
  // How long the whole request may wait, counted from its arrival; asked once, on the first
  // run. Answers the time granted: not longer than limit_wait() allowed.
  std::chrono::milliseconds set_wait(std::chrono::milliseconds wait) {
    return wait_ = std::min(wait, limit_);
  }
  // So that a caller's lease outlives its parked poll.
  void limit_wait(std::chrono::milliseconds limit) { limit_ = std::min(limit_, limit); }
  std::chrono::milliseconds wait() const { return wait_; }
  // Earlier than the deadline something is known to change (lazy time): look again then.
  void look_again_in(std::chrono::milliseconds d) { look_again_ = d; }
  std::chrono::milliseconds look_again() const { return look_again_; }
  // Carried from run to run (a poll epoch).
  std::any& memory() { return memory_; }

  // For the server: a run ended without an answer; the next one follows.
  void next_run(bool last) {
    ++runs_;
    last_run_ = last;
  }

 private:
  WaitRegistry& registry_;
  std::function<void()> on_wake_;
  std::vector<WaitRegistry::Watch> watches_;
  std::chrono::milliseconds wait_{0};
  std::chrono::milliseconds limit_ = std::chrono::milliseconds::max();
  std::chrono::milliseconds look_again_{0};
  std::any memory_;
  int runs_ = 0;
  bool last_run_ = false;
};

}  // namespace whitebrick
