// Measures how one mode change reaches those who watch: parked polls of many watchers in one thread, and
// the owner, who changes his mode as soon as the last of them was told.
// usage: watch_client terminals|states|portal PORT OWNER FIRST WATCHERS
//   terminals  each watcher pulls the events of his own terminal and acknowledges with the next pull
//   states     each watcher polls GetContactStates
//   portal     four pulls of one service (token: BENCH_PORTAL) bring the events for all
// Users are numbers of seed.sql; the watchers follow each other from FIRST. All are connected already.
// Prints READY when the polls are parked; then each line "M" of the input makes M changes and prints one
// line of JSON: deliveries, deliveries/s, milliseconds from the change to the last one told.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <iostream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>

#include "parked_polls.hpp"

namespace {

using bench::Clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::chrono::seconds kPatience{20};
constexpr std::chrono::milliseconds kSettle{300};
constexpr std::chrono::milliseconds kPause{100};
constexpr int kPace = 50;  // polls begun at once
constexpr int kPortalPulls = 4;
constexpr const char* kWait = "<m:waitSeconds>50</m:waitSeconds>";

std::string eight_digits(int user) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%08d", user);
  return digits;
}
std::string token_of(int user) { return "bench-user-" + eight_digits(user) + "-0123456789abcdefghijkl"; }

struct Arguments {
  std::string kind;
  std::uint16_t port = 0;
  int owner = 0, first = 0, watchers = 0;
};

class Watch {
 public:
  explicit Watch(const Arguments& arguments)
      : arguments_(arguments),
        polls_(arguments.port),
        owner_(polls_.connect()),
        number_("tel:+331" + eight_digits(arguments.owner)) {
    const bool portal = arguments_.kind == "portal";
    for (int i = 0; i < (portal ? kPortalPulls : arguments_.watchers); ++i) {
      Poll poll;
      poll.token = portal ? std::getenv("BENCH_PORTAL") : token_of(arguments_.first + i);
      poll.user = portal ? "" : "user" + std::to_string(arguments_.first + i);
      poll.consumer = portal ? "consumer" + std::to_string(i) : "";
      const auto connection = polls_.connect();
      park(poll, connection);
      by_connection_.emplace(connection, std::move(poll));
      if (i % kPace == 0) settle();
    }
    order_mode();
    settle();
  }

  void change(int times) {
    settle();
    std::vector<double> last;
    deliveries_ = refusals_ = 0;
    const auto begin = Clock::now();
    for (int i = 0; i < times; ++i) last.push_back(change_once());
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::sort(last.begin(), last.end());
    const auto at = [&](double part) {
      return last[static_cast<std::size_t>(part * static_cast<double>(last.size() - 1))];
    };
    std::printf("{\"count\": %ld, \"rate\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"refused\": %ld}\n",
                deliveries_, static_cast<double>(deliveries_) / seconds, at(0.5), at(0.99), refusals_);
    std::fflush(stdout);
  }

 private:
  struct Poll {
    std::string token, user, consumer;
    std::string place;  // the leaseToken to acknowledge, or the version
  };

  void park(const Poll& poll, std::size_t connection) {
    std::string content;
    if (arguments_.kind == "states") {
      content = "<m:GetContactStates><m:profileId>main</m:profileId>";
      if (!poll.place.empty()) content += "<m:sinceVersion>" + poll.place + "</m:sinceVersion>";
      content += std::string(kWait) + "</m:GetContactStates>";
      polls_.post(connection, "/coordination", poll.token, bench::envelope("coordination", content));
      return;
    }
    const bool portal = arguments_.kind == "portal";
    content = std::string("<m:PullEvents><m:subscription>") + (portal ? "terminals" : "phone") +
              "</m:subscription><m:maxEvents>" + (portal ? "250" : "10") + "</m:maxEvents>" + kWait;
    if (!poll.place.empty()) content += "<m:ackToken>" + poll.place + "</m:ackToken>";
    if (portal) content += "<m:consumer>" + poll.consumer + "</m:consumer>";
    polls_.post(connection, "/events", poll.token, bench::envelope("events", content + "</m:PullEvents>"));
  }

  void order_mode() {
    polls_.post(owner_, "/availability", token_of(arguments_.owner),
                bench::envelope(
                    "availability",
                    "<m:ActivateMode><m:profileId>main</m:profileId><m:modeId>meeting</m:modeId><m:active>" +
                        std::string(available_ ? "false" : "true") + "</m:active></m:ActivateMode>"));
    owner_waits_ = true;
  }

