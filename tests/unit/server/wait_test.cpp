#include "server/wait.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "server/sip_hash.hpp"
#include "tests/support/eventually.hpp"

namespace whitebrick {
namespace {

TEST(WaitRegistry, WakesEveryWatchOfTheKeyAndNoOther) {
  WaitRegistry registry;
  int a = 0;
  int b = 0;
  int other = 0;
  const auto first = registry.watch("queue:1", [&] { ++a; });
  const auto second = registry.watch("queue:1", [&] { ++b; });
  const auto third = registry.watch("queue:2", [&] { ++other; });
  registry.wake("queue:1");
  registry.wake("queue:3");
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b, 1);
  EXPECT_EQ(other, 0);
}

TEST(WaitRegistry, AnEndedWatchIsNeverCalledAgain) {
  WaitRegistry registry;
  int first_calls = 0;
  int second_calls = 0;
  {
    const auto first = registry.watch("k:1", [&] { ++first_calls; });
    const auto second = registry.watch("k:1", [&] { ++second_calls; });
    auto third = registry.watch("k:1", [&] { ++first_calls; });
    third = registry.watch("k:1", [&] { ++second_calls; });
    EXPECT_EQ(registry.size(), 3U);
    registry.wake("k:1");
    EXPECT_EQ(first_calls, 1);
    EXPECT_EQ(second_calls, 2);
  }
  registry.wake("k:1");
  EXPECT_EQ(first_calls, 1);
  EXPECT_EQ(second_calls, 2);
  EXPECT_EQ(registry.size(), 0U);
  EXPECT_TRUE(registry.keys().empty());
}

TEST(WaitRegistry, AWakeUpMayEndItsOwnWatch) {
  WaitRegistry registry;
  int calls = 0;
  WaitRegistry::Watch watch;
  watch = registry.watch("k:1", [&] {
    ++calls;
    watch = {};
  });
  registry.wake("k:1");
  registry.wake("k:1");
  EXPECT_EQ(calls, 1);
}

TEST(WaitRegistry, AWatchMayOutliveTheRegistry) {
  WaitRegistry::Watch watch;
  {
    WaitRegistry registry;
    watch = registry.watch("k:1", [] {});
  }
  watch = {};
}

TEST(WaitRegistry, EndingAWatchWaitsForTheCallUnderWay) {
  WaitRegistry registry;
  std::atomic<bool> entered = false;
  std::atomic<bool> left = false;
  auto watch = std::make_unique<WaitRegistry::Watch>(registry.watch("k:1", [&] {
    entered = true;
    entered.notify_all();
    // Long enough for the other thread to come to its reset().
    const auto since = std::chrono::steady_clock::now();
    testing::eventually(
        [&] { return std::chrono::steady_clock::now() > since + std::chrono::milliseconds(50); });
    left = true;
  }));
  std::thread waker([&] { registry.wake("k:1"); });
  entered.wait(false);
  watch.reset();
  EXPECT_TRUE(left);
  waker.join();
}

TEST(WaitRegistry, ListsEachWatchedKeyOnce) {
  WaitRegistry registry;
  const auto a = registry.watch("queue:1", [] {});
  const auto b = registry.watch("queue:1", [] {});
  const auto c = registry.watch("state:2", [] {});
  auto keys = registry.keys();
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(keys, (std::vector<WaitKey>{"queue:1", "state:2"}));
  EXPECT_EQ(registry.size(), 3U);
}

TEST(WaitRegistry, WakesByHashUnderTheSaltInForce) {
  WaitRegistry here;
  WaitRegistry there;
  int calls = 0;
  const auto early = here.watch("queue:7", [&] { ++calls; });
  const auto unsalted = here.hash("queue:7");
  here.set_salt({1, 2});
  there.set_salt({1, 2});
  const auto late = here.watch("queue:7", [&] { ++calls; });
  EXPECT_EQ(here.hash("queue:7"), there.hash("queue:7"));
  EXPECT_NE(here.hash("queue:7"), unsalted);
  here.wake_hashed(there.hash("queue:7"));
  EXPECT_EQ(calls, 2);
  here.wake_hashed(unsalted);
  EXPECT_EQ(calls, 2);
  here.wake("queue:7");
  EXPECT_EQ(calls, 4);
}

TEST(WaitRegistry, SurvivesWakingWatchingAndEndingAtOnce) {
  WaitRegistry registry;
  std::atomic<bool> stop = false;
  std::atomic<long> calls = 0;
  std::thread waker([&] {
    while (!stop) {
      for (int i = 0; i < 8; ++i) registry.wake("k:" + std::to_string(i));
    }
  });
  std::vector<std::thread> watchers;
  for (int t = 0; t < 3; ++t) {
    watchers.emplace_back([&] {
      for (int round = 0; round < 2000 || calls == 0; ++round) {
        int mine = 0;  // written by a late call, this would be a write to a dead frame
        const auto watch = registry.watch("k:" + std::to_string(round % 8), [&] { mine += 1, ++calls; });
      }
    });
  }
  for (auto& w : watchers) w.join();
  stop = true;
  waker.join();
  EXPECT_GT(calls, 0);
  EXPECT_EQ(registry.size(), 0U);
}

TEST(SipHash, GivesTheReferenceValues) {
  // From the reference implementation: key 00 01 .. 0f, texts "", "\0", 00 .. 0e.
  const std::array<std::uint64_t, 2> key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
  std::string text;
  EXPECT_EQ(sip_hash(key, text), 0x726fdb47dd0e0e31U);
  text.push_back('\0');
  EXPECT_EQ(sip_hash(key, text), 0x74f839c593dc67fdU);
  for (char c = 1; c < 15; ++c) text.push_back(c);
  EXPECT_EQ(sip_hash(key, text), 0xa129ca6149be45e5U);
}

}  // namespace
}  // namespace whitebrick
