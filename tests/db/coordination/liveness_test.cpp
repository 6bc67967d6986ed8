// Leases: who is heard of stays, who is not ends exactly once, nobody after an outage.

#include <thread>

#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using Texts = std::vector<std::string>;
using std::chrono::milliseconds;

class TerminalLivenessTest : public CoordinationFixture {
 protected:
  void SetUp() override {
    CoordinationFixture::SetUp();
    let_use_mail(kAlice);
    let_mail_hear_of_sessions();
  }
  void age_leases(int seconds) {
    in([&](db::Session& db) {
      db.execute("UPDATE terminal_session SET lease_until = lease_until - INTERVAL ? SECOND", seconds);
    });
  }
  std::int64_t seconds_left() {
    return count(
        "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), lease_until) AS n FROM terminal_session LIMIT 1");
  }
  static std::optional<milliseconds> renew(ReplicaModules& replica, const Caller& caller) {
    auto lease = testing::database().pool().lease();
    return replica.coordination.renew(lease.session(), caller);
  }
  std::optional<milliseconds> renew(const Caller& caller) { return renew(here_, caller); }
};

TEST_F(TerminalLivenessTest, ALeaseIsWrittenOnlyWhenAThirdOfItIsUsedUp) {
  EXPECT_EQ(renew(user(kAlice)), std::nullopt) << "no terminal";
  connect(kAlice);
  const auto version = [&] { return count("SELECT version AS n FROM terminal_session"); };
  const auto before = version();
  const auto silence = renew(user(kAlice));
  ASSERT_TRUE(silence);
  EXPECT_GT(*silence, milliseconds(80000));
  EXPECT_EQ(version(), before);

  age_leases(31);
  ReplicaModules another;
  EXPECT_GT(renew(another, user(kAlice)).value(), milliseconds(89000));
  EXPECT_GT(version(), before);
  EXPECT_GE(seconds_left(), 89);
}

TEST_F(TerminalLivenessTest, OnlyCallsWithTheTokenItConnectedWithKeepATerminal) {
  connect(kAlice);
  age_leases(60);
  Caller other_token = user(kAlice);
  other_token.token_id = 7;
  EXPECT_EQ(renew(other_token), std::nullopt);
  EXPECT_EQ(renew(user(kBob)), std::nullopt);
  EXPECT_EQ(renew(service(kPortal)), std::nullopt);
  EXPECT_LE(seconds_left(), 30);
  EXPECT_TRUE(renew(user(kAlice)));
  EXPECT_GE(seconds_left(), 89);
}

TEST_F(TerminalLivenessTest, ADeadTerminalEndsOnceHoweverManyReplicasLook) {
  connect(kAlice);
  connect(kBob);
  age_leases(89);
  expire();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM terminal_session"), 2) << "not over yet";

  age_leases(5);
  std::vector<std::thread> replicas;
  for (int i = 0; i < 4; ++i) {
    replicas.emplace_back([] {
      ReplicaModules replica;
      const auto pool = testing::database().fresh_pool(2);
      while (replica.coordination.expire(*pool)) {
      }
    });
  }
  for (auto& replica : replicas) replica.join();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM terminal_session"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM access_session"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE type = 'session.ended'"), 2);
  EXPECT_TRUE(heard_by_mail().empty()) << "when users come and go is nobody's business";
}

TEST_F(TerminalLivenessTest, NothingEndsWhileTheCreditAfterAnOutageRuns) {
  connect(kAlice);
  age_leases(1000);
  in([](db::Session& db) {
    db.execute(
        "INSERT INTO db_pulse (replica, beat_at, no_expire_before) VALUES "
        "('a', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) - INTERVAL 1 DAY), ('b', UTC_TIMESTAMP(6), "
        "UTC_TIMESTAMP(6) + INTERVAL 90 SECOND)");
  });
  expire();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM terminal_session"), 1);
  in([](db::Session& db) {
    db.execute("UPDATE db_pulse SET no_expire_before = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND");
  });
  expire();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM terminal_session"), 0);
}

TEST_F(TerminalLivenessTest, ATerminalsQueueOutlivesItsSessions) {
  connect(kAlice);
  const auto queue = queue_of(kAlice);
  age_leases(1000);
  expire();
  connect(kAlice);
  EXPECT_EQ(queue_of(kAlice), queue);
}

TEST_F(TerminalLivenessTest, ChangingTheAccountEndsWhatWasConnectedBefore) {
  start_workers();
  connect(kAlice);
  connect(kBob);
  in([&](db::Session& db) { here_.identity.set_password(db, "alice", "another long password"); });
  settle();
  EXPECT_EQ(count("SELECT user_id AS n FROM terminal_session"), static_cast<std::int64_t>(kBob));
  EXPECT_GT(count("SELECT COUNT(*) AS n FROM event WHERE type = 'session.ended'"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE type = 'session.ended' "
                  "AND content NOT LIKE '%<cause>ACCOUNT_DISABLED</cause>%'"),
            0);
}

}  // namespace
}  // namespace whitebrick::coordination
