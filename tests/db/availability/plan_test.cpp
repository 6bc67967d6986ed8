#include <map>

#include "tests/db/availability/availability_fixture.hpp"

namespace whitebrick::availability {
namespace {

// Rows read one after the other, and sorts, since the session began.
std::map<std::string, std::uint64_t> handler_counts(db::Session& db) {
  std::map<std::string, std::uint64_t> counts;
  db.query(
      "SELECT VARIABLE_NAME AS name, CAST(VARIABLE_VALUE AS UNSIGNED) AS value "
      "FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME IN "
      "('HANDLER_READ_RND_NEXT', 'HANDLER_READ_NEXT', 'HANDLER_READ_FIRST', 'SORT_ROWS', "
      "'CREATED_TMP_TABLES', 'HANDLER_READ_KEY')",
      [&](const db::Row& row) { return counts.emplace(row.text("name"), row.id("value")), true; });
  return counts;
}

class PlanTest : public AvailabilityFixture {
 protected:
  // 3,000 people with lists, modes and sessions: enough that a scan would show.
  void populate() {
    run([](db::Session& db) {
      db.execute(
          "INSERT INTO user (id, name, created_at) SELECT seq, CONCAT('u', seq), UTC_TIMESTAMP(6) FROM "
          "seq_1_to_3000");
      db.execute(
          "INSERT INTO profile (id, user_id, name, contact_number, policy, default_state) "
          "SELECT seq, seq, 'work', CONCAT('tel:+33', 100000000 + seq), 2, 1 FROM seq_1_to_3000");
      db.execute(
          "INSERT INTO contact_list (profile_id, kind, number, position) "
          "SELECT p.seq, 2, CONCAT('tel:+33', 100000001 + (p.seq * 7 + n.seq * 13) % 3000), n.seq "
          "FROM seq_1_to_3000 p JOIN seq_1_to_10 n");
      db.execute(
          "INSERT INTO mode (id, profile_id, name, state) SELECT seq, seq, 'busy', 2 FROM seq_1_to_3000");
      db.execute(
          "INSERT INTO mode_activation (profile_id, slot, mode_id, activated_at) "
          "SELECT seq, 0, seq, UTC_TIMESTAMP(6) FROM seq_1_to_3000 WHERE seq % 4 = 0");
      // A year of a rule for each; one day of them counts.
      db.execute(
          "INSERT INTO mode_interval (profile_id, week, mode_id, begin_at, end_at) "
          "SELECT p.seq, FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7) + w.seq, p.seq, "
          "UTC_TIMESTAMP(6) + INTERVAL w.seq WEEK, UTC_TIMESTAMP(6) + INTERVAL w.seq WEEK + INTERVAL 1 HOUR "
          "FROM seq_1_to_3000 p JOIN seq_0_to_19 w WHERE p.seq % 2 = 1");
      db.execute(
          "INSERT INTO access_session (public_id, terminal_session_id, user_id, profile_id, subscription_id, "
          "opened_at) SELECT UNHEX(MD5(seq)), seq, seq, seq, seq, UTC_TIMESTAMP(6) FROM seq_1_to_3000 "
          "WHERE seq % 2 = 0");
    });
    // These commit by themselves.
    testing::database().run(
        "ANALYZE TABLE user, profile, contact_list, mode, mode_activation, mode_interval, access_session");
  }

  // What `ask` makes the database do beyond what reading the counters does.
  template <class Ask>
  std::map<std::string, std::uint64_t> cost(Ask&& ask) {
    auto lease = pool().lease();
    db::Session& db = lease.session();
    handler_counts(db);
    const auto idle = handler_counts(db);
    const auto before = handler_counts(db);
    ask(db);
    auto after = handler_counts(db);
    for (auto& [name, value] : after) value -= before.at(name) + (before.at(name) - idle.at(name));
    return after;
  }
};

TEST_F(PlanTest, ViewsAreReadByKeysOnly) {
  populate();
  std::vector<std::string> numbers;
  for (int i = 0; i < 20; ++i) numbers.push_back("tel:+33" + std::to_string(100000001 + i * 149));
  std::vector<std::uint64_t> askers;
  for (unsigned i = 1; i <= 100; ++i) askers.push_back(i * 29);
  service(900001, "mail", "acme");

  const auto expect_keys_only = [](std::map<std::string, std::uint64_t> spent, std::uint64_t most_keys,
                                   std::uint64_t most_temporary = 0) {
    EXPECT_EQ(spent["HANDLER_READ_RND_NEXT"], 0u) << "a table was scanned";
    EXPECT_EQ(spent["HANDLER_READ_FIRST"], 0u) << "an index was scanned";
    EXPECT_LE(spent["HANDLER_READ_NEXT"], most_keys) << "intervals of other weeks were read";
    EXPECT_EQ(spent["SORT_ROWS"], 0u);
    EXPECT_LE(spent["CREATED_TMP_TABLES"], most_temporary);
    EXPECT_GT(spent["HANDLER_READ_KEY"], 0u);
    EXPECT_LE(spent["HANDLER_READ_KEY"], most_keys);
  };
  // At most one look-up for each number in each table of each part.
  expect_keys_only(cost([&](db::Session& db) { availability_.views(db, 7, 0, numbers); }), 20 * 12);
  expect_keys_only(cost([&](db::Session& db) { availability_.views(db, 0, 900001, numbers); }), 20 * 9);
  expect_keys_only(cost([&](db::Session& db) { availability_.views_by(db, numbers[0], askers); }), 100 * 5);
  // Of owners who are kept: stamps, put together in one row, and each one's lists and grants.
  using OneShot = Availability::OneShot;
  const auto reach = [&](std::uint64_t user, std::uint64_t service) {
    return cost([&](db::Session& db) { availability_.reach(db, user, service, numbers, OneShot::kLeave); });
  };
  reach(7, 0);
  expect_keys_only(reach(8, 0), 21 + 20 * 4, 1);
  expect_keys_only(reach(0, 900001), 21 + 20 * 2, 1);
}

}  // namespace
}  // namespace whitebrick::availability
