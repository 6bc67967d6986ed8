// The database stops, hangs, and comes back, under a pool.

#include <gtest/gtest.h>

#include <thread>

#include "db/pool.hpp"
#include "tests/db/db/private_server.hpp"
#include "tests/support/eventually.hpp"

namespace whitebrick::db {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class OutageTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new testing::PrivateServer; }
  static void TearDownTestSuite() { delete server_; }

  static Options options() {
    Options options = server_->options("mysql");
    options.read_timeout = 1s;
    options.connections = 4;
    options.probe_interval = 200ms;
    return options;
  }
  static std::int64_t ask(Pool& pool) {
    return pool.lease()
        .session()
        .query_one("SELECT 1 AS one", [](const Row& r) { return r.number("one"); })
        .value();
  }
  // How long it takes to be told that the database is away.
  static Clock::duration refusal(Pool& pool) {
    const auto begin = Clock::now();
    EXPECT_THROW(ask(pool), Unavailable);
    return Clock::now() - begin;
  }
  static void await_recovery(Pool& pool) {
    const auto answers = [&] {
      try {
        return ask(pool) == 1;
      } catch (const Unavailable&) {
        return false;
      }
    };
    ASSERT_TRUE(testing::eventually(answers)) << "the pool did not come back";
  }

  static inline testing::PrivateServer* server_ = nullptr;
};

TEST_F(OutageTest, AHangingDatabaseIsNoticedThenCostsNoTimeAndComesBack) {
  Pool pool(options());
  ASSERT_EQ(ask(pool), 1);
  server_->freeze();
  EXPECT_LT(refusal(pool), 2s);  // the read times out
  EXPECT_LT(refusal(pool), 2s);  // so does a new connection
  EXPECT_FALSE(pool.counts().reachable);
  EXPECT_LT(refusal(pool), 50ms);
  server_->resume();
  await_recovery(pool);
  EXPECT_TRUE(pool.counts().reachable);
}

TEST_F(OutageTest, ConnectionsFromBeforeAnOutageAreNotTrusted) {
  Pool pool(options());
  {
    auto first = pool.lease();
    auto second = pool.lease();
    first.session().now();
    second.session().now();
  }
  server_->freeze();
  refusal(pool);
  refusal(pool);
  EXPECT_LT(refusal(pool), 50ms) << "an idle connection was tried";
  server_->resume();
  await_recovery(pool);
}

TEST_F(OutageTest, AStoppedDatabaseFailsFastAndARestartedOneIsFound) {
  Pool pool(options());
  ASSERT_EQ(ask(pool), 1);
  server_->server().stop();
  for (int i = 0; i < 10; ++i) EXPECT_LT(refusal(pool), 200ms);
  EXPECT_FALSE(pool.counts().reachable);
  auto restarted = LocalServer::start_or_attach(server_->settings());
  EXPECT_TRUE(restarted.started_here());
  await_recovery(pool);
  EXPECT_EQ(pool.counts().in_use, 0u);
  EXPECT_LE(pool.counts().open, 4u);
  restarted.stop();
}

}  // namespace
}  // namespace whitebrick::db
