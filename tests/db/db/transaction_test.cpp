#include <gtest/gtest.h>

#include <barrier>
#include <thread>

#include "db/pool.hpp"
#include "tests/support/database.hpp"

namespace whitebrick::db {
namespace {

using testing::database;

constexpr std::string_view kAdd = "UPDATE t_account SET amount = amount + ? WHERE id = ?";
constexpr std::string_view kAmount = "SELECT amount FROM t_account WHERE id = ?";

class TransactionTest : public ::testing::Test {
 protected:
  TransactionTest() {
    database().run(
        "CREATE OR REPLACE TABLE t_account(id INT NOT NULL PRIMARY KEY, amount BIGINT NOT NULL) "
        "ENGINE=InnoDB");
    database().run("INSERT INTO t_account(id, amount) VALUES (1, 0), (2, 0)");
  }
  ~TransactionTest() override { database().run("DROP TABLE t_account"); }

  std::int64_t amount(int id) {
    return pool_.lease()
        .session()
        .query_one(
            kAmount, [](const Row& r) { return r.number("amount"); }, id)
        .value();
  }
  std::uint64_t retries(int code) {
    for (const auto& [number, count] : pool_.counts().retries) {
      if (number == code) return count;
    }
    return 0;
  }

  Pool& pool_ = database().pool();
};

TEST_F(TransactionTest, CommitsAndAnswersTheResult) {
  const auto changed = pool_.in_transaction([](Session& s) { return s.execute(kAdd, 5, 1); });
  EXPECT_EQ(changed, 1u);
  EXPECT_EQ(amount(1), 5);
}

TEST_F(TransactionTest, AnExceptionRollsBackAndPassesThrough) {
  EXPECT_THROW(pool_.in_transaction([](Session& s) {
    s.execute(kAdd, 5, 1);
    throw std::logic_error("no");
  }),
               std::logic_error);
  EXPECT_EQ(amount(1), 0);
}

TEST_F(TransactionTest, ADuplicateKeyCaughtInsideLeavesTheRestToCommit) {
  pool_.in_transaction([](Session& s) {
    s.execute(kAdd, 7, 1);
    EXPECT_THROW(s.execute("INSERT INTO t_account(id, amount) VALUES(?,?)", 1, 0), DuplicateKey);
  });
  EXPECT_EQ(amount(1), 7);
}

TEST_F(TransactionTest, NestedTransactionsAreRefused) {
  auto lease = pool_.lease();
  EXPECT_THROW(lease.in_transaction([&](Session& s) {
    s.execute(kAdd, 1, 1);
    lease.in_transaction([](Session&) {});
  }),
               Error);
  EXPECT_EQ(amount(1), 0);
}

// Both lock one row, meet, and want the other's row: the server breaks one of them.
TEST_F(TransactionTest, TheLoserOfADeadlockRunsAgain) {
  std::barrier meet(2);
  std::atomic<int> runs{0};
  const auto before = retries(1213);
  const auto transfer = [&](int from, int to) {
    bool first = true;
    pool_.in_transaction([&](Session& s) {
      ++runs;
      s.execute(kAdd, -10, from);
      if (std::exchange(first, false)) meet.arrive_and_wait();
      s.execute(kAdd, 10, to);
    });
  };
  std::thread other([&] { transfer(2, 1); });
  transfer(1, 2);
  other.join();
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(retries(1213), before + 1);
  EXPECT_EQ(amount(1), 0);
  EXPECT_EQ(amount(2), 0);
}

TEST_F(TransactionTest, NothingRunsBehindALostTransactionEvenWhenTheConflictIsSwallowed) {
  std::barrier meet(2);
  const auto body = [&](int own, int wanted) {
    bool first = true;
    pool_.in_transaction([&](Session& s) {
      s.execute(kAdd, 1, own);
      if (std::exchange(first, false)) meet.arrive_and_wait();
      try {
        s.execute(kAdd, 1, wanted);
      } catch (const Conflict&) {
        EXPECT_THROW(s.execute(kAdd, 1000, own), Conflict);
      }
    });
  };
  std::thread other([&] { body(2, 1); });
  body(1, 2);
  other.join();
  EXPECT_EQ(amount(1), 2);
  EXPECT_EQ(amount(2), 2);
}

TEST_F(TransactionTest, TheDeadlineEndsTheRetries) {
  auto blocker = pool_.lease();
  auto waiting = pool_.lease();
  waiting.set_deadline(std::chrono::steady_clock::now());
  int runs = 0;
  blocker.in_transaction([&](Session& s) {
    s.execute(kAdd, 1, 1);
    EXPECT_THROW(waiting.in_transaction([&](Session& w) {
      ++runs;
      w.execute("SET innodb_lock_wait_timeout=0");
      w.execute(kAdd, 1, 1);
    }),
                 Conflict);
  });
  EXPECT_EQ(runs, 1);
  waiting.session().execute("SET innodb_lock_wait_timeout=3");
}

TEST_F(TransactionTest, RetriesAreBounded) {
  auto blocker = pool_.lease();
  auto waiting = pool_.lease();
  int runs = 0;
  blocker.in_transaction([&](Session& s) {
    s.execute(kAdd, 1, 1);
    EXPECT_THROW(waiting.in_transaction([&](Session& w) {
      ++runs;
      w.execute("SET innodb_lock_wait_timeout=0");
      w.execute(kAdd, 1, 1);
    }),
                 Conflict);
  });
  EXPECT_EQ(runs, 9);
  waiting.session().execute("SET innodb_lock_wait_timeout=3");
}

TEST_F(TransactionTest, ConcurrentIncrementsAreAllKept) {
  constexpr int kThreads = 8, kRounds = 100;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        pool_.in_transaction([](Session& s) {
          const auto seen = s.query_one(
              "SELECT amount FROM t_account WHERE id = ? FOR UPDATE",
              [](const Row& r) { return r.number("amount"); }, 1);
          s.execute("UPDATE t_account SET amount = ? WHERE id = ?", *seen + 1, 1);
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(amount(1), kThreads * kRounds);
}

TEST_F(TransactionTest, AConnectionKilledBeforeCommitIsReplacedAndTheBodyRunsAgain) {
  auto lease = pool_.lease();
  int runs = 0;
  lease.in_transaction([&](Session& s) {
    s.execute(kAdd, 1, 1);
    if (++runs == 1) {
      const auto me = s.query_one("SELECT CONNECTION_ID() AS id", [](const Row& r) { return r.id("id"); });
      database().run("KILL CONNECTION " + std::to_string(*me));
    }
    s.execute(kAdd, 1, 2);
  });
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(amount(1), 1);
  EXPECT_EQ(amount(2), 1);
}

TEST_F(TransactionTest, AfterCommitRunsOnceAndNeverAfterARollback) {
  std::vector<std::string> told;
  int runs = 0;
  pool_.in_transaction([&](Session& s) {
    s.execute(kAdd, 1, 1);
    s.after_commit([&] { told.push_back("stored " + std::to_string(amount(1))); });
    EXPECT_TRUE(told.empty());
    if (++runs == 1) throw Conflict(1213, "again");
  });
  EXPECT_EQ(told, std::vector<std::string>{"stored 1"});
  EXPECT_THROW(pool_.in_transaction([&](Session& s) {
    s.after_commit([&] { told.push_back("never"); });
    throw std::logic_error("no");
  }),
               std::logic_error);
  EXPECT_EQ(told.size(), 1u);
  pool_.lease().session().after_commit([&] { told.push_back("at once"); });
  EXPECT_EQ(told.back(), "at once");
}

TEST_F(TransactionTest, NowStandsStillWithinATransactionOnly) {
  auto lease = pool_.lease();
  lease.in_transaction([](Session& s) {
    const auto first = s.now();
    s.query("SELECT SLEEP(0.002) AS slept", [](const Row& r) { return r.number("slept"); });
    EXPECT_EQ(s.now(), first);
  });
  const auto first = lease.session().now();
  EXPECT_LT(first, lease.session().now() + std::chrono::microseconds(1));
  const auto server =
      lease.session().query_one("SELECT UTC_TIMESTAMP(6) AS now", [](const Row& r) { return r.time("now"); });
  EXPECT_LE(first, *server);
  EXPECT_LT(*server - first, std::chrono::seconds(10));
}

TEST_F(TransactionTest, ATransactionWithoutStatementsCostsNone) {
  auto lease = pool_.lease();
  const auto begun = [&] {
    return lease.session()
        .query_one(
            "SELECT variable_value AS n FROM information_schema.session_status WHERE "
            "variable_name='COM_BEGIN'",
            [](const Row& r) { return std::stoi(r.text("n")); })
        .value();
  };
  const int before = begun();
  lease.in_transaction([](Session&) {});
  EXPECT_EQ(begun(), before);
  lease.in_transaction([](Session& s) { s.execute(kAdd, 1, 1); });
  EXPECT_EQ(begun(), before + 1);
}

}  // namespace
}  // namespace whitebrick::db
