#include <thread>

#include "tests/db/profiles/profiles_fixture.hpp"

namespace whitebrick::profiles {
namespace {

class PeopleTest : public ProfilesFixture {
 protected:
  Written put_user(const std::string& user, const std::optional<std::string>& display_name,
                   std::optional<std::uint64_t> if_version = {}) {
    return run([&](db::Session& db) {
      return profiles_.put_user(db, {.user = user, .display_name = display_name}, if_version);
    });
  }
};

TEST_F(PeopleTest, AUserIsCreatedAndThenReplaced) {
  const Written first = put_user("alice", "Alice");
  EXPECT_TRUE(first.created);
  EXPECT_EQ(first.version, 1u);
  const Written second = put_user("alice", "Alicia");
  EXPECT_FALSE(second.created);
  EXPECT_EQ(second.version, 2u);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM user WHERE name = 'alice' AND display_name = 'Alicia'"), 1u);
  put_user("alice", std::nullopt);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM user WHERE display_name IS NULL"), 1u);
}

TEST_F(PeopleTest, OnlyTheStoredVersionIsReplaced) {
  put_user("alice", "one");
  EXPECT_EQ(put_user("alice", "two", 1).version, 2u);
  expect_fault(FaultCode::STALE_VERSION, "ifVersion", [&](db::Session& db) {
    profiles_.put_user(db, {.user = "alice", .display_name = "three"}, 1);
  });
  expect_fault(FaultCode::STALE_VERSION, "ifVersion",
               [&](db::Session& db) { profiles_.put_user(db, {.user = "nobody", .display_name = {}}, 1); });
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM user WHERE display_name = 'two' AND version = 2"), 1u);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM user"), 1u);
}

// Many read the same version and write: one of them wins, and no write is lost without ifVersion.
TEST_F(PeopleTest, ConcurrentWritersLoseNoVersion) {
  put_user("alice", "start");
  std::atomic<int> won{0}, stale{0};
  std::vector<std::thread> writers;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&] {
      try {
        put_user("alice", "mine", 1);
        ++won;
      } catch (const Fault& fault) {
        if (fault.code() == FaultCode::STALE_VERSION) ++stale;
      }
      for (int n = 0; n < 5; ++n) put_user("alice", "theirs");
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_LE(won, 1);
  EXPECT_EQ(won + stale, 8);
  EXPECT_EQ(number("SELECT version AS n FROM user"), 1u + 40u + static_cast<unsigned>(won));
}

TEST_F(PeopleTest, OfManyWhoCreateTheSameUserOneDoes) {
  std::atomic<int> created{0};
  std::vector<std::thread> writers;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&] { created += put_user("bob", "Bob").created ? 1 : 0; });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(created, 1);
  EXPECT_EQ(number("SELECT version AS n FROM user"), 8u);
}

TEST_F(PeopleTest, ValuesAreChecked) {
  expect_fault(FaultCode::INVALID_ARGUMENT, "userId",
               [&](db::Session& db) { profiles_.put_user(db, {.user = "al ice", .display_name = {}}, {}); });
  expect_fault(FaultCode::LIMIT_EXCEEDED, "displayName", [&](db::Session& db) {
    profiles_.put_user(db, {.user = "alice", .display_name = std::string(257, 'x')}, {});
  });
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM user"), 0u);
}

TEST_F(PeopleTest, ATerminalHasItsFeaturesReplaced) {
  const auto alice = user("alice");
  const auto put = [&](std::vector<std::string> capabilities, std::vector<std::string> applications) {
    return run([&](db::Session& db) {
      return profiles_.put_terminal(db, alice,
                                    {.terminal = "phone",
                                     .kind = TerminalKind::kMobile,
                                     .display_name = "My phone",
                                     .capabilities = capabilities,
                                     .applications = applications},
                                    {});
    });
  };
  EXPECT_TRUE(put({"voice", "video", "voice"}, {"mail"}).created);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM terminal_feature WHERE kind = 1"), 2u);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM terminal_feature WHERE kind = 2 AND name = 'mail'"), 1u);
  const Written again = put({}, {"chat"});
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.version, 2u);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM terminal_feature"), 1u);
  run([&](db::Session& db) {
    EXPECT_TRUE(profiles_.find_terminal(db, alice, "phone").has_value());
    EXPECT_FALSE(profiles_.find_terminal(db, alice, "PHONE").has_value());
    EXPECT_FALSE(profiles_.find_terminal(db, alice + 1, "phone").has_value());
  });
  expect_fault(FaultCode::INVALID_ARGUMENT, "capability", [&](db::Session& db) {
    profiles_.put_terminal(db, alice,
                           {.terminal = "pad",
                            .kind = TerminalKind::kWeb,
                            .display_name = {},
                            .capabilities = {"a b"},
                            .applications = {}},
                           {});
  });
  expect_fault(FaultCode::STALE_VERSION, "ifVersion", [&](db::Session& db) {
    profiles_.put_terminal(db, alice,
                           {.terminal = "phone",
                            .kind = TerminalKind::kWeb,
                            .display_name = {},
                            .capabilities = {},
                            .applications = {}},
                           7);
  });
}

TEST_F(PeopleTest, TheSubjectIsTheCallersOwnUserOrOneThatAnAdministratorNames) {
  const auto alice = user("alice");
  const auto bob = user("bob");
  const Caller as_alice{
      .role = Role::kUser, .account_id = 1, .account = "a", .user_id = alice, .user = "alice", .token_id = 0};
  const Caller admin{
      .role = Role::kAdmin, .account_id = 2, .account = "root", .user_id = 0, .user = {}, .token_id = 0};
  run([&](db::Session& db) {
    EXPECT_EQ(profiles_.subject(db, as_alice, std::nullopt), alice);
    EXPECT_EQ(profiles_.subject(db, as_alice, "alice"), alice);
    EXPECT_EQ(profiles_.subject(db, admin, "bob"), bob);
  });
  // The same answer for a user that exists and for one that does not.
  for (const char* other : {"bob", "nobody"}) {
    expect_fault(FaultCode::FORBIDDEN, "userId",
                 [&](db::Session& db) { profiles_.subject(db, as_alice, other); });
  }
  expect_fault(FaultCode::NOT_FOUND, "userId",
               [&](db::Session& db) { profiles_.subject(db, admin, "nobody"); });
  expect_fault(FaultCode::INVALID_ARGUMENT, "userId",
               [&](db::Session& db) { profiles_.subject(db, admin, std::nullopt); });
  expect_fault(FaultCode::NOT_FOUND, "profileId",
               [&](db::Session& db) { profiles_.subject_profile(db, as_alice, std::nullopt, "work"); });
}

}  // namespace
}  // namespace whitebrick::profiles
