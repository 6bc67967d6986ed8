#include <thread>

#include "tests/db/availability/availability_fixture.hpp"

namespace whitebrick::availability {
namespace {

using enum Connectability;

constexpr const char* kAlice = "tel:+33123456781";
constexpr const char* kBob = "tel:+33123456782";
constexpr const char* kNobody = "tel:+33123456700";

class AuthorisationTest : public AvailabilityFixture {
 protected:
  const ProfileKey alice_ = person("alice", kAlice, Policy::kAsk);
  const ProfileKey bob_ = person("bob", kBob, Policy::kAsk);
  const Caller as_bob_{.role = Role::kUser,
                       .account_id = 2,
                       .account = "bob",
                       .user_id = bob_.user_id,
                       .user = "bob",
                       .token_id = 0};

  void ask(const std::string& number, const std::optional<std::string>& message = {}) {
    run([&](db::Session& db) { availability_.request_authorisation(db, alice_, number, message); });
  }
  std::uint64_t asked_id() { return number("SELECT MAX(id) AS n FROM authorisation"); }
  void answer(bool grant, std::optional<Time> until = {}) {
    const auto id = asked_id();
    run([&](db::Session& db) {
      availability_.answer_authorisation(db, as_bob_, id, {grant, false, {}, until});
    });
  }
  std::uint64_t statements_of_asking(const std::string& number) {
    const auto before = pool().counts().statements;
    ask(number);
    return pool().counts().statements - before;
  }
};

TEST_F(AuthorisationTest, IsAskedGrantedAndSeen) {
  ask(kBob, "It's me & <you>");
  EXPECT_EQ(published("authorisation.asked"),
            std::vector<std::string>{
                "<AuthorisationAsked xmlns=\"urn:whitebrick:catalogue:1\"><authorisationId>" +
                std::to_string(asked_id()) + "</authorisationId><contact>" + kAlice +
                "</contact><message>It's me &amp; &lt;you&gt;</message></AuthorisationAsked>"});
  EXPECT_EQ(number("SELECT MAX(profile_id) AS n FROM event_target"), bob_.id);
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired) << "while pending";
  const auto changes = told("profile.changed");
  answer(true);
  EXPECT_EQ(sees(alice_.user_id, kBob), kNotConnectable);
  connect(bob_);
  EXPECT_EQ(sees(alice_.user_id, kBob), kConnectable);
  EXPECT_EQ(told("profile.changed"), changes + 1);
  EXPECT_EQ(published("authorisation.answered"),
            std::vector<std::string>{"<AuthorisationAnswered xmlns=\"urn:whitebrick:catalogue:1\"><contact>" +
                                     std::string(kBob) + "</contact></AuthorisationAnswered>"});
  answer(true);
  EXPECT_EQ(told("authorisation.answered"), 1u) << "nothing changed";
  profile(bob_.user_id, "work", {}, Policy::kClosed);
  EXPECT_EQ(sees(alice_.user_id, kBob), kConnectable) << "a grant beats the policy";
  lists(bob_, {.wanted = {}, .authorised = {}, .refused = {kAlice}});
  EXPECT_EQ(sees(alice_.user_id, kBob), kUnknown) << "the refused list beats a grant";
}

TEST_F(AuthorisationTest, IsAskedOnceWhilePendingAndNeverAgainAfterARefusal) {
  ask(kBob);
  ask(kBob);
  EXPECT_EQ(told("authorisation.asked"), 1u);
  answer(false);
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired) << "a refusal does not show";
  EXPECT_EQ(told("authorisation.answered"), 0u) << "a refusal is not told";
  ask(kBob);
  EXPECT_EQ(told("authorisation.asked"), 1u);
  EXPECT_EQ(number("SELECT state AS n FROM authorisation"), 3u);
  answer(true);
  EXPECT_EQ(sees(alice_.user_id, kBob), kNotConnectable) << "he changed his mind";
  answer(false);
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired);
}

TEST_F(AuthorisationTest, ManyAtOnceAskOnce) {
  std::vector<std::thread> askers;
  for (int i = 0; i < 6; ++i) askers.emplace_back([&] { ask(kBob); });
  for (auto& asker : askers) asker.join();
  EXPECT_EQ(told("authorisation.asked"), 1u);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM authorisation"), 1u);
}

