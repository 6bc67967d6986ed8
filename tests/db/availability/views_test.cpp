#include "tests/db/availability/availability_fixture.hpp"

namespace whitebrick::availability {
namespace {

using enum Connectability;

constexpr const char* kAlice = "tel:+33123456781";
constexpr const char* kBob = "tel:+33123456782";
constexpr const char* kBobAtHome = "sip:bob@home.example.org";
constexpr const char* kNobody = "tel:+33123456700";

class ViewsTest : public AvailabilityFixture {
 protected:
  const ProfileKey alice_ = person("alice", kAlice, Policy::kOpen);
  const ProfileKey bob_ = person("bob", kBob, Policy::kAsk);
};

TEST_F(ViewsTest, PolicyDecidesForWhoIsOnNoList) {
  connect(alice_);
  connect(bob_);
  EXPECT_EQ(sees(bob_.user_id, kAlice), kConnectable);
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired);
  profile(bob_.user_id, "work", {}, Policy::kClosed);
  EXPECT_EQ(sees(alice_.user_id, kBob), kUnknown);
  EXPECT_EQ(sees(alice_.user_id, kNobody), kUnknown);
  EXPECT_EQ(sees(bob_.user_id, kBob), kConnectable) << "himself";
}

TEST_F(ViewsTest, ConnectedIsAnAccessSessionOfThatProfile) {
  const ProfileKey home = profile(alice_.user_id, "home", "+33123456783", Policy::kOpen);
  EXPECT_EQ(sees(bob_.user_id, kAlice), kNotConnectable);
  connect(home);
  EXPECT_EQ(sees(bob_.user_id, kAlice), kNotConnectable) << "another profile is connected";
  EXPECT_EQ(sees(bob_.user_id, "tel:+33123456783"), kConnectable);
  connect(alice_, 1);
  connect(alice_, 2);
  EXPECT_EQ(sees(bob_.user_id, kAlice), kConnectable);
}

TEST_F(ViewsTest, ListsHoldAnyNumberOfTheAskersUserAndRefusedBeatsAuthorised) {
  connect(bob_);
  lists(bob_, {.wanted = {kAlice}, .authorised = {}, .refused = {}});
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired) << "wanted is not authorised";
  profile(alice_.user_id, "home", "sip:alice@home.example.org");
  lists(bob_, {.wanted = {}, .authorised = {"sip:alice@HOME.example.org"}, .refused = {}});
  EXPECT_EQ(sees(alice_.user_id, kBob), kConnectable);
  lists(bob_, {.wanted = {}, .authorised = {"sip:alice@home.example.org"}, .refused = {kAlice}});
  EXPECT_EQ(sees(alice_.user_id, kBob), kUnknown);
  const auto carol = user("carol");
  EXPECT_EQ(sees(carol, kBob), kAuthorisationRequired) << "somebody without a number is on no list";
}

TEST_F(ViewsTest, ModesCoverByWidthPriorityAndTime) {
  connect(alice_);
  put(alice_, mode("busy", ModeState::kNotAvailable));
  put(alice_, mode("for-bob", ModeState::kTransfer, {kBob, kNobody}));
  put(alice_, mode("others", ModeState::kUnknown, {kNobody}));
  activate(alice_, "others");
  EXPECT_EQ(sees(bob_.user_id, kAlice), kConnectable) << "a mode for others";
  activate(alice_, "busy");
  EXPECT_EQ(sees(bob_.user_id, kAlice), kNotConnectable);
  activate(alice_, "for-bob");
  EXPECT_EQ(sees(bob_.user_id, kAlice), kInTransfer);
  EXPECT_EQ(
      decide_call(views(bob_.user_id, {kAlice})[0].facts, Communication::kVoiceImmediate).transfer.number,
      "tel:+33199999999");
  const auto carol = person("carol", "+33123456784");
  EXPECT_EQ(sees(carol.user_id, kAlice), kNotConnectable);

  put(alice_, mode("also-bob", ModeState::kAvailable, {kBob, "+33123456701"}));
  activate(alice_, "also-bob");
  EXPECT_EQ(sees(bob_.user_id, kAlice), kConnectable) << "the latest";
  activate(alice_, "for-bob");
  EXPECT_EQ(sees(bob_.user_id, kAlice), kInTransfer) << "activated again, it is the latest";
  put(alice_, mode("also-bob", ModeState::kAvailable, {kBob, "+33123456701"}, 5));
  EXPECT_EQ(sees(bob_.user_id, kAlice), kConnectable) << "the higher priority";
}

TEST_F(ViewsTest, WhatIsOverIsNotSeenThoughNobodyHasClearedItAway) {
  connect(alice_);
  put(alice_, mode("busy", ModeState::kNotAvailable));
  activate(alice_, "busy", now() + std::chrono::hours(1));
  EXPECT_EQ(sees(bob_.user_id, kAlice), kNotConnectable);
  pass(std::chrono::hours(2));
  EXPECT_EQ(sees(bob_.user_id, kAlice), kConnectable);
}

TEST_F(ViewsTest, ALevelIsAModeForEverybody) {
  connect(alice_);
  set_level(alice_, ModeState::kNotAvailable);
  EXPECT_EQ(sees(bob_.user_id, kAlice), kNotConnectable);
  set_level(alice_, ModeState::kUnknown);
  EXPECT_EQ(sees(bob_.user_id, kAlice), kUnknown);
}

