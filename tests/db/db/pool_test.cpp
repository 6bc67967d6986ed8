#include "db/pool.hpp"

#include <gtest/gtest.h>

#include <future>

#include "tests/support/database.hpp"

namespace whitebrick::db {
namespace {

using namespace std::chrono_literals;
using testing::database;

std::uint64_t connection_id(Session& session) {
  return session.query_one("SELECT CONNECTION_ID() AS id", [](const Row& r) { return r.id("id"); }).value();
}

TEST(Pool, ConnectionsAreReused) {
  const auto pool = database().fresh_pool(4);
  const auto first = connection_id(pool->lease().session());
  EXPECT_EQ(connection_id(pool->lease().session()), first);
  EXPECT_EQ(pool->counts().open, 1u);
  EXPECT_EQ(pool->counts().in_use, 0u);
}

TEST(Pool, LeasesAreLimitedAndWaitForOneAnother) {
  Options options = database().options();
  options.connections = 1;
  options.lease_wait = 50ms;
  Pool pool(options);
  {
    auto held = pool.lease();
    EXPECT_EQ(pool.counts().in_use, 1u);
    EXPECT_THROW(pool.lease(), Unavailable);
  }
  auto held = std::make_unique<Lease>(pool.lease());
  options.lease_wait = 10s;
  Pool patient(options);
  auto first = std::make_unique<Lease>(patient.lease());
  auto second = std::async(std::launch::async, [&] { return connection_id(patient.lease().session()); });
  EXPECT_EQ(second.wait_for(20ms), std::future_status::timeout);
  first.reset();
  EXPECT_EQ(second.wait_for(5s), std::future_status::ready);
}

TEST(Pool, StatementsAreCounted) {
  const auto pool = database().fresh_pool(1);
  auto lease = pool->lease();
  const auto before = pool->counts().statements;
  for (int i = 0; i < 3; ++i) lease.session().now();
  EXPECT_EQ(pool->counts().statements, before + 3);
}

TEST(Pool, ABrokenConnectionIsReplacedBeforeTheNextUse) {
  const auto pool = database().fresh_pool(1);
  auto lease = pool->lease();
  const auto first = connection_id(lease.session());
  database().run("KILL CONNECTION " + std::to_string(first));
  EXPECT_THROW(connection_id(lease.session()), Unavailable);
  EXPECT_NE(connection_id(lease.session()), first);
}

TEST(Pool, ABrokenConnectionIsNotLeasedAgain) {
  const auto pool = database().fresh_pool(1);
  const auto first = connection_id(pool->lease().session());
  database().run("KILL CONNECTION " + std::to_string(first));
  EXPECT_THROW(connection_id(pool->lease().session()), Unavailable);
  EXPECT_NE(connection_id(pool->lease().session()), first);
  EXPECT_EQ(pool->counts().open, 1u);
}

TEST(Pool, AWrongPasswordIsNotAnOutage) {
  Options options = database().options();
  options.user = "nobody_of_this_name";
  Pool pool(options);
  try {
    pool.lease();
    FAIL() << "connected";
  } catch (const Unavailable&) {
    FAIL() << "a caller would try again for ever";
  } catch (const Error& e) {
    EXPECT_TRUE(e.code() == 1045 || e.code() == 1698) << e.code();
  }
  EXPECT_TRUE(pool.counts().reachable);
  EXPECT_EQ(pool.counts().open, 0u);
}

TEST(Pool, TlsIsDemandedWhenACaIsConfigured) {
  Options options = database().options();
  options.tls_ca = "/nonexistent/ca.pem";
  Pool pool(options);
  EXPECT_THROW(pool.lease(), Error);
}

}  // namespace
}  // namespace whitebrick::db
