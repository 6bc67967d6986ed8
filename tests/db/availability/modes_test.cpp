#include <atomic>
#include <thread>

#include "tests/db/availability/availability_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace whitebrick::availability {
namespace {

class ModesTest : public AvailabilityFixture {
 protected:
  const ProfileKey alice_ = person("alice", "+33123456781", Policy::kOpen);

  std::vector<std::string> active() {
    std::vector<std::string> names;
    const Modes all = modes(alice_);
    for (const Mode& m : all.modes) {
      if (m.active) names.push_back(m.mode);
    }
    if (all.level) names.push_back("level " + std::to_string(static_cast<int>(*all.level)));
    return names;
  }
  using Names = std::vector<std::string>;
};

TEST_F(ModesTest, AModeIsStoredAndReplaced) {
  Mode given = mode("lunch", ModeState::kTransfer,
                    {"+33 1 23 45 67 00", "tel:+33123456700", "sip:bob@Example.org"}, 7);
  given.activity = "At lunch";
  const auto first = put(alice_, given);
  EXPECT_TRUE(first.created);
  EXPECT_EQ(first.version, 1u);
  Modes all = modes(alice_);
  ASSERT_EQ(all.modes.size(), 1u);
  const Mode stored = all.modes[0];
  EXPECT_EQ(stored.activity, "At lunch");
  EXPECT_EQ(stored.state, ModeState::kTransfer);
  EXPECT_EQ(stored.transfer.number, "tel:+33199999999");
  EXPECT_EQ(stored.contacts, (Names{"sip:bob@example.org", "tel:+33123456700"}));
  EXPECT_EQ(stored.priority, 7);
  EXPECT_FALSE(stored.active);

  EXPECT_EQ(put(alice_, mode("lunch", ModeState::kAvailable), 1).version, 2u);
  all = modes(alice_);
  EXPECT_TRUE(all.modes[0].contacts.empty());
  EXPECT_EQ(all.modes[0].transfer.number, std::nullopt);
  expect_fault(FaultCode::STALE_VERSION, "ifVersion", [&](db::Session& db) {
    availability_.put_mode(db, alice_, mode("lunch", ModeState::kAvailable), 1);
  });
  EXPECT_EQ(told("mode.changed"), 0u) << "an inactive mode changes nothing";
}

TEST_F(ModesTest, WhatMakesNoSenseIsRefused) {
  const auto refuse = [&](FaultCode code, const std::string& field, const Mode& m) {
    expect_fault(code, field, [&](db::Session& db) { availability_.put_mode(db, alice_, m, {}); });
  };
  Mode m = mode("m", ModeState::kTransfer);
  m.transfer.number = {};
  refuse(FaultCode::INVALID_ARGUMENT, "transferTo", m);
  m.transfer.number = "12";
  refuse(FaultCode::INVALID_ARGUMENT, "transferTo", m);
  m.transfer.number = "+33 1 23 45 67 81";
  refuse(FaultCode::INVALID_ARGUMENT, "transferTo", m);
  m.state = ModeState::kAvailable;
  refuse(FaultCode::INVALID_ARGUMENT, "transferTo", m);
  refuse(FaultCode::INVALID_ARGUMENT, "priority", mode("m", ModeState::kAvailable, {}, 101));
  refuse(FaultCode::INVALID_ARGUMENT, "contact", mode("m", ModeState::kAvailable, {"bob"}));
  refuse(FaultCode::LIMIT_EXCEEDED, "contact", mode("m", ModeState::kAvailable, Names(1001, "+33123456700")));
  refuse(FaultCode::INVALID_ARGUMENT, "modeId", mode("m m", ModeState::kAvailable));
  EXPECT_TRUE(modes(alice_).modes.empty());
}

TEST_F(ModesTest, OneGeneralModeOrLevelIsActiveBesideThoseForSome) {
  put(alice_, mode("a", ModeState::kAvailable));
  put(alice_, mode("b", ModeState::kNotAvailable));
  put(alice_, mode("x", ModeState::kUnknown, {"+33123456700"}));
  put(alice_, mode("y", ModeState::kUnknown, {"+33123456701"}));
  activate(alice_, "a");
  activate(alice_, "x");
  EXPECT_EQ(active(), (Names{"a", "x"}));
  activate(alice_, "b");
  activate(alice_, "y");
  EXPECT_EQ(active(), (Names{"b", "x", "y"}));
  set_level(alice_, ModeState::kNotAvailable);
  EXPECT_EQ(active(), (Names{"x", "y", "level 2"}));
  activate(alice_, "a");
  EXPECT_EQ(active(), (Names{"a", "x", "y"}));
  deactivate(alice_, "b");
  EXPECT_EQ(active(), (Names{"a", "x", "y"})) << "b was not the active one";
  deactivate(alice_, "a");
  deactivate(alice_, "x");
  EXPECT_EQ(active(), (Names{"y"}));
}

TEST_F(ModesTest, ManyAtOnceLeaveOneGeneralMode) {
  for (int i = 0; i < 6; ++i) put(alice_, mode("m" + std::to_string(i), ModeState::kAvailable));
  std::vector<std::thread> users;
  for (int i = 0; i < 6; ++i) {
    users.emplace_back([&, i] {
      activate(alice_, "m" + std::to_string(i));
      set_level(alice_, ModeState::kNotAvailable);
      activate(alice_, "m" + std::to_string(5 - i));
    });
  }
  for (auto& thread : users) thread.join();
  EXPECT_EQ(active().size(), 1u);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM mode_activation"), 1u);
}

TEST_F(ModesTest, OnlyChangesAreTold) {
  put(alice_, mode("a", ModeState::kAvailable));
  const Time since = activate(alice_, "a");
  EXPECT_EQ(told("mode.changed"), 1u);
  EXPECT_EQ(published("mode.changed")[0],
            "<ModeChanged xmlns=\"urn:whitebrick:catalogue:1\"><profile><userId>alice</userId>"
            "<profileId>work</profileId></profile></ModeChanged>");
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM event_target WHERE profile_id = " + std::to_string(alice_.id)),
            1u);
  EXPECT_EQ(activate(alice_, "a"), since) << "it has been active since then";
  deactivate(alice_, "a");
  EXPECT_EQ(told("mode.changed"), 2u);
  deactivate(alice_, "a");
  EXPECT_EQ(told("mode.changed"), 2u);
  const Time until = now() + std::chrono::hours(1);
  activate(alice_, "a", until);
  activate(alice_, "a", until);
  EXPECT_EQ(told("mode.changed"), 3u);
  activate(alice_, "a");
  EXPECT_EQ(told("mode.changed"), 4u) << "without an end now";
  set_level(alice_, ModeState::kAvailable);
  set_level(alice_, ModeState::kAvailable);
  EXPECT_EQ(told("mode.changed"), 5u);
  put(alice_, mode("a", ModeState::kUnknown));
  EXPECT_EQ(told("mode.changed"), 5u);
  activate(alice_, "a");
  put(alice_, mode("a", ModeState::kNotAvailable));
  EXPECT_EQ(told("mode.changed"), 7u) << "an active mode was rewritten";
}

