// Users and terminals as they are answered; what is deleted, and what is told of it.

#include "tests/db/profiles/profiles_fixture.hpp"

namespace whitebrick::profiles {
namespace {

class RemovalTest : public ProfilesFixture {};

TEST_F(RemovalTest, AUserIsAnsweredWithTheNamesOfWhatHeHas) {
  const auto key = person("alice", "+33100000001");
  run([&](db::Session& db) {
    profiles_.put_terminal(db, key.user_id,
                           {.terminal = "phone",
                            .kind = TerminalKind::kMobile,
                            .display_name = "Mine",
                            .capabilities = {"voice", "text"},
                            .applications = {"chat"}},
                           {});
    profiles_.put_terminal(db, key.user_id,
                           {.terminal = "desk",
                            .kind = TerminalKind::kFixed,
                            .display_name = {},
                            .capabilities = {},
                            .applications = {}},
                           {});
  });
  const User user = run([&](db::Session& db) { return profiles_.get_user(db, key.user_id); });
  EXPECT_EQ(user.data.user, "alice");
  EXPECT_EQ(user.version, 1U);
  EXPECT_EQ(user.profiles, std::vector<std::string>{"work"});
  EXPECT_EQ(user.terminals, (std::vector<std::string>{"desk", "phone"}));

  const auto terminals = run([&](db::Session& db) { return profiles_.list_terminals(db, key.user_id); });
  ASSERT_EQ(terminals.size(), 2U);
  EXPECT_EQ(terminals[1].data.terminal, "phone");
  EXPECT_EQ(terminals[1].data.kind, TerminalKind::kMobile);
  EXPECT_EQ(terminals[1].data.display_name, "Mine");
  EXPECT_EQ(terminals[1].data.capabilities, (std::vector<std::string>{"text", "voice"}));
  EXPECT_EQ(terminals[1].data.applications, std::vector<std::string>{"chat"});
  EXPECT_TRUE(terminals[0].data.capabilities.empty());
}

TEST_F(RemovalTest, ATerminalIsDeletedInTheVersionThatWasSeen) {
  const auto id = user("alice");
  run([&](db::Session& db) {
    profiles_.put_terminal(db, id,
                           {.terminal = "phone",
                            .kind = TerminalKind::kMobile,
                            .display_name = {},
                            .capabilities = {"voice"},
                            .applications = {}},
                           {});
  });
  expect_fault(FaultCode::STALE_VERSION, "ifVersion",
               [&](db::Session& db) { profiles_.delete_terminal(db, id, "phone", 2); });
  EXPECT_TRUE(run([&](db::Session& db) { return profiles_.delete_terminal(db, id, "phone", 1); }));
  EXPECT_FALSE(run([&](db::Session& db) { return profiles_.delete_terminal(db, id, "phone", {}); }));
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM terminal_feature"), 0U);
  EXPECT_EQ(published("profile.terminal_deleted").size(), 1U);
}

TEST_F(RemovalTest, AProfileGoesWithItsListsAndItsNumberIsFree) {
  const auto key = person("alice", "+33100000001");
  lists(key, {.wanted = {"+33100000002"}, .authorised = {}, .refused = {}});
  expect_fault(FaultCode::STALE_VERSION, "ifVersion",
               [&](db::Session& db) { profiles_.delete_profile(db, key.user_id, "work", 1); });
  EXPECT_TRUE(run([&](db::Session& db) { return profiles_.delete_profile(db, key.user_id, "work", 2); }));
  EXPECT_FALSE(run([&](db::Session& db) { return profiles_.delete_profile(db, key.user_id, "work", {}); }));
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM contact_list"), 0U);
  const auto told = published("profile.deleted");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(read_removal(told[0]).id, key.id);
  EXPECT_EQ(read_removal(told[0]).former_number, "tel:+33100000001");
  EXPECT_EQ(read_removal(told[0]).user_id, key.user_id);
  EXPECT_EQ(person("bob", "+33100000001").contact_number, "tel:+33100000001");
}

TEST_F(RemovalTest, AServiceIsNotUsedAnyMore) {
  service(7, "mail", "acme");
  const auto key = person("alice", "+33100000001");
  run([&](db::Session& db) {
    profiles_.subscribe_to_service(db, key, {"mail", "acme"}, {{"folder", "inbox"}});
  });
  const auto unsubscribe = [&] {
    return run([&](db::Session& db) {
      return profiles_.unsubscribe_from_service(db, key, {"mail", "acme"});
    });
  };
  EXPECT_TRUE(unsubscribe());
  EXPECT_FALSE(unsubscribe());
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM profile_service"), 0U);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM profile_service_parameter"), 0U);
  EXPECT_EQ(number("SELECT version AS n FROM profile"), 3U);
  const auto told = published("profile.service_removed");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(read_removal(told[0]).id, key.id);
  EXPECT_EQ(read_removal(told[0]).service_id, 7U);
  EXPECT_FALSE(run([&](db::Session& db) {
    return profiles_.unsubscribe_from_service(db, key, {"none", "acme"});
  }));
}

TEST_F(RemovalTest, OtherTextIsNoRemoval) {
  EXPECT_THROW(read_removal("<ProfileChanged/>"), std::runtime_error);
  EXPECT_THROW(read_removal("<a><removed>x</removed></a>"), std::runtime_error);
}

}  // namespace
}  // namespace whitebrick::profiles
