#pragma once
// One HTTP call of a push: to an address that the egress guard has found, no redirects, no
// proxies, within the time, and no more of the answer than its limit. Not thread-safe:
// one for each sender; connections are kept for the next call.

#include <chrono>
#include <memory>
#include <string>

#include "modules/events/egress.hpp"
#include "modules/events/push_message.hpp"

namespace whitebrick::events {

struct PushLimits {
  std::chrono::milliseconds connect{1000};  // and as long for the host's name before that
  std::chrono::milliseconds total{5000};
  std::size_t answer = 64 * 1024;  // bytes
};

struct PushAnswer {
  PushReply reply = PushReply::kNoAnswer;
  std::string why;  // for the log; empty when accepted
};

class PushCall {
 public:
  // `certificates`: PEM file of authorities; "" those of the system.
  PushCall(const EgressRules&, HostLookup&, PushLimits, std::string certificates);
  ~PushCall();
  PushCall(const PushCall&) = delete;
  PushCall& operator=(const PushCall&) = delete;

  // `signature`: "" when the subscriber has no secret. Never throws for what the other side does.
  PushAnswer post(const std::string& endpoint, const std::string& body, const std::string& signature);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whitebrick::events
