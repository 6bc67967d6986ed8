#include "server/peers.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include "server/peer_datagram.hpp"
#include "server/peer_table.hpp"
#include "tests/support/database.hpp"
#include "tests/support/eventually.hpp"

namespace whitebrick {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::database;
using testing::eventually;

// Ready are the keys whose number has a row in `job`: any table does.
class RowsAreReady final : public Readiness {
 public:
  std::string kind() const override { return "row"; }
  std::vector<WaitKey> ready(db::Session& session, const std::vector<WaitKey>& keys) override {
    if (keys.size() > 1000) too_many = true;
    const std::vector<db::Value> names(keys.begin(), keys.end());
    return session.query_with(
        "SELECT name FROM job WHERE name IN (" + db::placeholders(keys.size()) + ")",
        [](const db::Row& row) { return row.text("name"); }, names);
  }
  std::atomic<bool> too_many = false;
};

class PeersTest : public ::testing::Test {
 protected:
  PeersTest() { database().clean_tables(); }

  struct Replica {
    explicit Replica(const std::string& name, bool send_datagrams = true)
        : pool(database().fresh_pool(2)), peers({name, "127.0.0.1", send_datagrams}, *pool, registry) {
      peers.add(rows);
      peers.start();
    }
    WaitRegistry registry;
    RowsAreReady rows;
    std::unique_ptr<db::Pool> pool;
    Peers peers;
  };

  static void put(const std::string& key) {
    database().pool().in_transaction([&](db::Session& session) {
      session.execute("INSERT INTO job (name, next_at) VALUES (?, UTC_TIMESTAMP(6))", key);
    });
  }
  static std::int64_t replicas() {
    return *database().pool().lease().session().query_one("SELECT COUNT(*) AS n FROM replica",
                                                          [](const db::Row& row) { return row.number("n"); });
  }
};

TEST_F(PeersTest, TwoReplicasFindEachOtherAndWakeEachOther) {
  Replica a("a");
  Replica b("b");
  ASSERT_TRUE(eventually([&] { return a.peers.counts().peers == 1 && b.peers.counts().peers == 1; }));
  std::atomic<int> here = 0;
  std::atomic<int> there = 0;
  std::atomic<int> other = 0;
  const auto w1 = a.registry.watch("mail:1", [&] { ++here; });
  const auto w2 = b.registry.watch("mail:1", [&] { ++there; });
  const auto w3 = b.registry.watch("mail:2", [&] { ++other; });
  std::vector<WaitKey> keys{"mail:1"};
  for (int i = 100; i < 500; ++i) keys.push_back("mail:" + std::to_string(i));
  a.peers.wake(keys);
  EXPECT_EQ(here, 1);
  EXPECT_TRUE(eventually([&] { return there == 1; }));
  EXPECT_TRUE(eventually([&] { return b.peers.counts().datagrams_received == 3; }));  // 401 keys
  EXPECT_EQ(a.peers.counts().datagrams_sent, 3U);
  EXPECT_EQ(other, 0);
  b.peers.wake({"mail:1"});
  EXPECT_TRUE(eventually([&] { return here == 2; }));
}

TEST_F(PeersTest, OnlyDatagramsUnderTheSecretWake) {
  Replica a("a");
  std::atomic<int> woken = 0;
  const auto watch = a.registry.watch("mail:1", [&] { ++woken; });
  boost::asio::io_context context;
  boost::asio::ip::udp::socket socket(context, {boost::asio::ip::address_v4::loopback(), 0});
  const auto found = living_peers(database().pool(), "nobody");
  ASSERT_EQ(found.size(), 1U);
  const boost::asio::ip::udp::endpoint to(boost::asio::ip::make_address(found[0].address), found[0].port);
  const std::uint64_t hash = a.registry.hash("mail:1");
  const std::vector<std::uint64_t> hashes{hash};
  const std::string good = write_datagram(cluster_secret(database().pool()), hashes);
  for (const std::string& bytes : {std::string(), std::string(2000, 'x'), good.substr(1),
                                   write_datagram(std::string(32, '\0'), hashes)}) {
    socket.send_to(boost::asio::buffer(bytes), to);
  }
  EXPECT_TRUE(eventually([&] { return a.peers.counts().datagrams_refused == 4; }));
  EXPECT_EQ(woken, 0);
  socket.send_to(boost::asio::buffer(good), to);
  EXPECT_TRUE(eventually([&] { return woken == 1; }));
}

TEST_F(PeersTest, AllReplicasShareOneSecretThatStays) {
  const std::string secret = cluster_secret(database().pool());
  EXPECT_EQ(secret.size(), 32U);
  EXPECT_NE(secret, std::string(32, '\0'));
  EXPECT_EQ(cluster_secret(database().pool()), secret);
  WaitRegistry plain;
  Replica a("a");
  Replica b("b");
  EXPECT_EQ(a.registry.hash("mail:1"), b.registry.hash("mail:1"));
  EXPECT_NE(a.registry.hash("mail:1"), plain.hash("mail:1"));
}

TEST_F(PeersTest, TheSweepWakesWhenEveryDatagramIsLost) {
  Replica a("a", false);
  Replica b("b", false);
  std::atomic<int> woken = 0;
  const auto watch = b.registry.watch("row:1", [&] { ++woken; });
  const auto idle = b.registry.watch("row:2", [&] { woken += 1000; });
  const auto start = std::chrono::steady_clock::now();
  put("row:1");
  a.peers.wake({"row:1"});
  EXPECT_TRUE(eventually([&] { return woken > 0; }));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(2));
  EXPECT_LT(woken, 1000);
  EXPECT_EQ(a.peers.counts().datagrams_sent, 0U);
}

