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

using Users = std::vector<std::uint64_t>;

TEST_F(TerminalLivenessTest, LoggingOutEndsWhatTheTokenConnected) {
  connect(kAlice);
  connect(kBob);
  end_void();
  EXPECT_EQ(connected_users(), (Users{kAlice, kBob}));
  EXPECT_TRUE(in([&](db::Session& db) { return here_.identity.logout(db, user(kAlice)); }));
  end_void();
  EXPECT_EQ(connected_users(), Users{kBob});
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM access_session"), 1);
}

TEST_F(TerminalLivenessTest, ATokenThatIsOverEndsWhatItConnected) {
  connect(kAlice);
  connect(kBob);
  testing::database().run(
      "UPDATE token SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 10 SECOND WHERE id = 200021");
  end_void();
  EXPECT_EQ(connected_users(), Users{kBob});
}

TEST_F(TerminalLivenessTest, ARenewedTokenKeepsItsTerminals) {
  connect(kAlice);
  in([&](db::Session& db) { return here_.identity.renew(db, user(kAlice)).token; });
  testing::database().run("DELETE FROM former_token");
  end_void();
  EXPECT_EQ(connected_users(), Users{kAlice});
}

TEST_F(TerminalLivenessTest, ATerminalConnectedWithAPasswordHasNoTokenToLose) {
  Caller by_password = user(kAlice);
  by_password.token_id = 0;
  in([&](db::Session& db) {
    here_.coordination.connect_terminal(db, by_password, std::nullopt, "phone", {}, std::nullopt);
  });
  end_void();
  EXPECT_EQ(connected_users(), Users{kAlice});
}

// account.changed may be heard of long after the change.
TEST_F(TerminalLivenessTest, WhoConnectedWithTheNewPasswordStays) {
  Caller by_password = user(kAlice);
  by_password.token_id = 0;
  const auto connect_laptop = [&] {
    in([&](db::Session& db) {
      here_.coordination.connect_terminal(db, by_password, std::nullopt, "laptop", {}, std::nullopt);
    });
  };
  connect(kAlice);
  start_workers();
  workers_->stop();
  in([&](db::Session& db) { here_.identity.set_password(db, "alice", "another long password"); });
  by_password.account_version = 2;
  connect_laptop();
  start_workers();
  settle();
  EXPECT_EQ(count("SELECT terminal_id AS n FROM terminal_session"), 20021);
}

// Verified with the old password, connected when its end had been told already.
TEST_F(TerminalLivenessTest, AConnectionUnderWayDoesNotOutliveItsPassword) {
  start_workers();
  in([&](db::Session& db) { here_.identity.set_password(db, "alice", "another long password"); });
  settle();
  Caller by_password = user(kAlice);
  by_password.token_id = 0;
  in([&](db::Session& db) {
    here_.coordination.connect_terminal(db, by_password, std::nullopt, "phone", {}, std::nullopt);
  });
  end_void();
  EXPECT_EQ(connected_users(), Users{});
}

class StubbornRowTest : public TerminalLivenessTest, public ::testing::WithParamInterface<const char*> {
 protected:
  // Alice's phone cannot be ended.
  void SetUp() override {
    TerminalLivenessTest::SetUp();
    testing::database().run(
        "CREATE TRIGGER stubborn BEFORE DELETE ON terminal_session FOR EACH ROW "
        "IF OLD.user_id = 21 THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = " +
        std::string(GetParam()) + ", MESSAGE_TEXT = 'not this one'; END IF");
  }
  void TearDown() override {
    testing::database().run("DROP TRIGGER stubborn");
    TerminalLivenessTest::TearDown();
  }
};

TEST_P(StubbornRowTest, DoesNotStopTheOthers) {
  connect(kAlice);
  connect(kBob);
  age_leases(1000);
  in([](db::Session& db) {
    db.execute("UPDATE terminal_session SET lease_until = lease_until - INTERVAL 1 HOUR WHERE user_id = 21");
  });
  expire();
  EXPECT_EQ(connected_users(), Users{kAlice});
  EXPECT_EQ(here_.coordination.expiry_failures(), 1U);
  expire();
  EXPECT_EQ(here_.coordination.expiry_failures(), 2U);
}

INSTANTIATE_TEST_SUITE_P(ByError, StubbornRowTest, ::testing::Values("1644", "1213"),
                         [](const auto& error) { return std::string("Error") + error.param; });

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
