#pragma once
// What all connections of one HttpServer share.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>

#include "server/http_server.hpp"
#include "server/worker_pool.hpp"

namespace whitebrick {

class HttpConnection;

struct HttpCore {
  HttpCore(HttpSettings s, WaitRegistry& r, Run run_, FaultPage page);

  const HttpSettings settings;
  const std::vector<boost::asio::ip::address> trusted_proxies;
  WaitRegistry& registry;
  const Run run;
  const FaultPage fault_page;
  WorkerPool workers;

  std::atomic<bool> draining = false;
  std::atomic<std::size_t> parked = 0;
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> shed = 0;
  std::atomic<std::uint64_t> timed_out = 0;
  std::atomic<std::uint64_t> hung_up = 0;

  std::atomic<std::size_t> connections = 0;
  void connection_ended();
  // True when the last connection ended before `until`.
  bool await_connections_end(std::chrono::steady_clock::time_point until);

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
};

// One I/O thread and the connections that live on it: all of a connection's steps run
// on its loop's thread, so a connection needs no lock and its events cannot race.
struct HttpLoop {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work = make_work_guard(context);
  std::unordered_set<HttpConnection*> connections;

  // For the header Date; rendered once a second.
  const std::string& date(std::time_t now);

 private:
  std::time_t date_of_ = 0;
  std::string date_;
};

}  // namespace whitebrick