  // Until nothing comes any more; what was told before counts for nothing.
  void settle() {
    while (look(kSettle) || !refused_.empty()) {
    }
  }

  // Who was refused for the moment tries again after a pause, as he was asked to.
  bool look(std::chrono::milliseconds time) {
    while (!refused_.empty() && refused_.front().second <= Clock::now()) {
      const auto connection = refused_.front().first;
      refused_.pop_front();
      park(by_connection_.at(connection), connection);
    }
    return polls_.wait(refused_.empty() ? time : kPause,
                       [this](std::size_t connection, bool ok, std::string_view answer,
                              Clock::time_point at) { on_answer(connection, ok, answer, at); });
  }

  double change_once() {
    available_ = !available_;
    state_ = available_ ? "CONNECTABLE" : "NOT_CONNECTABLE";
    told_.clear();
    changed_ = Clock::now();
    order_mode();
    while (told_.size() < static_cast<std::size_t>(arguments_.watchers) || owner_waits_) {
      look(std::chrono::seconds(1));
      if (Clock::now() > changed_ + kPatience) {
        throw std::runtime_error("only " + std::to_string(told_.size()) + " were told " + state_);
      }
    }
    return Milliseconds(last_ - changed_).count();
  }

  void on_answer(std::size_t connection, bool ok, std::string_view answer, Clock::time_point at) {
    if (!ok && (connection == owner_ || answer.find("retryable>true<") == std::string_view::npos))
      throw std::runtime_error(std::string(answer));
    if (connection == owner_) {
      owner_waits_ = false;
      return;
    }
    Poll& poll = by_connection_.at(connection);
    if (!ok) {
      refused_.emplace_back(connection, at + kPause);
      ++refusals_;
      return;
    }
    if (arguments_.kind == "states") {
      read_states(poll, answer, at);
    } else {
      read_events(poll, answer, at);
    }
    park(poll, connection);
  }

  void read_states(Poll& poll, std::string_view answer, Clock::time_point at) {
    poll.place = bench::texts_of(answer, "coord:version").at(0);
    const auto contacts = bench::texts_of(answer, "coord:contact"),
               states = bench::texts_of(answer, "coord:state");
    for (std::size_t i = 0; i < contacts.size(); ++i) {
      if (contacts[i] == number_) note(poll.user, states.at(i), at);
    }
  }

  void read_events(Poll& poll, std::string_view answer, Clock::time_point at) {
    const auto tokens = bench::texts_of(answer, "ev:leaseToken");
    poll.place = tokens.empty() ? "" : tokens.front();
    const auto contents = bench::texts_of(answer, "ev:content"), users = bench::texts_of(answer, "ev:userId");
    if (contents.size() != users.size()) throw std::runtime_error(std::string(answer));
    for (std::size_t i = 0; i < contents.size(); ++i) {
      if (contents[i].find(number_) == std::string_view::npos) continue;
      constexpr std::string_view kState = "state&gt;";
      const auto begin = contents[i].find(kState) + kState.size();
      note(std::string(users[i]), contents[i].substr(begin, contents[i].find('&', begin) - begin), at);
    }
  }

  void note(const std::string& user, std::string_view state, Clock::time_point at) {
    if (state != state_) {
      if (changed_ == Clock::time_point{}) return;  // before the first change
      throw std::runtime_error(user + " was told " + std::string(state) + " after " + state_);
    }
    const bool first = told_.insert(user).second;
    // A change between a version and its states is answered once more.
    if (!first && arguments_.kind == "states") return;
    ++deliveries_;
    if (!first) throw std::runtime_error(user + " was told twice");
    last_ = at;
  }

  const Arguments arguments_;
  bench::ParkedPolls polls_;
  const std::size_t owner_;
  const std::string number_;
  std::map<std::size_t, Poll> by_connection_;
  std::deque<std::pair<std::size_t, Clock::time_point>> refused_;
  long refusals_ = 0;
  bool available_ = true, owner_waits_ = false;
  std::string state_;
  std::set<std::string> told_;
  Clock::time_point changed_{}, last_{};
  long deliveries_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: watch_client terminals|states|portal PORT OWNER FIRST WATCHERS\n");
    return 2;
  }
  try {
    Watch watch({argv[1], static_cast<std::uint16_t>(std::atoi(argv[2])), std::atoi(argv[3]),
                 std::atoi(argv[4]), std::atoi(argv[5])});
    std::printf("READY\n");
    std::fflush(stdout);
    for (int times = 0; std::cin >> times;) watch.change(times);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
