// Parks one PullEvents of 50 s for each of many terminals, in one thread, and parks each again as soon as it
// is answered. usage: poll_client POLLS_PORT PUBLISH_PORT FIRST POLLS
// Users are numbers of seed.sql and follow each other from FIRST; their terminals are connected already.
// Token of the publishing service: BENCH_PUBLISHER. Prints READY when all polls were sent. Then each line of
// the input is answered by one line of JSON:
//   publish N GAP  publishes N events, each for one of the terminals at random, one after the other, GAP
//                  milliseconds between an answered poll and the next; latency from the call of
//                  PublishEvents to the answer of the poll
//   hold SECONDS   only keeps the polls; counts the answers and how far they were from 50 s
// A fault that says retryable is repeated and counted. Any other, and a connection that ends, end the program
// with exit code 1.

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http_call.hpp"
#include "parked_polls.hpp"

namespace {

using bench::Clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int kWaitSeconds = 50;
constexpr std::chrono::milliseconds kLook{50};
constexpr std::chrono::milliseconds kBetweenPolls{6};  // while they are parked first
constexpr std::chrono::seconds kPatience{20};

std::string eight_digits(int user) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%08d", user);
  return digits;
}

double percentile(std::vector<double>& values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

// Publishes in a thread of its own: the polls are answered while a call is under way.
class Publisher {
 public:
  explicit Publisher(std::uint16_t port)
      : connection_(port, "/events"), thread_([this](std::stop_token stop) { run(stop); }) {}

  // Answers when the call began.
  Clock::time_point publish(int user) {
    {
      const std::lock_guard lock(mutex_);
      body_ =
          bench::envelope("events",
                          "<m:PublishEvents><m:event><m:type>bench.lane0</m:type><m:content>hello</m:content>"
                          "<m:profile><c:userId xmlns:c=\"urn:whitebrick:common:1\">user" +
                              std::to_string(user) +
                              "</c:userId><c:profileId xmlns:c=\"urn:whitebrick:common:1\">main</c:profileId>"
                              "</m:profile></m:event></m:PublishEvents>");
    }
    const auto begin = Clock::now();
    changed_.notify_all();
    return begin;
  }

  void finish() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return body_.empty() || failure_; });
  }

  std::exception_ptr failure() {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  void run(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !body_.empty(); })) {
      try {
        lock.unlock();
        post();
        lock.lock();
        body_.clear();
      } catch (const std::exception&) {
        lock.lock();
        failure_ = std::current_exception();
        body_.clear();
      }
      changed_.notify_all();
    }
  }

  // Until it is taken; an event may be published twice then, and the poll is answered by the first.
  void post() {
    while (true) {
      try {
        connection_.post(std::getenv("BENCH_PUBLISHER"), body_);
        return;
      } catch (const std::runtime_error& e) {
        if (std::string_view(e.what()).find("retryable>true<") == std::string_view::npos) throw;
      }
    }
  }

  bench::HttpConnection connection_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string body_;
  std::exception_ptr failure_;
  std::jthread thread_;
};

class Terminals {
 public:
  Terminals(std::uint16_t port, int first, int count) : polls_(port), first_(first) {
    const auto begin = Clock::now();
    for (int i = 0; i < count; ++i) {
      polls_.connect();
      terminals_.push_back({});
      park(static_cast<std::size_t>(i));
      look_until(begin + (i + 1) * kBetweenPolls);
    }
  }

  std::size_t count() const { return terminals_.size(); }
  int user(std::size_t terminal) const { return first_ + static_cast<int>(terminal); }

  void look_until(Clock::time_point time) {
    while (Clock::now() < time) look(std::chrono::milliseconds(1));
  }

  void look(std::chrono::milliseconds time) {
    polls_.wait(time, [this](std::size_t terminal, bool ok, std::string_view answer, Clock::time_point at) {
      if (!ok) {
        if (answer.find("retryable>true<") == std::string_view::npos)
          throw std::runtime_error(std::string(answer));
        ++repeated_;
        park(terminal);
        return;
      }
      on_answer(terminal, answer, at);
    });
  }

  // When the event that was published for this terminal came.
  Clock::time_point wait_for_event(std::size_t terminal, Publisher& publisher) {
    const auto end = Clock::now() + kPatience;
    while (terminals_[terminal].told == Clock::time_point{}) {
      look(kLook);
      if (const auto failure = publisher.failure()) std::rethrow_exception(failure);
      if (Clock::now() > end)
        throw std::runtime_error("user " + std::to_string(user(terminal)) + " was told nothing");
    }
    return std::exchange(terminals_[terminal].told, {});
  }

