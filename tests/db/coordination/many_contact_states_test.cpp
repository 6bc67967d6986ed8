// M4 where there is more to tell or to forget than one transaction takes.

#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {
namespace {

class ManyContactStatesTest : public CoordinationFixture {
 protected:
  void SetUp() override {
    CoordinationFixture::SetUp();
    start_workers();
  }
};

TEST_F(ManyContactStatesTest, MoreWatchersThanOneTransactionTakesAreAllTold) {
  connect(kAlice);
  in([&](db::Session& db) {
    for (std::uint64_t i = 1; i <= 510; ++i) {
      const std::uint64_t id = 5000 + i;
      db.execute("INSERT INTO user (id, name, created_at) VALUES (?, ?, UTC_TIMESTAMP(6))", id,
                 "many" + std::to_string(i));
      db.execute(
          "INSERT INTO access_session (id, public_id, terminal_session_id, user_id, profile_id, "
          "subscription_id, opened_at) "
          "VALUES (?, UNHEX(MD5(?)), ?, ?, 41, (SELECT MIN(id) FROM subscription s), UTC_TIMESTAMP(6))",
          id, id, id, id);
      db.execute(
          "INSERT INTO contact_watch (access_session_id, number, told_state, version, checked, told_at) "
          "VALUES (?, ?, 2, 1, 1, UTC_TIMESTAMP(6))",
          id, kBobNumber);
    }
  });
  connect(kBob);
  settle();
  EXPECT_EQ(
      count("SELECT COUNT(*) AS n FROM contact_watch WHERE number = 'tel:+33100000022' AND told_state = 1"),
      511);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM contact_watch WHERE number = 'tel:+33100000022' AND version > 2 "
                  "AND access_session_id > 5000"),
            0)
      << "each once";
}

// Of a terminal with many profiles there are more than one transaction takes.
TEST_F(ManyContactStatesTest, WhatAnEndedSessionWasToldIsForgottenBitByBit) {
  connect(kAlice);
  connect(kBob);
  settle();
  in([](db::Session& db) {
    db.execute(
        "INSERT INTO contact_watch (access_session_id, number, told_state, version, checked, told_at) "
        "SELECT a.id, CONCAT('tel:+4410000', seq), 5, 1, 1, a.opened_at - INTERVAL 1 MINUTE "
        "FROM access_session a JOIN seq_1_to_1200 WHERE a.user_id = 21");
  });
  disconnect(kAlice);
  settle();
  const auto left = [&] {
    return count("SELECT COUNT(*) AS n FROM contact_watch WHERE number <> 'tel:+33100000021'");
  };
  EXPECT_GT(left(), 1000);
  age_what_was_told();
  const auto before = left();
  EXPECT_TRUE(here_.coordination.sweep(testing::database().pool()));
  EXPECT_EQ(before - left(), 500);
  sweep();
  EXPECT_EQ(left(), 0);
}

TEST_F(ManyContactStatesTest, WhatIsNotWantedAnyMoreIsForgottenBitByBit) {
  connect(kAlice);
  settle();
  in([](db::Session& db) {
    db.execute(
        "INSERT INTO contact_watch (access_session_id, number, told_state, version, checked, told_at) "
        "SELECT a.id, CONCAT('tel:+4410000', seq), 5, 1, 1, UTC_TIMESTAMP(6) FROM access_session a JOIN "
        "seq_1_to_1200");
  });
  want(kAlice, {kBobNumber});
  settle();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM contact_watch"), 1);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE type = 'session.refresh'"), 2)
      << "500 in each transaction";
}

TEST_F(ManyContactStatesTest, MoreSessionsThanOneTransactionComparesAreAllTold) {
  connect(kAlice);
  in([](db::Session& db) {
    db.execute(
        "INSERT INTO access_session (public_id, terminal_session_id, user_id, profile_id, subscription_id, "
        "opened_at) "
        "SELECT UNHEX(MD5(seq)), 5000 + seq, 21, 41, (SELECT MIN(id) FROM subscription s), UTC_TIMESTAMP(6) "
        "FROM seq_1_to_45");
  });
  want(kAlice, {kBobNumber});
  settle();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM contact_watch"), 46);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE type = 'session.refresh'"), 2);
}

}  // namespace
}  // namespace whitebrick::coordination
