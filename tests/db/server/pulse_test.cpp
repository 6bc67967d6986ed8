#include "server/pulse.hpp"

#include <gtest/gtest.h>

#include "tests/support/database.hpp"

namespace whitebrick {
namespace {

using std::chrono::seconds;
using testing::database;

class PulseTest : public ::testing::Test {
 protected:
  PulseTest() { database().clean_tables(); }

  bool may_expire() { return leases_may_expire(database().pool().lease().session()); }
  std::int64_t credit_seconds() {
    return database()
        .pool()
        .lease()
        .session()
        .query_one(
            "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), MAX(no_expire_before)) AS value FROM db_pulse",
            [](const db::Row& row) { return row.number("value"); })
        .value();
  }
};

TEST_F(PulseTest, AFreshDatabaseHasNoOutageBehindIt) {
  EXPECT_TRUE(may_expire());
  beat(database().pool(), "one", seconds(90));
  EXPECT_TRUE(may_expire());
  beat(database().pool(), "one", seconds(90));
  beat(database().pool(), "two", seconds(90));
  EXPECT_TRUE(may_expire());
}

TEST_F(PulseTest, OneReplicaThatBeatsIsEnough) {
  beat(database().pool(), "one", seconds(90));
  database().run("UPDATE db_pulse SET beat_at = beat_at - INTERVAL 1 HOUR");
  database().run(
      "INSERT INTO db_pulse (replica, beat_at, no_expire_before) "
      "VALUES ('two', UTC_TIMESTAMP(6) - INTERVAL 9 SECOND, UTC_TIMESTAMP(6))");
  EXPECT_TRUE(may_expire());
  beat(database().pool(), "one", seconds(90));
  EXPECT_TRUE(may_expire());
}

TEST_F(PulseTest, SilenceOfAllStopsExpiryAndTheNextBeatGrantsCredit) {
  beat(database().pool(), "one", seconds(90));
  database().run("UPDATE db_pulse SET beat_at = beat_at - INTERVAL 11 SECOND");
  EXPECT_FALSE(may_expire());
  beat(database().pool(), "two", seconds(90));
  EXPECT_FALSE(may_expire());
  EXPECT_GE(credit_seconds(), 88);
  // The replica that comes second neither adds to the credit nor takes it away.
  beat(database().pool(), "one", seconds(500));
  beat(database().pool(), "two", seconds(500));
  EXPECT_FALSE(may_expire());
  EXPECT_LE(credit_seconds(), 90);
  database().run("UPDATE db_pulse SET no_expire_before = UTC_TIMESTAMP(6)");
  EXPECT_TRUE(may_expire());
}

}  // namespace
}  // namespace whitebrick
