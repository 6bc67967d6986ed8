#include "db/migrate.hpp"

#include <gtest/gtest.h>

#include <future>

#include "tests/db/db/private_server.hpp"
#include "tests/support/database.hpp"

namespace whitebrick::db {
namespace {

using testing::database;

std::vector<int> all_numbers() {
  std::vector<int> numbers;
  for (const auto& step : migrations()) numbers.push_back(step.number);
  return numbers;
}

// A schema beside that of the other tests.
class MigrateTest : public ::testing::Test {
 protected:
  MigrateTest() : schema_(database().schema() + "_migrate"), options_(database().options(schema_)) {}
  ~MigrateTest() override { database().run("DROP DATABASE IF EXISTS `" + schema_ + "`"); }

  std::string contract_problem() {
    Pool pool(options_);
    try {
      check_contract(pool);
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  }

  const std::string schema_;
  const Options options_;
};

TEST_F(MigrateTest, AppliesEachStepOnce) {
  ASSERT_FALSE(migrations().empty());
  EXPECT_EQ(migrate(options_), all_numbers());
  EXPECT_EQ(migrate(options_), std::vector<int>{});
  EXPECT_EQ(contract_problem(), "");
}

TEST_F(MigrateTest, NumbersRiseFromOneWithoutGaps) {
  int expected = 0;
  for (const auto& step : migrations()) EXPECT_EQ(step.number, ++expected) << step.name;
}

TEST_F(MigrateTest, ReplicasThatStartAtOnceShareTheSteps) {
  std::vector<std::future<std::vector<int>>> starters;
  for (int i = 0; i < 4; ++i) {
    starters.push_back(std::async(std::launch::async, [&] { return migrate(options_); }));
  }
  std::vector<int> applied;
  for (auto& starter : starters) {
    for (const int number : starter.get()) applied.push_back(number);
  }
  std::sort(applied.begin(), applied.end());
  EXPECT_EQ(applied, all_numbers());
}

TEST_F(MigrateTest, EveryStepMayRunAgain) {
  migrate(options_);
  database().run("UPDATE `" + schema_ +
                 "`.schema_migration SET applied_at=NULL, lease_until=UTC_TIMESTAMP(6) - INTERVAL 1 SECOND");
  EXPECT_EQ(migrate(options_), all_numbers());
}

TEST_F(MigrateTest, AStepClaimedByALiveStarterIsWaitedFor) {
  migrate(options_);
  const std::string ledger = "`" + schema_ + "`.schema_migration";
  database().run("UPDATE " + ledger +
                 " SET applied_at=NULL, claimed_by='other', lease_until=UTC_TIMESTAMP(6) + INTERVAL 1 HOUR "
                 "WHERE number=1");
  auto waiting = std::async(std::launch::async, [&] { return migrate(options_); });
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout);
  database().run("UPDATE " + ledger + " SET applied_at=UTC_TIMESTAMP(6) WHERE number=1");
  EXPECT_EQ(waiting.get(), std::vector<int>{});
}

TEST_F(MigrateTest, AnOlderSchemaIsRefusedWithAdvice) {
  database().run("CREATE DATABASE `" + schema_ + "` CHARACTER SET utf8mb4");
  EXPECT_NE(contract_problem().find("whitebrick migrate"), std::string::npos);
  migrate(options_);
  database().run("DELETE FROM `" + schema_ +
                 "`.schema_migration WHERE number=" + std::to_string(migrations().back().number));
  EXPECT_NE(contract_problem().find("whitebrick migrate"), std::string::npos);
}

TEST_F(MigrateTest, ANewerSchemaIsAccepted) {
  migrate(options_);
  database().run("INSERT INTO `" + schema_ +
                 "`.schema_migration(number,name,claimed_by,lease_until,applied_at) "
                 "VALUES(9000,'later','x',UTC_TIMESTAMP(6),UTC_TIMESTAMP(6))");
  EXPECT_EQ(contract_problem(), "");
  EXPECT_EQ(migrate(options_), std::vector<int>{});
}

TEST_F(MigrateTest, ASchemaNameThatWouldBecomeSqlIsRefused) {
  Options hostile = options_;
  hostile.schema = "x`; DROP DATABASE y; --";
  EXPECT_THROW(migrate(hostile), Error);
}

TEST(Contract, RefusesAServerThatLosesDataOrBendsIt) {
  testing::PrivateServer server;
  migrate(server.options());
  const auto problem = [&] {
    Pool pool(server.options());
    try {
      check_contract(pool);
      return std::string();
    } catch (const Error& e) {
      return std::string(e.what());
    }
  };
  EXPECT_EQ(problem(), "");
  for (const std::string value : {"0", "2"}) {
    server.run("SET GLOBAL innodb_flush_log_at_trx_commit=" + value);
    EXPECT_NE(problem().find("innodb_flush_log_at_trx_commit=1"), std::string::npos);
  }
  server.run("SET GLOBAL innodb_flush_log_at_trx_commit=1");
  server.run("SET GLOBAL sql_mode='ONLY_FULL_GROUP_BY'");
  EXPECT_NE(problem().find("STRICT_TRANS_TABLES"), std::string::npos);
  server.run("SET GLOBAL sql_mode='STRICT_TRANS_TABLES,ONLY_FULL_GROUP_BY'");
  server.run("ALTER DATABASE whitebrick CHARACTER SET latin1");
  EXPECT_NE(problem().find("utf8mb4"), std::string::npos);
}

}  // namespace
}  // namespace whitebrick::db
