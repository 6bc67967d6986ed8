// Authorisations beforehand, for once, for a while, listed and taken back.
#include <thread>

#include "tests/db/availability/availability_fixture.hpp"

namespace whitebrick::availability {
namespace {

using enum Connectability;
using Status = AuthorisationStatus;

constexpr const char* kAlice = "tel:+33123456781";
constexpr const char* kBob = "tel:+33123456782";
constexpr const char* kNobody = "tel:+33123456700";

class AuthorisationsTest : public AvailabilityFixture {
 protected:
  const ProfileKey alice_ = person("alice", kAlice, Policy::kAsk);
  const ProfileKey bob_ = person("bob", kBob, Policy::kAsk);
  const Caller as_alice_ = caller(alice_), as_bob_ = caller(bob_);

  static Caller caller(const ProfileKey& key) {
    return {.role = Role::kUser,
            .account_id = key.user_id,
            .account = key.user,
            .user_id = key.user_id,
            .user = key.user,
            .token_id = 0};
  }
  void ask(const std::string& number) {
    run([&](db::Session& db) { availability_.request_authorisation(db, alice_, number, {}); });
  }
  std::uint64_t ahead(const std::string& number, const AuthorisationAnswer& answer) {
    return run(
        [&](db::Session& db) { return availability_.authorise_ahead(db, as_bob_, bob_, number, answer); });
  }
  // Alice has this answer.
  void ask_beforehand(const AuthorisationAnswer& answer) {
    ahead(kAlice, answer);
    ask(kBob);
  }
  void answer(std::uint64_t id, const AuthorisationAnswer& answer) {
    run([&](db::Session& db) { availability_.answer_authorisation(db, as_bob_, id, answer); });
  }
  void revoke(std::uint64_t id) {
    run([&](db::Session& db) { availability_.revoke_authorisation(db, as_bob_, id); });
  }
  Authorisations all(const ProfileKey& key) {
    return run([&](db::Session& db) { return availability_.list_authorisations(db, key.user_id); });
  }
  std::vector<std::pair<std::string, Status>> asked() {
    std::vector<std::pair<std::string, Status>> seen;
    for (const auto& one : all(alice_).asked) seen.emplace_back(one.contact, one.status);
    std::ranges::sort(seen);
    return seen;
  }
  using Asked = std::vector<std::pair<std::string, Status>>;
  Connectability uses(const std::string& number) {
    return run([&](db::Session& db) {
      auto views = availability_.views(db, alice_.user_id, 0, {number});
      availability_.use_grants(db, views);
      return connectability(views.front().facts);
    });
  }
  template <class Body>
  std::uint64_t statements(Body&& body) {
    const auto before = pool().counts().statements;
    body();
    return pool().counts().statements - before;
  }
};

TEST_F(AuthorisationsTest, ApprovedBeforehandHeIsAnsweredAtOnceWhenHeAsks) {
  const auto id = ahead(kAlice, {.grant = true});
  const auto given = all(bob_).given;
  ASSERT_EQ(given.size(), 1u);
  EXPECT_EQ(given[0].id, id);
  EXPECT_EQ(given[0].contact, kAlice);
  EXPECT_EQ(given[0].profile, "work");
  EXPECT_EQ(given[0].status, Status::kGranted);
  EXPECT_FALSE(given[0].asked_at.has_value());
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired) << "he has not asked";
  const auto changes = told("profile.changed");
  ask(kBob);
  EXPECT_EQ(sees(alice_.user_id, kBob), kNotConnectable);
  EXPECT_EQ(told("profile.changed"), changes + 1) << "who watches is told";
  EXPECT_EQ(told("authorisation.asked"), 0u) << "it was answered already";
  EXPECT_EQ(told("authorisation.answered"), 1u);
  EXPECT_EQ(number("SELECT MAX(t.profile_id) AS n FROM event_target t JOIN event e ON e.id = t.event_id "
                   "WHERE e.type = 'authorisation.answered'"),
            alice_.id);
  EXPECT_EQ(ahead(kAlice, {.grant = false}), id) << "the last answer counts";
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired);
}

TEST_F(AuthorisationsTest, BeforehandForNobodyCostsTheSameAndHoldsForWhoComes) {
  ahead("tel:+33123456799", {.grant = true});  // a first time on this connection
  const auto somebody = statements([&] { ahead(kAlice, {.grant = true}); });
  EXPECT_EQ(statements([&] { ahead(kNobody, {.grant = true}); }), somebody);
  const auto carol = person("carol", kNobody);
  EXPECT_EQ(sees(carol.user_id, kBob), kAuthorisationRequired);
  EXPECT_EQ(told("authorisation.answered"), 0u);
  run([&](db::Session& db) { availability_.request_authorisation(db, carol, kBob, {}); });
  EXPECT_EQ(sees(carol.user_id, kBob), kNotConnectable);
}

TEST_F(AuthorisationsTest, RefusedBeforehandNobodyIsToldOfTheQuestion) {
  ahead(kAlice, {.grant = false});
  ask(kBob);
  EXPECT_EQ(told("authorisation.asked"), 0u);
  EXPECT_EQ(told("authorisation.answered"), 0u);
  EXPECT_EQ(asked(), (Asked{{kBob, Status::kPending}}));
}

