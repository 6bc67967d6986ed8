#pragma once
// HTTP/1.1 front: Boost.Beast on Asio, optional TLS. Reads one whole request under
// limits, hands it to a worker, writes the answer; parks long polls without a thread.
//
// Answers by itself: 400, 405, 408, 411/413, 415, 431, 503 with Retry-After on overload,
// and after `answer_within` a retryable UNAVAILABLE SOAP fault (the late worker's answer
// is dropped).

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/exchange.hpp"

namespace whitebrick {

struct HttpSettings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;              // 0: any free one, see HttpServer::port()
  std::filesystem::path tls_certificate;  // PEM chain and key: both set = TLS
  std::filesystem::path tls_key;
  std::vector<std::string> trusted_proxies{"127.0.0.1", "::1"};  // whose forwarded headers are believed
  std::vector<std::string> cors_origins;                         // exact origins that browsers may call from
  int io_threads = 2;
  int workers = 16;
  std::size_t worker_queue = 1024;  // waiting requests; beyond: 503
  std::size_t max_connections = 20000;
  std::size_t max_body = 256 * 1024;        // bytes
  std::size_t max_bulk_body = 1024 * 1024;  // for paths in bulk_paths
  std::vector<std::string> bulk_paths{"/events", "/coordination"};
  std::size_t max_headers = 64;
  std::chrono::seconds receive_within{5};         // whole request
  std::chrono::seconds idle_timeout{30};          // keep-alive without a request
  std::chrono::milliseconds answer_within{1900};  // the promise is 2 s: the rest is for the way
  std::chrono::milliseconds poll_margin{200};     // polls are answered this much early, never late
};

// What a worker run made of a request: an answer, or nothing = park it.
using RunResult = std::optional<HttpResponse>;
// Called on worker `worker` (0 .. workers-1), one call at a time for each worker index.
using Run = std::function<RunResult(int worker, const HttpRequest&, Poll&)>;
// A fault envelope for a request that the server answers itself (time-out), in the
// SOAP version of the request where that can be seen.
using FaultPage = std::function<HttpResponse(const HttpRequest&, std::string_view fault_code)>;

struct HttpCounts {
  std::size_t connections = 0;
  std::size_t parked = 0;
  std::size_t queued = 0;
  std::uint64_t requests = 0;
  std::uint64_t shed = 0;       // 503 by overload
  std::uint64_t timed_out = 0;  // answered by answer_within
  std::uint64_t hung_up = 0;    // clients that vanished while parked
};

class HttpServer {
 public:
  HttpServer(HttpSettings, WaitRegistry&, Run, FaultPage);
  ~HttpServer();  // stops at once

  void start();  // throws std::runtime_error when the address is taken
  std::uint16_t port() const;
  // Stops parking: every parked poll runs a last time and is answered with
  // Connection: close. New connections are still accepted.
  void drain();
  // Closes the listener, lets running requests end for at most `grace`, then stops.
  void stop(std::chrono::milliseconds grace);
  HttpCounts counts() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace whitebrick
