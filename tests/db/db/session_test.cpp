#include "db/session.hpp"

#include <gtest/gtest.h>

#include "tests/support/database.hpp"

namespace whitebrick::db {
namespace {

using testing::database;

constexpr std::string_view kInsert =
    "INSERT INTO t_session(name, hash, token, content, at, amount, n) VALUES(?,?,?,?,?,?,?)";

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() : lease_(prepared().lease()), session_(lease_.session()) {}
  ~SessionTest() override { database().run("DROP TABLE t_session"); }

  static Pool& prepared() {
    database().run(
        "CREATE OR REPLACE TABLE t_session(id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, "
        "name VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL, hash BINARY(32) NULL, "
        "token VARBINARY(256) NULL, content MEDIUMBLOB NULL, at DATETIME(6) NULL, amount DOUBLE NULL, "
        "n BIGINT NULL, UNIQUE KEY ux_name(name)) ENGINE=InnoDB");
    return database().pool();
  }

  std::uint64_t insert_named(const std::string& name, std::optional<std::int64_t> n = {}) {
    return session_.insert(kInsert, name, nullptr, nullptr, nullptr, nullptr, nullptr, n);
  }

  Lease lease_;
  Session& session_;
};

std::string every_byte() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes;
}

TEST_F(SessionTest, BytesAreStoredReadAndComparedTrue) {
  const Bytes token{every_byte()};
  for (int shift = 0; shift < 256; shift += 32) {
    const Bytes hash{every_byte().substr(shift, 32)};
    const auto id = session_.insert(kInsert, nullptr, hash, token, token, nullptr, nullptr, nullptr);
    const auto found = session_.query_one(
        "SELECT hash, token, content FROM t_session WHERE id=? AND hash=? AND token=? AND content=?",
        [](const Row& row) {
          return std::vector{row.bytes("hash"), row.bytes("token"), row.bytes("content")};
        },
        id, hash, token, token);
    EXPECT_EQ(found, (std::vector{hash, token, token})) << "from byte " << shift;
  }
}

TEST_F(SessionTest, LargeContentIsStoredTrue) {
  std::string content;
  for (unsigned i = 0; i < 3'000'000; ++i) content += static_cast<char>(i * 7919 >> 5);
  const auto id =
      session_.insert(kInsert, nullptr, nullptr, nullptr, Bytes{content}, nullptr, nullptr, nullptr);
  const auto read = session_.query_one(
      "SELECT content FROM t_session WHERE id=?", [](const Row& row) { return row.bytes("content").value; },
      id);
  EXPECT_TRUE(read == content);
}

TEST_F(SessionTest, TextKeepsEmojiCaseAndAccents) {
  const std::vector<std::string> twins = {"a", "A", "á", "h\xf0\x9f\x98\x80", ""};
  for (const auto& name : twins) insert_named(name);
  for (const auto& name : twins) {
    EXPECT_EQ(
        session_.query(
            "SELECT name FROM t_session WHERE name=?", [](const Row& r) { return r.text("name"); }, name),
        std::vector{name});
  }
}

TEST_F(SessionTest, NumbersReachTheirLimits) {
  for (const std::int64_t n : {std::int64_t{0}, INT64_MIN, INT64_MAX}) {
    EXPECT_EQ(session_.query_one(
                  "SELECT CAST(? AS SIGNED) AS n", [](const Row& r) { return r.number("n"); }, n),
              n);
  }
  EXPECT_EQ(session_.query_one(
                "SELECT CAST(? AS UNSIGNED) AS n", [](const Row& r) { return r.id("n"); }, UINT64_MAX),
            UINT64_MAX);
  EXPECT_TRUE(session_
                  .query_one(
                      "SELECT ? AS f", [](const Row& r) { return r.flag("f"); }, true)
                  .value());
  EXPECT_FALSE(session_
                   .query_one(
                       "SELECT ? AS f", [](const Row& r) { return r.flag("f"); }, false)
                   .value());
}

TEST_F(SessionTest, SumsAreReadAsNumbers) {
  insert_named("one", 40);
  insert_named("two", 2);
  EXPECT_EQ(
      session_.query_one("SELECT SUM(n) AS n FROM t_session", [](const Row& r) { return r.number("n"); }),
      42);
}

TEST_F(SessionTest, NullIsReadOnlyWhereExpected) {
  insert_named("nothing");
  session_.query("SELECT name, hash, token, at, n FROM t_session", [](const Row& row) {
    EXPECT_EQ(row.bytes_or_null("hash"), std::nullopt);
    EXPECT_EQ(row.time_or_null("at"), std::nullopt);
    EXPECT_EQ(row.number_or_null("n"), std::nullopt);
    EXPECT_EQ(row.text_or_null("name"), "nothing");
    EXPECT_THROW(row.number("n"), Error);
    EXPECT_THROW(row.text("no_such_column"), Error);
    return 0;
  });
}