TEST_F(AuthorisationsTest, WhoIsClosedIsSeenByWhomHeApprovedBeforehand) {
  profile(bob_.user_id, "work", kBob, Policy::kClosed);
  ask(kNobody);  // a first time on this connection
  const auto nobody = statements([&] { ask(kNobody); });
  EXPECT_EQ(statements([&] { ask(kBob); }), nobody);
  ahead(kAlice, {.grant = false});
  EXPECT_EQ(statements([&] { ask(kBob); }), nobody) << "a refusal is not taken up";
  ahead(kAlice, {.grant = true, .until = now() + std::chrono::hours(1)});
  pass(std::chrono::hours(2));
  EXPECT_EQ(statements([&] { ask(kBob); }), nobody) << "it is over";
  ahead(kAlice, {.grant = true});
  set_level(bob_, ModeState::kUnknown);
  EXPECT_EQ(statements([&] { ask(kBob); }), nobody) << "he hides";
  set_level(bob_, ModeState::kNotAvailable);
  EXPECT_EQ(sees(alice_.user_id, kBob), kUnknown);
  ask(kBob);
  EXPECT_EQ(sees(alice_.user_id, kBob), kNotConnectable);
  EXPECT_EQ(told("authorisation.answered"), 1u);
  EXPECT_EQ(told("authorisation.asked"), 0u);
}

TEST_F(AuthorisationsTest, NobodyAuthorisesHimself) {
  profile(bob_.user_id, "home", "sip:bob@home.example.org");
  for (const auto& own : {std::string(kBob), std::string("sip:bob@home.example.org")}) {
    expect_fault(FaultCode::INVALID_ARGUMENT, "contact", [&](db::Session& db) {
      availability_.authorise_ahead(db, as_bob_, bob_, own, {.grant = true});
    });
  }
}

TEST_F(AuthorisationsTest, TheAskersListSaysNothingOfRefusalsNorOfWhoExists) {
  const auto closed = person("carol", "+33123456783", Policy::kClosed);
  ask(kBob);
  ask(kNobody);
  ask("tel:+33123456783");
  const Asked pending{
      {kNobody, Status::kPending}, {kBob, Status::kPending}, {"tel:+33123456783", Status::kPending}};
  EXPECT_EQ(asked(), pending);
  const auto id = all(bob_).given.at(0).id;
  answer(id, {.grant = false});
  EXPECT_EQ(asked(), pending);
  EXPECT_EQ(all(bob_).given.at(0).status, Status::kRefused) << "his own answer the owner sees";
  answer(id, {.grant = true});
  EXPECT_EQ(asked().at(1), std::pair(std::string(kBob), Status::kGranted));
}

TEST_F(AuthorisationsTest, AGrantIsListedOnlyToWhomItShowsSomething) {
  ask(kNobody);
  const Time until = now() + std::chrono::hours(1);
  ask_beforehand({.grant = true, .until = until});
  const Asked granted{{kNobody, Status::kPending}, {kBob, Status::kGranted}};
  const Asked pending{{kNobody, Status::kPending}, {kBob, Status::kPending}};
  EXPECT_EQ(asked(), granted);
  EXPECT_EQ(all(alice_).asked.at(0).until, until);
  lists(bob_, {.wanted = {}, .authorised = {}, .refused = {kAlice}});
  EXPECT_EQ(asked(), pending);
  for (const auto& one : all(alice_).asked) EXPECT_EQ(one.until, std::nullopt) << one.contact;
  lists(bob_, {});
  set_level(bob_, ModeState::kUnknown);
  EXPECT_EQ(asked(), pending) << "hidden by a level";
  set_level(bob_, ModeState::kNotAvailable);
  EXPECT_EQ(asked(), granted);
  profile(bob_.user_id, "work", kBob, Policy::kClosed);
  ahead(kAlice, {.grant = true, .one_shot = true});
  EXPECT_EQ(asked(), granted) << "it will show something";
}

TEST_F(AuthorisationsTest, RevokedItIsAskedAnewAndTheListsStay) {
  lists(bob_, {.wanted = {}, .authorised = {"+33123456785"}, .refused = {}});
  ask(kBob);
  const auto id = all(bob_).given.at(0).id;
  answer(id, {.grant = true});
  const auto changes = told("profile.changed");
  expect_fault(FaultCode::NOT_FOUND, "authorisationId",
               [&](db::Session& db) { availability_.revoke_authorisation(db, as_alice_, id); });
  revoke(id);
  EXPECT_EQ(told("profile.changed"), changes + 1);
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM contact_list"), 1u);
  EXPECT_TRUE(all(alice_).asked.empty());
  expect_fault(FaultCode::NOT_FOUND, "authorisationId",
               [&](db::Session& db) { availability_.revoke_authorisation(db, as_bob_, id); });
  ask(kBob);
  EXPECT_EQ(told("authorisation.asked"), 2u);
}