TEST_F(ViewsTest, AServiceInItsOwnNameKnowsWhomItServes) {
  service(41, "mail", "acme");
  service(42, "calls", "bell");
  connect(bob_);
  EXPECT_EQ(sees(0, kBob, 41), kAuthorisationRequired);
  run([&](db::Session& db) { profiles_.subscribe_to_service(db, bob_, {"mail", "acme"}, {}); });
  EXPECT_EQ(sees(0, kBob, 41), kConnectable);
  EXPECT_EQ(sees(0, kBob, 42), kAuthorisationRequired);
  profile(bob_.user_id, "work", {}, Policy::kClosed);
  EXPECT_EQ(sees(0, kBob, 41), kConnectable);
  EXPECT_EQ(sees(0, kBob, 42), kUnknown);
  EXPECT_EQ(sees(0, kBob), kUnknown) << "nobody in particular";
  put(bob_, mode("one", ModeState::kNotAvailable, {kAlice}));
  activate(bob_, "one");
  EXPECT_EQ(sees(0, kBob, 41), kConnectable) << "a mode for some people";
  put(bob_, mode("all", ModeState::kTransfer));
  activate(bob_, "all");
  EXPECT_EQ(sees(0, kBob, 41), kInTransfer);
}

TEST_F(ViewsTest, ComeInTheOrderAskedEachNumberAsOftenAsAsked) {
  const auto seen = views(alice_.user_id, {kNobody, kBob, kAlice, kBob});
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0].number, kNobody);
  EXPECT_FALSE(seen[0].owner.has_value());
  EXPECT_EQ(seen[1].owner.value().id, bob_.id);
  EXPECT_EQ(seen[1].owner.value().contact_number, kBob);
  EXPECT_TRUE(seen[2].facts.asks_himself);
  EXPECT_EQ(seen[3].owner.value().user_id, bob_.user_id);
  EXPECT_TRUE(views(alice_.user_id, {}).empty());
}

// An answer must not be told apart by what it cost.
TEST_F(ViewsTest, OneQueryForAnyoneAndForAThousand) {
  lists(bob_, {.wanted = {}, .authorised = {}, .refused = {kAlice}});
  std::vector<std::string> thousand;
  for (int i = 0; i < 999; ++i) thousand.push_back("tel:+33" + std::to_string(200000000 + i));
  thousand.push_back(kBob);
  auto lease = pool().lease();
  const auto statements = [&](const std::vector<std::string>& numbers, std::uint64_t asker) {
    const auto before = pool().counts().statements;
    EXPECT_EQ(availability_.views(lease.session(), asker, 41, numbers).size(), numbers.size());
    return pool().counts().statements - before;
  };
  EXPECT_EQ(statements({kNobody}, alice_.user_id), 1u);
  EXPECT_EQ(statements({kBob}, alice_.user_id), 1u);
  EXPECT_EQ(statements({kAlice}, alice_.user_id), 1u);
  EXPECT_EQ(statements({kAlice}, bob_.user_id), 1u);
  EXPECT_EQ(statements({kBob, kNobody}, 0), 1u);
  EXPECT_EQ(statements(thousand, alice_.user_id), 1u);
  EXPECT_EQ(availability_.views(lease.session(), alice_.user_id, 0, thousand).back().owner.value().id,
            bob_.id);
  thousand.push_back(kAlice);
  EXPECT_THROW(availability_.views(lease.session(), alice_.user_id, 0, thousand), Fault);
}

TEST_F(ViewsTest, ManyAskersSeeWhatEachWouldSeeAlone) {
  connect(alice_);
  const auto carol = person("carol", "+33123456784");
  const auto dave = person("dave", "+33123456785");
  const auto eve = user("eve");
  profile(dave.user_id, "home", "sip:dave@example.org");
  profile(alice_.user_id, "work", {}, Policy::kAsk);
  lists(alice_, {.wanted = {}, .authorised = {kBob, "sip:dave@example.org"}, .refused = {"+33123456784"}});
  put(alice_, mode("busy", ModeState::kNotAvailable));
  put(alice_, mode("for-dave", ModeState::kTransfer, {"+33123456785"}));
  activate(alice_, "busy");
  activate(alice_, "for-dave");
  const std::vector<std::uint64_t> askers{eve,          bob_.user_id,  alice_.user_id,
                                          dave.user_id, carol.user_id, 999999};
  auto lease = pool().lease();
  const auto before = pool().counts().statements;
  const auto by = availability_.views_by(lease.session(), kAlice, askers);
  EXPECT_EQ(pool().counts().statements - before, 1u);
  std::vector<Connectability> together, alone;
  for (const View& view : by) together.push_back(connectability(view.facts));
  for (const auto asker : askers) alone.push_back(sees(asker, kAlice));
  EXPECT_EQ(together, alone);
  EXPECT_EQ(together, (std::vector{kAuthorisationRequired, kNotConnectable, kNotConnectable, kInTransfer,
                                   kUnknown, kAuthorisationRequired}));
  for (const View& view : availability_.views_by(lease.session(), kNobody, askers)) {
    EXPECT_EQ(connectability(view.facts), kUnknown);
  }
}

}  // namespace
}  // namespace whitebrick::availability