TEST_F(ModesTest, AnActiveModeMovesWhenItBecomesGeneralOrNot) {
  put(alice_, mode("a", ModeState::kAvailable));
  put(alice_, mode("b", ModeState::kNotAvailable, {"+33123456700"}));
  activate(alice_, "a");
  activate(alice_, "b");
  put(alice_, mode("b", ModeState::kNotAvailable));
  EXPECT_EQ(active(), Names{"b"});
  put(alice_, mode("b", ModeState::kNotAvailable, {"+33123456701"}));
  EXPECT_EQ(active(), Names{"b"});
  activate(alice_, "a");
  EXPECT_EQ(active(), (Names{"a", "b"}));
}

TEST_F(ModesTest, AModeThatIsOverDoesNotMove) {
  put(alice_, mode("a", ModeState::kAvailable, {"+33123456700"}));
  activate(alice_, "a", now() + std::chrono::hours(1));
  pass(std::chrono::hours(2));
  set_level(alice_, ModeState::kNotAvailable);
  put(alice_, mode("a", ModeState::kAvailable));
  EXPECT_EQ(active(), Names{"level 2"});
}

TEST_F(ModesTest, AModeThatBecomesGeneralWhileItIsActivatedIsTheGeneralOne) {
  put(alice_, mode("a", ModeState::kAvailable, {"+33123456700"}));
  set_level(alice_, ModeState::kNotAvailable);
  std::thread other;
  std::atomic<bool> activated = false;
  run([&](db::Session& db) {
    availability_.put_mode(db, alice_, mode("a", ModeState::kAvailable), {});
    other = std::thread([&] {
      activate(alice_, "a");
      activated = true;
    });
    testing::eventually([&] { return activated.load(); }, std::chrono::milliseconds(500));
  });
  other.join();
  EXPECT_EQ(active(), Names{"a"}) << "the level has ended";
  deactivate(alice_, "a");
  EXPECT_TRUE(active().empty());
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM mode_activation"), 0u);
}