// Nobody is told that somebody exists, hides or has refused, neither by an answer nor by its cost.
TEST_F(AuthorisationTest, CostsTheSameForNobodyForWhoHidesAndForWhoRefused) {
  const auto closed = person("carol", "+33123456783", Policy::kClosed);
  const auto hidden = person("dave", "+33123456784", Policy::kAsk);
  set_level(hidden, ModeState::kUnknown);
  const auto refusing = person("eve", "+33123456785", Policy::kAsk);
  lists(refusing, {.wanted = {}, .authorised = {}, .refused = {kAlice}});
  ask(kBob);
  answer(false);
  ask(kNobody);  // a first time on this connection
  const auto nobody = statements_of_asking(kNobody);
  EXPECT_EQ(statements_of_asking("tel:+33123456783"), nobody) << "closed";
  EXPECT_EQ(statements_of_asking("tel:+33123456784"), nobody) << "unknown by a level";
  EXPECT_EQ(statements_of_asking("tel:+33123456785"), nobody) << "on the refused list";
  EXPECT_EQ(statements_of_asking(kBob), nobody) << "has refused before";
  EXPECT_EQ(statements_of_asking(kAlice), nobody) << "himself";
  EXPECT_EQ(told("authorisation.asked"), 1u);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM authorisation"), 1u);
}

TEST_F(AuthorisationTest, OnlyTheAskedUserAnswers) {
  ask(kBob);
  const auto id = asked_id();
  const Caller as_alice{.role = Role::kUser,
                        .account_id = 1,
                        .account = "alice",
                        .user_id = alice_.user_id,
                        .user = "alice",
                        .token_id = 0};
  for (const auto& [caller, asked] : {std::pair(as_alice, id), std::pair(as_bob_, id + 1000)}) {
    expect_fault(FaultCode::NOT_FOUND, "authorisationId", [&](db::Session& db) {
      availability_.answer_authorisation(db, caller, asked, {.grant = true});
    });
  }
  expect_fault(FaultCode::INVALID_ARGUMENT, "until", [&](db::Session& db) {
    availability_.answer_authorisation(db, as_bob_, id,
                                       {true, false, {}, db.now() - std::chrono::seconds(1)});
  });
  EXPECT_EQ(number("SELECT state AS n FROM authorisation"), 1u);
}

TEST_F(AuthorisationTest, AProfileWithoutANumberCannotAsk) {
  const auto home = profile(alice_.user_id, "home", {});
  expect_fault(FaultCode::INVALID_ARGUMENT, "profileId",
               [&](db::Session& db) { availability_.request_authorisation(db, home, kBob, {}); });
}

TEST_F(AuthorisationTest, AGrantEndsByTheClockAndIsClearedAwayOnce) {
  ask(kBob);
  const Time until = now() + std::chrono::hours(1);
  answer(true, until);
  EXPECT_NE(published("authorisation.answered")[0].find("<until>20"), std::string::npos);
  EXPECT_EQ(sees(alice_.user_id, kBob), kNotConnectable);
  pass(std::chrono::hours(2));
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired) << "over, though not yet cleared away";
  const auto changes = told("profile.changed");
  availability_.expire(pool());
  availability_.expire(pool());
  EXPECT_EQ(told("profile.changed"), changes + 1);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM authorisation"), 0u);
}

TEST_F(AuthorisationTest, AfterItsEndItIsAskedAnew) {
  ask(kBob);
  answer(true, now() + std::chrono::hours(1));
  ask(kBob);
  EXPECT_EQ(told("authorisation.asked"), 1u) << "there is nothing to ask for";
  pass(std::chrono::hours(2));
  const auto changes = told("profile.changed");
  ask(kBob);
  EXPECT_EQ(told("authorisation.asked"), 2u);
  EXPECT_EQ(told("profile.changed"), changes + 1);
  EXPECT_EQ(number("SELECT state AS n FROM authorisation"), 1u);
}

}  // namespace
}  // namespace whitebrick::availability