TEST_F(SessionTest, TimeKeepsItsMicroseconds) {
  const Time now = session_.now();
  for (const Time time :
       {now, std::chrono::floor<std::chrono::seconds>(now) + std::chrono::microseconds(1), Time{}}) {
    const auto id = session_.insert(kInsert, nullptr, nullptr, nullptr, nullptr, time, nullptr, nullptr);
    EXPECT_EQ(session_.query_one(
                  "SELECT at FROM t_session WHERE id=? AND at=?", [](const Row& r) { return r.time("at"); },
                  id, time),
              time);
  }
}

TEST_F(SessionTest, ChangedRowsAreCountedNotMatchedOnes) {
  insert_named("a", 1);
  EXPECT_EQ(session_.execute("UPDATE t_session SET n=? WHERE name=?", 2, "a"), 1u);
  EXPECT_EQ(session_.execute("UPDATE t_session SET n=? WHERE name=?", 2, "a"), 0u);
}

TEST_F(SessionTest, ReturningAnswersRows) {
  const auto ids = session_.query(
      "INSERT INTO t_session(name) VALUES (?),(?) RETURNING id", [](const Row& row) { return row.id("id"); },
      "a", "b");
  ASSERT_EQ(ids.size(), 2u);
  const auto names = session_.query(
      "DELETE FROM t_session WHERE id IN (" + placeholders(2) + ") RETURNING name",
      [](const Row& row) { return row.text("name"); }, ids[0], ids[1]);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b"}));
}

TEST_F(SessionTest, DuplicateKeyNamesTheKey) {
  const auto id = insert_named("twice");
  try {
    insert_named("twice");
    FAIL() << "stored twice";
  } catch (const DuplicateKey& e) {
    EXPECT_EQ(e.key(), "ux_name");
  }
  try {
    session_.execute("INSERT INTO t_session(id) VALUES(?)", id);
    FAIL() << "stored twice";
  } catch (const DuplicateKey& e) {
    EXPECT_EQ(e.key(), "PRIMARY");
  }
}

TEST_F(SessionTest, RefusedStatementIsAnErrorAndTheConnectionStays) {
  EXPECT_THROW(session_.execute("INSERT INTO t_no_such_table(id) VALUES(?)", 1), Error);
  EXPECT_THROW(session_.execute("INSERT INTO t_session(name) VALUES(?)", std::string(51, 'x')), Error);
  EXPECT_EQ(session_.query_one("SELECT 1 AS one", [](const Row& r) { return r.number("one"); }), 1);
}

TEST_F(SessionTest, MissingArgumentsAreNotTakenFromTheRunBefore) {
  session_.execute("UPDATE t_session SET n=? WHERE id=?", 1, 1);
  EXPECT_THROW(session_.execute("UPDATE t_session SET n=? WHERE id=?", 1), Error);
}

TEST_F(SessionTest, StatementsArePreparedOnceAndTheirNumberIsBounded) {
  const auto pool = database().fresh_pool(1);  // its counts start at 0
  auto lease = pool->lease();
  auto& session = lease.session();
  const auto count = [&](const std::string& what) {
    return session
        .query_one(
            "SELECT variable_value AS n FROM information_schema.session_status WHERE variable_name = ?",
            [](const Row& r) { return std::stoi(r.text("n")); }, what)
        .value();
  };
  const int before = count("COM_STMT_PREPARE");
  for (int i = 0; i < 50; ++i) session.execute("UPDATE t_session SET n=? WHERE id=?", i, i);
  EXPECT_EQ(count("COM_STMT_PREPARE"), before + 1);
  for (int i = 0; i < 500; ++i) {
    session.query("SELECT " + std::to_string(i) + " AS n", [](const Row& r) { return r.number("n"); });
  }
  EXPECT_GE(count("COM_STMT_PREPARE"), 500);
  EXPECT_LE(count("COM_STMT_PREPARE") - count("COM_STMT_CLOSE"), 200);
}

TEST_F(SessionTest, SettingsOfTheContractAreInForce) {
  const auto row = session_.query_one(
      "SELECT @@tx_isolation AS isolation, @@time_zone AS zone, @@innodb_snapshot_isolation AS snapshots, "
      "@@character_set_results AS charset, @@max_statement_time AS statement_time, @@autocommit AS "
      "autocommit",
      [](const Row& r) {
        return std::vector{r.text("isolation"),
                           r.text("zone"),
                           r.text("snapshots"),
                           r.text("charset"),
                           std::to_string(static_cast<int>(r.number("statement_time"))),
                           r.text("autocommit")};
      });
  EXPECT_EQ(row, (std::vector<std::string>{"READ-COMMITTED", "+00:00", "1", "utf8mb4", "5", "1"}));
}

TEST(Placeholders, AreLists) {
  EXPECT_EQ(placeholders(0), "");
  EXPECT_EQ(placeholders(3), "?,?,?");
  EXPECT_EQ(row_placeholders(2, 2), "(?,?),(?,?)");
}

}  // namespace
}  // namespace whitebrick::db
