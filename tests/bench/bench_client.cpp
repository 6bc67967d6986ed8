// Measures publish -> pull -> ack through SOAP: lanes side by side, each its own connection, event type
// and subscription. usage: bench_client PORT BATCH LANES SECONDS CONTENT_BYTES [request-ids|apart]
// apart: each lane publishes and pulls at the same time, on a connection each
// Tokens: BENCH_PUBLISHER, BENCH_SUBSCRIBER. Prints one line of JSON; exit code 1 when an answer was wrong.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cycle.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

double percentile(const std::vector<double>& sorted, double part) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: bench_client PORT BATCH LANES SECONDS CONTENT_BYTES [request-ids|apart]\n");
    return 2;
  }
  bench::LaneSettings settings;
  settings.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  settings.batch = std::atoi(argv[2]);
  const int lanes = std::atoi(argv[3]);
  const auto time = std::chrono::duration<double>(std::atof(argv[4]));
  settings.content_bytes = static_cast<std::size_t>(std::atoi(argv[5]));
  settings.request_ids = argc > 6 && std::string_view(argv[6]) == "request-ids";
  const bool apart = argc > 6 && std::string_view(argv[6]) == "apart";
  settings.publisher_token = environment("BENCH_PUBLISHER");
  settings.subscriber_token = environment("BENCH_SUBSCRIBER");

  std::mutex mutex;
  std::vector<double> cycles;  // milliseconds
  std::atomic<bool> failed = false;
  const auto begin = Clock::now();
  const auto end = begin + time;
  {
    std::vector<std::jthread> threads;
    for (int number = 0; number < lanes; ++number) {
      threads.emplace_back([&, number] {
        std::vector<double> mine;
        try {
          auto own = settings;
          own.number = number;
          bench::Lane lane(own);
          lane.drain();
          if (apart) mine = lane.run_apart(std::chrono::time_point_cast<Clock::duration>(end));
          while (Clock::now() < end && !failed) {
            const auto start = Clock::now();
            lane.run_once();
            mine.push_back(Milliseconds(Clock::now() - start).count());
          }
          lane.finish();
        } catch (const std::exception& e) {
          failed = true;
          std::fprintf(stderr, "%s\n", e.what());
        }
        const std::lock_guard lock(mutex);
        cycles.insert(cycles.end(), mine.begin(), mine.end());
      });
    }
  }
  if (failed || cycles.empty()) return 1;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::sort(cycles.begin(), cycles.end());
  const double events = static_cast<double>(cycles.size()) * settings.batch;
  std::printf(R"({"count": %.0f, "rate": %.1f, "p50_ms": %.3f, "p99_ms": %.3f})"
              "\n",
              events, events / seconds, percentile(cycles, 0.5), percentile(cycles, 0.99));
  return 0;
}
