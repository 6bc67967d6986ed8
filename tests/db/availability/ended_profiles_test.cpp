#include "tests/db/availability/availability_fixture.hpp"

namespace whitebrick::availability {
namespace {

class EndedProfilesTest : public AvailabilityFixture {
 protected:
  const ProfileKey alice_ = person("alice", "tel:+33123456781");
  const ProfileKey bob_ = person("bob", "tel:+33123456782");

  void fill(const ProfileKey& key, int modes, int contacts) {
    run([&](db::Session& db) {
      db.execute(
          "INSERT INTO mode (profile_id, name, state, contacts) SELECT ?, CONCAT('m', seq), 2, 5 FROM "
          "seq_1_to_1000 WHERE seq <= ?",
          key.id, modes);
      db.execute(
          "INSERT INTO mode_contact (mode_id, number) SELECT m.id, CONCAT('tel:+33', 200000000 + seq) "
          "FROM mode m JOIN seq_1_to_1000 WHERE m.profile_id = ? AND seq <= ?",
          key.id, contacts);
      db.execute(
          "INSERT INTO authorisation (owner_profile_id, number, state) SELECT ?, CONCAT('tel:+33', seq), 2 "
          "FROM "
          "seq_1_to_500",
          key.id);
      db.execute(
          "INSERT INTO mode_interval (profile_id, week, mode_id, begin_at) SELECT ?, seq, seq, "
          "UTC_TIMESTAMP(6) "
          "FROM seq_1_to_100",
          key.id);
      db.execute(
          "INSERT INTO authorisation_request (asker_profile_id, number, asked_at) VALUES (?, 'x', now())",
          key.id);
    });
    put(key, mode("active", ModeState::kNotAvailable));
    activate(key, "active");
    run([&](db::Session& db) {
      Rule rule;
      rule.zone = "UTC";
      rule.start = parse_local("2099-03-22T09:00", "start");
      rule.duration = std::chrono::minutes(60);
      availability_.put_rules(db, key, "active", {rule}, {});
      availability_.filter(db, key);
    });
  }
  std::uint64_t left(const ProfileKey& key) {
    std::string sql = "SELECT 0";
    for (const char* table :
         {"mode", "mode_activation", "mode_rule", "mode_interval", "mode_calendar", "profile_filter"})
      sql += " + (SELECT COUNT(*) FROM " + std::string(table) + " WHERE profile_id = #)";
    sql +=
        " + (SELECT COUNT(*) FROM authorisation WHERE owner_profile_id = #)"
        " + (SELECT COUNT(*) FROM authorisation_request WHERE asker_profile_id = #)"
        " + (SELECT COUNT(*) FROM mode_contact) AS n";
    for (auto at = sql.find('#'); at != std::string::npos; at = sql.find('#'))
      sql.replace(at, 1, std::to_string(key.id));
    return number(sql);
  }
};

TEST_F(EndedProfilesTest, NothingIsLeftOfThemAndNoPieceIsLarge) {
  fill(alice_, 3, 900);
  put(bob_, mode("active", ModeState::kNotAvailable));
  activate(bob_, "active");
  EXPECT_FALSE(availability_.forget_ended(pool())) << "nothing is deleted";
  const auto before = left(alice_);
  ASSERT_GT(before, 3000U);
  run([&](db::Session& db) { profiles_.delete_profile(db, alice_.user_id, "work", {}); });
  auto rest = before;
  int pieces = 0;
  while (availability_.forget_ended(pool())) {
    EXPECT_EQ(rest - left(alice_), 1000U) << "of a piece";
    rest = left(alice_);
    ASSERT_LT(++pieces, 10);
  }
  EXPECT_EQ(pieces, 3);
  EXPECT_EQ(left(alice_), 0U);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM ended_profile"), 0U);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM mode_activation"), 1U) << "bob's";
}

TEST_F(EndedProfilesTest, OneThatIsRestoredKeepsAll) {
  fill(bob_, 2, 10);
  const auto before = left(bob_);
  run([&](db::Session& db) { db.execute("INSERT INTO ended_profile (profile_id) VALUES (?)", bob_.id); });
  EXPECT_FALSE(availability_.forget_ended(pool()));
  EXPECT_EQ(left(bob_), before);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM ended_profile"), 0U);
}

}  // namespace
}  // namespace whitebrick::availability