TEST_F(PeersTest, TheSweepReachesEveryOneOfThousandsInFewQueries) {
  Replica a("a");
  std::atomic<int> woken = 0;
  std::vector<WaitRegistry::Watch> watches;
  for (int i = 0; i < 4000; ++i) watches.push_back(a.registry.watch("row:" + std::to_string(i), [] {}));
  for (const char* key : {"row:0", "row:1999", "row:3999"}) {
    put(key);
    watches.push_back(a.registry.watch(key, [&, done = false]() mutable {
      if (!std::exchange(done, true)) ++woken;
    }));
  }
  const auto start = std::chrono::steady_clock::now();
  const auto before = a.peers.counts().sweeps;
  EXPECT_TRUE(eventually([&] { return woken == 3; }));
  EXPECT_TRUE(eventually([&] { return a.peers.counts().sweeps >= before + 10; }));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_LE(static_cast<double>(a.peers.counts().sweeps - before), took.count() * 5 + 2);
  EXPECT_FALSE(a.rows.too_many);
}

TEST_F(PeersTest, AsksNothingWhenNobodyWaits) {
  Replica a("a");
  {
    const auto watch = a.registry.watch("nobody-knows:1", [] {});
  }
  const auto unknown = a.registry.watch("nobody-knows:2", [] {});
  // Two beats pass without a sweep.
  const auto seen = [&] {
    return database().pool().lease().session().query_one(
        "SELECT seen_at FROM replica WHERE name = 'a'",
        [](const db::Row& row) { return row.time("seen_at"); });
  };
  const auto first = *seen();
  EXPECT_TRUE(eventually([&] { return *seen() > first + milliseconds(2500); }));
  EXPECT_EQ(a.peers.counts().sweeps, 0U);
}

TEST_F(PeersTest, ForgetsReplicasThatDiedAndThoseThatLeft) {
  database().pool().in_transaction([](db::Session& session) {
    session.execute(
        "INSERT INTO replica (name, address, port, seen_at) VALUES "
        "('old', '127.0.0.1', 9, UTC_TIMESTAMP(6) - INTERVAL 11 SECOND), "
        "('dead', '127.0.0.1', 9, UTC_TIMESTAMP(6) - INTERVAL 61 SECOND)");
  });
  Replica a("a");
  EXPECT_EQ(a.peers.counts().peers, 0U);
  EXPECT_EQ(replicas(), 2);  // "dead" is gone, "old" may come back
  {
    Replica b("b");
    EXPECT_EQ(b.peers.counts().peers, 1U);
    EXPECT_EQ(replicas(), 3);
  }
  EXPECT_EQ(replicas(), 2);
  EXPECT_TRUE(eventually([&] { return a.peers.counts().peers == 0; }));
}

TEST_F(PeersTest, GoesOnWhenItsConnectionsAreCut) {
  Replica a("a");
  std::atomic<int> woken = 0;
  const auto watch = a.registry.watch("row:1", [&] { ++woken; });
  EXPECT_TRUE(eventually([&] { return a.peers.counts().sweeps > 1; }));
  auto lease = database().pool().lease();
  const auto killed = lease.session().query(
      "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()",
      [](const db::Row& row) { return row.id("id"); });
  ASSERT_FALSE(killed.empty());
  for (const std::uint64_t id : killed) lease.session().execute("KILL " + std::to_string(id));
  put("row:1");
  EXPECT_TRUE(eventually([&] { return woken > 0; }));
}

}  // namespace
}  // namespace whitebrick