TEST_F(AuthorisationsTest, ARefusalThatIsForgottenDoesNotShowEither) {
  ask(kBob);
  const auto id = all(bob_).given.at(0).id;
  answer(id, {.grant = false});
  const auto changes = told("profile.changed");
  revoke(id);
  EXPECT_EQ(told("profile.changed"), changes);
  EXPECT_EQ(asked(), (Asked{{kBob, Status::kPending}}));
  ask(kBob);
  EXPECT_EQ(told("authorisation.asked"), 2u);
}

TEST_F(AuthorisationsTest, AWindowBeginsAndEndsByTheClock) {
  expect_fault(FaultCode::INVALID_ARGUMENT, "from", [&](db::Session& db) {
    const Time until = db.now() + std::chrono::hours(1);
    availability_.authorise_ahead(db, as_bob_, bob_, kAlice, {.grant = true, .from = until, .until = until});
  });
  ask_beforehand(
      {.grant = true, .from = now() + std::chrono::hours(1), .until = now() + std::chrono::hours(3)});
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired) << "not yet";
  run([](db::Session& db) { db.execute("UPDATE authorisation SET from_at = from_at - INTERVAL 2 HOUR"); });
  EXPECT_EQ(sees(alice_.user_id, kBob), kNotConnectable);
  pass(std::chrono::hours(4));
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired) << "no more";
}

TEST_F(AuthorisationsTest, ThatAGrantBeginsIsToldOnceByWhoeverComesFirst) {
  ask_beforehand({.grant = true, .from = now() + std::chrono::hours(1)});
  const auto changes = told("profile.changed");
  EXPECT_FALSE(availability_.expire(pool()));
  EXPECT_EQ(told("profile.changed"), changes) << "not yet";
  const auto begin = [&] {
    run([](db::Session& db) {
      db.execute("UPDATE authorisation SET from_at = from_at - INTERVAL 2 HOUR, untold_from_at = from_at");
    });
  };
  begin();
  std::vector<std::thread> replicas;
  for (int i = 0; i < 4; ++i) replicas.emplace_back([&] { availability_.expire(pool()); });
  for (auto& replica : replicas) replica.join();
  EXPECT_EQ(told("profile.changed"), changes + 1);
  EXPECT_EQ(sees(alice_.user_id, kBob), kNotConnectable);
  const auto id = all(bob_).given.at(0).id;
  answer(id, {.grant = true, .from = now() + std::chrono::hours(1)});
  answer(id, {.grant = false});
  begin();
  availability_.expire(pool());
  EXPECT_EQ(told("profile.changed"), changes + 3) << "by the two answers alone: a refusal begins nothing";
}

TEST_F(AuthorisationsTest, AGrantForOnceShowsNothingUntilUsedAndIsUsedOnce) {
  ask_beforehand({.grant = true, .one_shot = true});
  EXPECT_EQ(sees(alice_.user_id, kBob), kAuthorisationRequired) << "a look uses nothing";
  EXPECT_EQ(uses(kBob), kNotConnectable);
  EXPECT_EQ(uses(kBob), kAuthorisationRequired);
  EXPECT_EQ(all(bob_).given.at(0).status, Status::kUsed);
  ask(kBob);
  EXPECT_EQ(told("authorisation.asked"), 1u) << "used up, it is asked for anew";
}

TEST_F(AuthorisationsTest, AGrantForOnceIsNotUsedWhereItDecidesNothing) {
  ask_beforehand({.grant = true, .one_shot = true});
  lists(bob_, {.wanted = {}, .authorised = {}, .refused = {kAlice}});
  const auto hidden = statements([&] { EXPECT_EQ(uses(kBob), kUnknown); });
  EXPECT_EQ(statements([&] { EXPECT_EQ(uses(kNobody), kUnknown); }), hidden);
  lists(bob_, {.wanted = {}, .authorised = {kAlice}, .refused = {}});
  EXPECT_EQ(uses(kBob), kNotConnectable);
  lists(bob_, {});
  EXPECT_EQ(uses(kBob), kNotConnectable) << "it was left";
  EXPECT_EQ(uses(kBob), kAuthorisationRequired);
}

TEST_F(AuthorisationsTest, OfManyUsersOfAGrantForOnceOneHasIt) {
  ask_beforehand({.grant = true, .one_shot = true});
  std::atomic<int> seen{0};
  std::vector<std::thread> users;
  for (int i = 0; i < 6; ++i) {
    users.emplace_back([&] { seen += uses(kBob) == kNotConnectable ? 1 : 0; });
  }
  for (auto& user : users) user.join();
  EXPECT_EQ(seen, 1);
}

TEST_F(AuthorisationsTest, ANumberThatChangedHandsIsAskedForAnew) {
  ask(kBob);
  answer(all(bob_).given.at(0).id, {.grant = true});
  profile(alice_.user_id, "work", "+33123456771");
  const auto carol = person("carol", kAlice);
  EXPECT_EQ(sees(carol.user_id, kBob), kAuthorisationRequired);
  run([&](db::Session& db) { availability_.request_authorisation(db, carol, kBob, {}); });
  EXPECT_EQ(told("authorisation.asked"), 2u);
}

}  // namespace
}  // namespace whitebrick::availability
