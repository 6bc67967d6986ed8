#pragma once
// One lane of the event measurement: publish a batch, pull it, acknowledge it with the next pull;
// every answer is checked.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "http_call.hpp"

namespace bench {

struct LaneSettings {
  std::uint16_t port = 0;
  std::string publisher_token;
  std::string subscriber_token;
  int number = 0;  // publishes bench.laneN, which only subscription laneN has
  int batch = 1;
  std::size_t content_bytes = 0;
  bool request_ids = false;  // a new requestId with each publication
};

class Lane {
 public:
  explicit Lane(const LaneSettings&);

  void drain();     // takes what waits already, such as notices that a type is available again
  void run_once();  // throws std::runtime_error when an answer is not what it must be
  // Publishes one batch after the other until then, and pulls at the same time. Answers the milliseconds
  // of each batch, from its publication to its last event pulled.
  std::vector<double> run_apart(std::chrono::steady_clock::time_point until);
  void finish();  // acknowledges the last batch, and checks that nothing is left

 private:
  std::vector<std::int64_t> publish(HttpConnection&);
  std::vector<std::int64_t> pull(int wait_seconds);

  LaneSettings settings_;
  HttpConnection connection_;
  std::string name_, type_;
  std::string event_;  // one, as XML
  std::string run_id_;
  std::uint64_t publications_ = 0;
  std::string lease_token_;
  std::size_t leased_ = 0;
};

}  // namespace bench
