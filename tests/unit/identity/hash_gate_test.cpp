#include "modules/identity/hash_gate.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "server/fault.hpp"
#include "tests/support/eventually.hpp"

namespace whitebrick::identity {
namespace {

using std::chrono::milliseconds;

TEST(HashGate, NeverMoreInsideThanAllowed) {
  HashGate gate({.waiting = 100});
  std::atomic<int> inside = 0, most = 0, done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&, i] {
      const HashGate::Turn turn(gate, std::to_string(i));
      const int now = ++inside;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      std::this_thread::yield();
      --inside;
      ++done;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 2);
  EXPECT_EQ(done, 20);
}

TEST(HashGate, TwoAccountsAtOnceButOneAccountOnlyOnce) {
  HashGate gate({.at_once = 2, .waiting = 100, .patience = milliseconds(20)});
  std::optional<HashGate::Turn> alice(std::in_place, gate, "alice");
  EXPECT_THROW(HashGate::Turn(gate, "alice"), Fault);
  const HashGate::Turn bob(gate, "bob");
  EXPECT_THROW(HashGate::Turn(gate, "carol"), Fault);
  alice.reset();
  const HashGate::Turn again(gate, "alice");
}

TEST(HashGate, WaitersBeyondTheLimitAreRefusedAtOnce) {
  HashGate gate({.at_once = 1, .waiting = 0, .patience = std::chrono::hours(1)});
  const HashGate::Turn inside(gate, "a");
  try {
    const HashGate::Turn turn(gate, "b");
    FAIL() << "two are inside";
  } catch (const Fault& fault) {
    EXPECT_EQ(fault.code(), FaultCode::BUSY);
    EXPECT_EQ(fault.retry_after_seconds(), 1);
  }
}

TEST(HashGate, WhatWasRightBeforeMayWaitAndComesFirst) {
  HashGate gate({.at_once = 1, .waiting = 1, .known_waiting = 1, .patience = std::chrono::seconds(20)});
  std::optional<HashGate::Turn> inside(std::in_place, gate, "a");
  std::vector<std::string> order;
  const auto turn = [&](const std::string& name, HashGate::Shows shows) {
    return std::thread([&, name, shows] {
      const HashGate::Turn mine(gate, name, shows);
      order.push_back(name);  // one at once
    });
  };
  std::thread stranger = turn("stranger", HashGate::Shows::kSomethingNew);
  ASSERT_TRUE(testing::eventually([&] { return gate.waiting() == 1; }));
  std::thread known = turn("known", HashGate::Shows::kWhatWasRight);
  ASSERT_TRUE(testing::eventually([&] { return gate.waiting() == 2; }));
  EXPECT_THROW(HashGate::Turn(gate, "b", HashGate::Shows::kSomethingNew), Fault);
  EXPECT_THROW(HashGate::Turn(gate, "b", HashGate::Shows::kWhatWasRight), Fault);
  inside.reset();
  stranger.join();
  known.join();
  EXPECT_EQ(order, (std::vector<std::string>{"known", "stranger"}));
}

}  // namespace
}  // namespace whitebrick::identity