TEST_F(ModesTest, AnOrderMustMakeSense) {
  put(alice_, mode("a", ModeState::kAvailable));
  const auto refuse = [&](FaultCode code, const std::string& field, const Activation& activation) {
    expect_fault(code, field, [&](db::Session& db) { availability_.activate(db, alice_, activation); });
  };
  refuse(FaultCode::NOT_FOUND, "modeId", {.mode = "b", .level = {}, .active = true, .until = {}});
  refuse(FaultCode::INVALID_ARGUMENT, "modeId", {.mode = {}, .level = {}, .active = true, .until = {}});
  refuse(FaultCode::INVALID_ARGUMENT, "modeId",
         {.mode = "a", .level = ModeState::kAvailable, .active = true, .until = {}});
  refuse(FaultCode::INVALID_ARGUMENT, "level",
         {.mode = {}, .level = ModeState::kTransfer, .active = true, .until = {}});
  refuse(FaultCode::INVALID_ARGUMENT, "until",
         {.mode = "a", .level = {}, .active = true, .until = now() - std::chrono::seconds(1)});
  EXPECT_TRUE(active().empty());
  const ProfileKey bob = person("bob", "+33123456782");
  expect_fault(FaultCode::NOT_FOUND, "modeId", [&](db::Session& db) {
    availability_.activate(db, bob, {.mode = "a", .level = {}, .active = true, .until = {}});
  });
}

TEST_F(ModesTest, WhatIsOverIsToldOnceByWhoeverComesFirst) {
  put(alice_, mode("a", ModeState::kAvailable));
  put(alice_, mode("x", ModeState::kUnknown, {"+33123456700"}));
  const Time until = now() + std::chrono::hours(1);
  activate(alice_, "a", until);
  activate(alice_, "x", until);
  EXPECT_EQ(modes(alice_).modes[0].until, until);
  EXPECT_FALSE(availability_.expire(pool()));
  EXPECT_EQ(told("mode.changed"), 2u);
  pass(std::chrono::hours(2));
  EXPECT_TRUE(active().empty()) << "over, though not yet cleared away";
  std::vector<std::thread> replicas;
  for (int i = 0; i < 4; ++i) replicas.emplace_back([&] { availability_.expire(pool()); });
  for (auto& replica : replicas) replica.join();
  EXPECT_EQ(told("mode.changed"), 4u);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM mode_activation"), 0u);
}

TEST_F(ModesTest, ManyThatAreOverAreClearedInPieces) {
  const std::uint64_t dora = user("dora"), emil = user("emil"), fanny = user("fanny");
  for (int i = 0; i < 101; ++i) {
    const std::uint64_t owner = i % 3 == 0 ? dora : i % 3 == 1 ? emil : fanny;
    const ProfileKey key = profile(owner, "p" + std::to_string(i), {});
    set_level(key, ModeState::kUnknown, now() + std::chrono::hours(1));
  }
  pass(std::chrono::hours(2));
  EXPECT_TRUE(availability_.expire(pool())) << "there is more";
  EXPECT_FALSE(availability_.expire(pool()));
  EXPECT_EQ(told("mode.changed"), 202u);
}

TEST_F(ModesTest, AllModesTogetherHaveTenThousandContacts) {
  put(alice_, mode("a", ModeState::kAvailable, {"+33123456700", "+33123456701"}));
  run([&](db::Session& db) {
    db.execute(
        "INSERT INTO mode (profile_id, name, state, contacts) SELECT ?, CONCAT('m', seq), 1, 1000 FROM "
        "seq_1_to_9",
        alice_.id);
    db.execute("INSERT INTO mode (profile_id, name, state, contacts) VALUES (?, 'most', 1, 998)", alice_.id);
  });
  const auto put_one_more = [&](db::Session& db) {
    availability_.put_mode(db, alice_, mode("b", ModeState::kAvailable, {"+33123456700"}), {});
  };
  expect_fault(FaultCode::LIMIT_EXCEEDED, "contact", put_one_more);
  put(alice_, mode("b", ModeState::kAvailable));
  expect_fault(FaultCode::LIMIT_EXCEEDED, "contact", put_one_more);
  put(alice_, mode("a", ModeState::kAvailable, {"+33123456702"}));
  run(put_one_more);
}

TEST_F(ModesTest, ThirtyTwoAreActiveAtOnce) {
  for (int i = 0; i < 33; ++i)
    put(alice_, mode("m" + std::to_string(i), ModeState::kNotAvailable, {"+33123456701"}));
  for (int i = 0; i < 32; ++i) activate(alice_, "m" + std::to_string(i));
  const auto one_more = [&](db::Session& db) {
    availability_.activate(db, alice_, {.mode = "m32", .level = {}, .active = true, .until = {}});
  };
  expect_fault(FaultCode::LIMIT_EXCEEDED, "modeId", one_more);
  activate(alice_, "m0", now() + std::chrono::hours(1));
  deactivate(alice_, "m1");
  run(one_more);
  EXPECT_EQ(active().size(), 32U);
}

}  // namespace
}  // namespace whitebrick::availability
