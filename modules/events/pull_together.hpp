#pragma once
// Terminals that pull at the same time, on one replica, in one transaction: when something is told to
// hundreds of them, their polls come back within milliseconds of each other, and a transaction for each would
// cost ten times what it carries. What is not the usual case (anything but one new event in a queue) is
// left to the pull alone, events.hpp.

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "modules/events/events.hpp"
#include "modules/events/lease_token.hpp"

namespace whitebrick::events {

class PullTogether {
 public:
  struct Request {
    std::uint64_t user_id = 0, queue_id = 0;
    std::string terminal;
    bool begins = false;                     // a poll that begins gets its epoch, and may acknowledge
    std::optional<LeaseToken> acknowledges;  // all of that batch
    std::function<void(std::uint64_t epoch)> on_epoch;  // before others may see that it began; maybe twice
    std::uint64_t epoch = 0;
    int lease_seconds = 0;

    // What was done of it. Not `checked`: nothing. Not `looked`: the queue is to be looked into alone.
    bool checked = false, looked = false;
    Acknowledged acknowledged;
    Batch batch;
  };
  PullTogether(Events&, Wake&);

  // In one transaction, which may run again after a lost conflict. At most kMost requests.
  static constexpr std::size_t kMost = 256;
  static constexpr std::uint64_t kMostAcknowledged = 2;  // deliveries of one request
  void pull(db::Session&, const std::vector<Request*>&);

  // The queue of a user's terminal as it was last seen; pull() checks it.
  std::optional<std::uint64_t> known_queue(std::uint64_t user_id, const std::string& terminal) const;
  void remember_queue(std::uint64_t user_id, const std::string& terminal, std::uint64_t queue_id);

 private:
  struct Ready;
  struct Queues;
  static Queues lock(db::Session&, const std::vector<Request*>&);
  void begin(db::Session&, Queues&);
  void acknowledge(db::Session&, Queues&);
  static std::vector<Ready> look(db::Session&, Queues&);
  static void claim(db::Session&, Queues&, std::vector<Ready>&&);

  Events& events_;
  Wake& wake_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::uint64_t> known_queues_;
};

}  // namespace whitebrick::events
