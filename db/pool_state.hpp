#pragma once
// What the pool and its leases share. Only pool.cpp and lease.cpp include this.

#include <map>

#include "db/breaker.hpp"
#include "db/connection.hpp"

namespace whitebrick::db {

struct Pool::State {
  explicit State(Options o) : options(std::move(o)), breaker(options.probe_interval) {}

  // Opens a connection, or the given one anew, unless failing fast.
  void connect(std::unique_ptr<Connection>& connection);
  void give_back(std::unique_ptr<Connection> connection);
  // A connection broke: others of the same age are not to be trusted.
  void note_broken(const Connection& connection);
  void count_retry(int code);

  const Options options;
  std::atomic<std::uint64_t> statements{0};

  mutable std::mutex mutex;
  std::condition_variable changed;
  Breaker breaker;
  std::vector<std::unique_ptr<Connection>> idle;  // used last at the back
  std::size_t in_use = 0;
  std::size_t open = 0;
  // Connections last used before this are opened anew instead of used.
  std::chrono::steady_clock::time_point distrust_before{};
  std::map<int, std::uint64_t> retries;
};

}  // namespace whitebrick::db
