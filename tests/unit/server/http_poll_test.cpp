// Requests that wait.

#include <fstream>
#include <thread>

#include "tests/unit/server/http_fixture.hpp"

namespace whitebrick {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// A poll on the key "k:<path>" that answers when its flag is up.
class HttpPollTest : public HttpTest {
 protected:
  void serve_poll(milliseconds wait = seconds(60)) {
    serve([this, wait](int, const HttpRequest& request, Poll& poll) -> RunResult {
      ++runs_;
      if (poll.first_run()) {
        poll.set_wait(wait);
        poll.watch("k:" + request.path);
      }
      if (ready_) return text("ready " + request.body);
      if (poll.last_run()) return text("nothing");
      return std::nullopt;
    });
  }

  std::atomic<bool> ready_ = false;
  std::atomic<int> runs_ = 0;
};

TEST_F(HttpPollTest, AnswersWhenWoken) {
  serve_poll();
  auto c = client();
  c.post("/a", "kept");
  await_parked(1);
  registry_.wake("k:/b");
  registry_.wake("k:/a");  // a hint too many: it parks again
  await([&] { return runs_ == 2; });
  await_parked(1);
  ready_ = true;
  registry_.wake("k:/a");
  EXPECT_EQ(c.reply().body, "ready kept");
  EXPECT_EQ(runs_, 3);
  EXPECT_EQ(server_->counts().parked, 0U);
  await([&] { return registry_.size() == 0; });
  ready_ = false;
  c.post("/a", "again");  // the same connection may wait again
  await_parked(1);
  ready_ = true;
  registry_.wake("k:/a");
  EXPECT_EQ(c.reply().body, "ready again");
}

TEST_F(HttpPollTest, AnswersBeforeItsTimeIsUp) {
  settings_.poll_margin = milliseconds(200);
  serve_poll(milliseconds(500));
  const auto start = Clock::now();
  auto c = client();
  c.post("/a");
  EXPECT_EQ(c.reply().body, "nothing");
  EXPECT_GE(Clock::now() - start, milliseconds(300));
  EXPECT_LT(Clock::now() - start, milliseconds(500));
  EXPECT_EQ(runs_, 2);
}

TEST_F(HttpPollTest, WithoutAWaitTheSecondRunIsTheLast) {
  serve_poll(milliseconds(0));
  auto c = client();
  c.post("/a");
  EXPECT_EQ(c.reply().body, "nothing");
  EXPECT_EQ(runs_, 2);
}

TEST_F(HttpPollTest, LooksAgainWhenAsked) {
  std::atomic<int> runs = 0;
  serve([&](int, const HttpRequest&, Poll& poll) -> RunResult {
    poll.set_wait(seconds(60));
    if (++runs == 3) return text("third");
    poll.look_again_in(milliseconds(20));
    return std::nullopt;
  });
  auto c = client();
  c.post("/a");
  EXPECT_EQ(c.reply().body, "third");
}

TEST_F(HttpPollTest, RemembersFromRunToRun) {
  serve([&](int, const HttpRequest&, Poll& poll) -> RunResult {
    if (poll.first_run()) poll.memory() = std::string("epoch 1");
    if (poll.last_run()) return text(std::any_cast<std::string>(poll.memory()));
    return std::nullopt;
  });
  auto c = client();
  c.post("/a");
  EXPECT_EQ(c.reply().body, "epoch 1");
}

TEST_F(HttpPollTest, ALastRunThatAnswersNothingIsADefect) {
  serve([](int, const HttpRequest&, Poll&) -> RunResult { return std::nullopt; });
  auto c = client();
  c.post("/a");
  EXPECT_EQ(c.reply().body, "INTERNAL");
}

TEST_F(HttpPollTest, ForgetsAClientThatHangsUp) {
  serve_poll();
  auto a = client();
  auto b = client();
  a.post("/a");
  b.post("/a");
  b.send("GET /pipelined HTTP/1.1\r\nHost: h\r\n\r\n");
  await_parked(2);
  a.close();
  await_parked(1);
  b.close();
  await_parked(0);
  await([&] { return server_->counts().connections == 0; });
  EXPECT_EQ(server_->counts().hung_up, 2U);
  EXPECT_EQ(registry_.size(), 0U);
  const int before = runs_;
  registry_.wake("k:/a");
  auto c = client();  // a run later than any the wake-up could have caused
  c.post("/c");
  await_parked(1);
  EXPECT_EQ(runs_, before + 1);
}

TEST_F(HttpPollTest, ServesWhatWasSentDuringTheWait) {
  serve_poll();
  auto c = client();
  c.post("/a", "1");
  await_parked(1);
  c.post("/a", "2");
  ready_ = true;
  registry_.wake("k:/a");
  EXPECT_EQ(c.reply().body, "ready 1");
  EXPECT_EQ(c.reply().body, "ready 2");
}

TEST_F(HttpPollTest, AWakeUpDuringTheRunIsNotLost) {
  Gate gate;
  std::atomic<int> runs = 0;
  serve([&](int, const HttpRequest&, Poll& poll) -> RunResult {
    if (++runs > 1) return text("second run");
    poll.set_wait(seconds(60));
    poll.watch("k:1");
    gate.pass();  // looked, and found nothing
    return std::nullopt;
  });
  auto c = client();
  c.post("/a");
  gate.await(1);
  registry_.wake("k:1");
  gate.open();
  EXPECT_EQ(c.reply().body, "second run");
}

TEST_F(HttpPollTest, NoWakeUpIsLostHoweverTheyRace) {
  settings_.workers = 4;
  // Each value put is told exactly once, in order; a lost wake-up shows as a reply that
  // does not come within ten seconds.
  struct Box {
    std::atomic<int> value = 0;
    std::atomic<int> running = 0;
  };
  std::vector<Box> boxes(8);
  std::atomic<bool> overlapped = false;
  serve([&](int, const HttpRequest& request, Poll& poll) -> RunResult {
    Box& box = boxes[static_cast<std::size_t>(std::stoi(request.query))];
    if (box.running++ != 0) overlapped = true;
    if (poll.first_run()) {
      poll.set_wait(seconds(60));
      poll.watch("box:" + request.query);
    }
    const int value = box.value;
    RunResult result;
    if (value >= std::stoi(request.body)) result = text(std::to_string(value));
    --box.running;
    return result;
  });
  constexpr int kRounds = 300;
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    threads.emplace_back([&, i] {
      RawClient c(server_->port());
      std::atomic<int> asked = 0;
      std::thread putter([&] {
        for (int round = 1; round <= kRounds; ++round) {
          while (asked < round) std::this_thread::yield();
          for (int spin = (round * 37) % 400; spin > 0; --spin) std::this_thread::yield();
          registry_.wake("box:" + std::to_string(i));  // too early
          boxes[i].value = round;
          registry_.wake("box:" + std::to_string(i));
        }
      });
      for (int round = 1; round <= kRounds; ++round) {
        c.post("/box?" + std::to_string(i), std::to_string(round));
        asked = round;
        if (c.reply().body == std::to_string(round)) ++answered;
      }
      putter.join();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered, kRounds * static_cast<int>(boxes.size()));
  EXPECT_FALSE(overlapped);
  EXPECT_EQ(server_->counts().parked, 0U);
}

TEST_F(HttpPollTest, WokenPollsAreNeverShed) {
  settings_.worker_queue = 1;
  settings_.workers = 1;
  Gate gate;
  std::atomic<bool> ready = false;
  serve([&](int, const HttpRequest& request, Poll& poll) -> RunResult {
    if (request.path == "/block") {
      gate.pass();
      return text("unblocked");
    }
    if (poll.first_run()) {
      poll.set_wait(seconds(60));
      poll.watch("k:1");
    }
    return ready ? RunResult(text("ready")) : std::nullopt;
  });
  std::vector<std::unique_ptr<RawClient>> polls;
  for (std::size_t i = 0; i < 20; ++i) {
    polls.push_back(std::make_unique<RawClient>(server_->port()));
    polls.back()->post("/poll");
    await_parked(i + 1);
  }
  auto blocker = client();
  blocker.post("/block");
  gate.await(1);
  ready = true;
  registry_.wake("k:1");
  await([&] { return server_->counts().queued == 20; });
  gate.open();
  EXPECT_EQ(blocker.reply().body, "unblocked");
  for (auto& poll : polls) EXPECT_EQ(poll->reply().body, "ready");
  EXPECT_EQ(server_->counts().shed, 0U);
}

TEST_F(HttpPollTest, ALaterRunMustAnswerInTimeToo) {
  settings_.answer_within = milliseconds(200);
  Gate gate;
  serve([&](int, const HttpRequest&, Poll& poll) -> RunResult {
    if (!poll.first_run()) {
      gate.pass();
      return text("late");
    }
    poll.set_wait(seconds(60));
    poll.watch("k:1");
    return std::nullopt;
  });
  auto c = client();
  c.post("/a");
  await_parked(1);
  const auto parked_at = std::chrono::steady_clock::now();
  await([&] { return std::chrono::steady_clock::now() > parked_at + milliseconds(300); });  // does not count
  EXPECT_EQ(server_->counts().parked, 1U);
  registry_.wake("k:1");
  EXPECT_EQ(c.reply().body, "UNAVAILABLE");
  gate.open();
}

TEST_F(HttpPollTest, DrainAnswersParkedPollsAndClosesTheirConnections) {
  serve_poll();
  auto parked = client();
  auto other = client();
  parked.post("/a");
  await_parked(1);
  server_->drain();
  const Reply last = parked.reply();
  EXPECT_EQ(last.body, "nothing");
  EXPECT_TRUE(last.has("Connection: close"));
  EXPECT_TRUE(parked.ended());
  other.post("/a");  // served still, but nothing parks any more
  EXPECT_TRUE(other.reply().has("Connection: close"));
  ready_ = true;
  auto fresh = client();
  fresh.post("/a", "x");
  EXPECT_EQ(fresh.reply().body, "ready x");
}

TEST_F(HttpPollTest, StopAnswersParkedPollsFirst) {
  serve_poll();
  auto c = client();
  c.post("/a");
  await_parked(1);
  std::thread stopping([&] { server_->stop(seconds(10)); });
  EXPECT_EQ(c.reply().body, "nothing");
  c.close();
  stopping.join();
  EXPECT_EQ(registry_.size(), 0U);
}

TEST_F(HttpPollTest, StopsAtOnceWithPollsParkedAndWakeUpsComing) {
  for (int round = 0; round < 10; ++round) {
    serve_poll();
    std::vector<std::unique_ptr<RawClient>> polls;
    for (std::size_t i = 0; i < 20; ++i) {
      polls.push_back(std::make_unique<RawClient>(server_->port()));
      polls.back()->post("/a");
    }
    await_parked(20);
    std::atomic<bool> stop = false;
    std::thread waker([&] {
      while (!stop) registry_.wake("k:/a");
    });
    server_.reset();
    stop = true;
    waker.join();
    EXPECT_EQ(registry_.size(), 0U);
  }
}

TEST_F(HttpPollTest, AParkedPollIsSmall) {
  settings_.workers = 1;
  settings_.io_threads = 1;
  serve_poll();
  const auto resident_kib = [] {
    std::ifstream statm("/proc/self/statm");
    long total = 0;
    long resident = 0;
    statm >> total >> resident;
    return resident * 4;
  };
  constexpr std::size_t kPolls = 1000;
  std::vector<int> sockets;  // bare, so that the client's side weighs nothing here
  const auto connect = [&] {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server_->port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    const std::string body(1500, 'b');
    const std::string request =
        "POST /events HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer "
        "0123456789012345678901234567890123456789"
        "\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"urn:whitebrick:events/PullEvents\"\r\n"
        "User-Agent: client/1.0\r\nAccept: */*\r\nContent-Length: 1500\r\n\r\n" +
        body;
    ASSERT_EQ(::send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    sockets.push_back(fd);
  };
  for (int i = 0; i < 50; ++i) connect();
  await_parked(50);
  const long before = resident_kib();
  while (sockets.size() < 50 + kPolls) connect();
  await_parked(50 + kPolls);
  const double each = static_cast<double>(resident_kib() - before) / kPolls;
  RecordProperty("kib_per_parked_poll", std::to_string(each));
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  EXPECT_LT(each, 64);  // the sanitizer weighs, too
#else
  EXPECT_LT(each, 16);
#endif
  for (const int fd : sockets) ::close(fd);
  await_parked(0);
}

}  // namespace
}  // namespace whitebrick