  // Seconds that polls without an event were parked, since this was asked last.
  std::vector<double> waits() { return std::exchange(waits_, {}); }
  // Calls that were refused and repeated, as the contract says.
  std::size_t repeated() const { return repeated_; }

 private:
  struct Terminal {
    std::string lease_token;
    Clock::time_point parked, told;
  };

  void park(std::size_t number) {
    Terminal& terminal = terminals_[number];
    std::string content = "<m:PullEvents><m:subscription>phone</m:subscription><m:waitSeconds>" +
                          std::to_string(kWaitSeconds) + "</m:waitSeconds>";
    if (!terminal.lease_token.empty()) content += "<m:ackToken>" + terminal.lease_token + "</m:ackToken>";
    terminal.parked = Clock::now();
    polls_.post(number, "/events", "bench-user-" + eight_digits(user(number)) + "-0123456789abcdefghijkl",
                bench::envelope("events", content + "</m:PullEvents>"));
  }

  void on_answer(std::size_t number, std::string_view answer, Clock::time_point at) {
    Terminal& terminal = terminals_[number];
    const auto tokens = bench::texts_of(answer, "ev:leaseToken");
    terminal.lease_token = tokens.empty() ? "" : tokens.front();
    if (answer.find(">bench.lane0<") != std::string_view::npos) {
      terminal.told = at;
    } else if (tokens.empty()) {
      waits_.push_back(std::chrono::duration<double>(at - terminal.parked).count());
    }
    park(number);
  }

  bench::ParkedPolls polls_;
  const int first_;
  std::vector<Terminal> terminals_;
  std::vector<double> waits_;
  std::size_t repeated_ = 0;
};

void publish(Terminals& terminals, std::uint16_t port, int count, int gap_ms, std::mt19937& random) {
  Publisher publisher(port);
  std::uniform_int_distribution<std::size_t> any(0, terminals.count() - 1);
  std::vector<double> latencies;
  for (int i = 0; i < count; ++i) {
    const std::size_t terminal = any(random);
    const auto begin = publisher.publish(terminals.user(terminal));
    latencies.push_back(Milliseconds(terminals.wait_for_event(terminal, publisher) - begin).count());
    publisher.finish();
    terminals.look_until(Clock::now() + std::chrono::milliseconds(gap_ms));
  }
  const double p50 = percentile(latencies, 0.5), p99 = percentile(latencies, 0.99);
  std::printf("{\"count\": %d, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n", count, p50, p99,
              latencies.back());
}

void hold(Terminals& terminals, double seconds) {
  terminals.waits();
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  while (Clock::now() < end) terminals.look(kLook);
  auto waits = terminals.waits();
  const double shortest = percentile(waits, 0), longest = percentile(waits, 1);
  std::printf("{\"answered\": %zu, \"repeated\": %zu, \"shortest_s\": %.1f, \"longest_s\": %.1f}\n",
              waits.size(), terminals.repeated(), shortest, longest);
}

// The lines of the input, while the polls are kept. Their thread is never waited for: it may read for ever.
class Orders {
 public:
  Orders() {
    std::thread([shared = shared_] {
      for (std::string line; std::getline(std::cin, line);) {
        const std::lock_guard lock(shared->mutex);
        shared->orders.push_back(line);
      }
      const std::lock_guard lock(shared->mutex);
      shared->over = true;
    }).detach();
  }

  bool next(Terminals& terminals, std::string& order) {
    while (true) {
      {
        const std::lock_guard lock(shared_->mutex);
        if (!shared_->orders.empty()) {
          order = shared_->orders.front();
          shared_->orders.erase(shared_->orders.begin());
          return true;
        }
        if (shared_->over) return false;
      }
      terminals.look(kLook);
    }
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::vector<std::string> orders;
    bool over = false;
  };
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: poll_client POLLS_PORT PUBLISH_PORT FIRST POLLS\n");
    return 2;
  }
  try {
    Terminals terminals(static_cast<std::uint16_t>(std::atoi(argv[1])), std::atoi(argv[3]),
                        std::atoi(argv[4]));
    const auto publish_port = static_cast<std::uint16_t>(std::atoi(argv[2]));
    std::mt19937 random(1);
    std::printf("READY\n");
    std::fflush(stdout);
    Orders orders;
    for (std::string order; orders.next(terminals, order);) {
      int count = 0, gap_ms = 0;
      double seconds = 0;
      if (std::sscanf(order.c_str(), "publish %d %d", &count, &gap_ms) == 2)
        publish(terminals, publish_port, count, gap_ms, random);
      else if (std::sscanf(order.c_str(), "hold %lf", &seconds) == 1)
        hold(terminals, seconds);
      else
        throw std::runtime_error("no such order: " + order);
      std::fflush(stdout);
    }
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    std::_Exit(1);  // a thread may still read the input
  }
}
