// What is kept of what was reached is never another thing than reading everything again would give: after any
// write to any table that views are read from, by whatever means, on another replica, and as time passes.
#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "tests/db/availability/reach_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace whitebrick::availability {
namespace {

// All use cases in any order, each answered by two replicas as if nothing were kept.
class AnyOrder : public ReachTest, public ::testing::WithParamInterface<unsigned> {
 protected:
  template <class T>
  T any(const std::vector<T>& of) {
    return of.at(random_() % of.size());
  }
  bool coin() { return random_() % 2 == 0; }

  std::string step() {
    const ProfileKey key = any(std::vector{alice_, bob_, carol_});
    const std::string name = any(std::vector<std::string>{"one", "two", "three"});
    const std::string number = any(numbers_);
    switch (random_() % 12) {
      case 0:
        profile(key.user_id, "work", {}, any(std::vector{Policy::kOpen, Policy::kAsk, Policy::kClosed}),
                coin() ? profiles::DefaultState::kAvailable : profiles::DefaultState::kUnknown);
        return "policy";
      case 1:
        lists(key, {.wanted = {number},
                    .authorised = coin() ? std::vector{any(numbers_)} : std::vector<std::string>{},
                    .refused = coin() ? std::vector{any(numbers_)} : std::vector<std::string>{}});
        return "lists";
      case 2:
        put(key, mode(name,
                      any(std::vector{ModeState::kAvailable, ModeState::kNotAvailable, ModeState::kTransfer,
                                      ModeState::kUnknown}),
                      coin() ? std::vector{any(numbers_), number} : std::vector<std::string>{},
                      static_cast<int>(random_() % 5)));
        return "mode";
      case 3:
        if (!has_mode(key, name)) return "no mode to activate";
        activate(key, name, coin() ? std::optional(now() + std::chrono::hours(1)) : std::nullopt);
        return "activate";
      case 4:
        if (!has_mode(key, name)) return "no mode to deactivate";
        deactivate(key, name);
        return "deactivate";
      case 5:
        set_level(key, coin() ? ModeState::kNotAvailable : ModeState::kUnknown);
        return "level";
      case 6:
        if (!has_mode(key, name)) return "no mode to delete";
        run([&](db::Session& db) { availability_.delete_mode(db, key, name, {}); });
        return "delete mode";
      case 7:
        if (sessions_.insert(key.id).second)
          connect(key);
        else if (sessions_.erase(key.id) > 0)
          run([&](db::Session& db) {
            db.execute("DELETE FROM access_session WHERE profile_id = ?", key.id);
          });
        return "session";
      case 8:
        run([&](db::Session& db) {
          Caller caller;
          caller.user_id = key.user_id;
          availability_.authorise_ahead(db, caller, key, kNobody, {.grant = coin()});
          const auto asker = any(std::vector{alice_, bob_, carol_});
          if (asker.id != key.id)
            availability_.authorise_ahead(db, caller, key, *asker.contact_number,
                                          {.grant = coin(), .one_shot = coin()});
        });
        return "grant ahead";
      case 9:
        run([&](db::Session& db) { availability_.request_authorisation(db, key, number, {}); });
        return "request";
      case 10:
        run([&](db::Session& db) {
          if (coin())
            profiles_.subscribe_to_service(db, key, {"mail", "acme"}, {});
          else
            profiles_.unsubscribe_from_service(db, key, {"mail", "acme"});
        });
        return "service";
      default: {
        if (!has_mode(key, name)) return "no mode for rules";
        Rule rule;
        rule.zone = "UTC";
        rule.start = LocalTime(std::chrono::floor<std::chrono::seconds>(now().time_since_epoch())) -
                     std::chrono::hours(coin() ? 1 : -1);
        rule.duration = std::chrono::minutes(90);
        run([&](db::Session& db) {
          availability_.put_rules(db, key, name, coin() ? std::vector{rule} : std::vector<Rule>{}, {});
        });
        return "rules";
      }
    }
  }
  bool has_mode(const ProfileKey& key, const std::string& name) {
    return std::ranges::any_of(modes(key).modes, [&](const Mode& mode) { return mode.mode == name; });
  }

  std::minstd_rand random_{GetParam()};
  std::set<std::uint64_t> sessions_;
};

TEST_P(AnyOrder, GivesWhatReadingAgainWould) {
  profile(alice_.user_id, "home", kAliceAtHome, Policy::kOpen);
  for (int i = 0; i < 60; ++i) {
    std::string what;
    try {
      what = step();
    } catch (const Fault& fault) {
      what = fault.message();  // refused: nothing was written
    }
    expect_exact("step " + std::to_string(i) + ": " + what);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnyOrder, ::testing::Values(1U, 2U, 3U));

TEST_F(ReachTest, OthersSeeATransactionWhenItEndsItselfAtOnceAndNothingOfOneRolledBack) {
  connect(bob_);
  const auto outside = [&] { return sees_reached(availability_, alice_.user_id, kBob); };
  const auto set_busy = [&](db::Session& db) {
    availability_.activate(db, bob_,
                           {.mode = {}, .level = ModeState::kNotAvailable, .active = true, .until = {}});
    return availability_.reach(db, alice_.user_id, 0, {kBob}, OneShot::kLeave).front().state;
  };
  ASSERT_EQ(outside(), kConnectable);
  struct Undo {};
  const auto rolled_back = [&](db::Session& db) {
    EXPECT_EQ(set_busy(db), kNotConnectable);
    EXPECT_EQ(outside(), kConnectable);
    throw Undo();
  };
  EXPECT_THROW(run(rolled_back), Undo);
  EXPECT_EQ(outside(), kConnectable);
  run([&](db::Session& db) {
    EXPECT_EQ(set_busy(db), kNotConnectable);
    EXPECT_EQ(outside(), kConnectable);
  });
  EXPECT_EQ(outside(), kNotConnectable);
}

// Whoever changes something of a profile whose number is being changed must not stamp the former number.
TEST_F(ReachTest, ANumberThatChangesMeanwhileIsStampedToo) {
  ASSERT_EQ(sees_reached(availability_, alice_.user_id, kNobody), kUnknown);
  std::atomic<bool> connected{false}, end{false};
  std::thread other;
  run([&](db::Session& db) {
    db.execute("UPDATE profile SET contact_number = ? WHERE id = ?", kNobody, bob_.id);
    other = std::thread([&] {
      run([&](db::Session& theirs) {
        theirs.execute(fill_in(kSession));
        connected = true;
        testing::eventually([&] { return end.load(); });
      });
    });
    EXPECT_TRUE(testing::eventually([&] {
      return number(
                 "SELECT CAST(variable_value AS UNSIGNED) AS n FROM information_schema.global_status "
                 "WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'") > 0;
    }));
    EXPECT_FALSE(connected);
  });
  EXPECT_TRUE(testing::eventually([&] { return connected.load(); }));
  EXPECT_EQ(sees_reached(other_replica_, alice_.user_id, kNobody), kNotConnectable);
  end = true;
  other.join();
  EXPECT_EQ(sees_reached(other_replica_, alice_.user_id, kNobody), kConnectable);
}

TEST_F(ReachTest, TimeIsABound) {
  connect(bob_);
  set_level(bob_, ModeState::kNotAvailable, now() + std::chrono::milliseconds(400));
  execute(
      "INSERT INTO authorisation (owner_profile_id, number, asker_user_id, asker_profile_id, state, from_at, "
      "until_at) "
      "VALUES ({alice}, 'tel:+33123456782', {bob user}, {bob}, 2, UTC_TIMESTAMP(6) + INTERVAL 0.3 SECOND, "
      "UTC_TIMESTAMP(6) + INTERVAL 0.7 SECOND)");
  execute("INSERT INTO mode (id, profile_id, name, state) VALUES (700, {carol}, 'night', 3)");
  execute("UPDATE profile SET policy = 1 WHERE id = {carol}");
  execute(
      "INSERT INTO mode_interval (profile_id, week, mode_id, begin_at, end_at) SELECT {carol}, "
      "FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7), 700, UTC_TIMESTAMP(6) + INTERVAL 0.3 "
      "SECOND, "
      "UTC_TIMESTAMP(6) + INTERVAL 0.7 SECOND");
  const auto seen = [&](Availability& by) {
    return std::vector{sees_reached(by, alice_.user_id, kBob), sees_reached(by, bob_.user_id, kAlice),
                       sees_reached(by, alice_.user_id, kCarol)};
  };
  using States = std::vector<Connectability>;
  EXPECT_EQ(seen(availability_), (States{kNotConnectable, kAuthorisationRequired, kNotConnectable}));
  EXPECT_TRUE(testing::eventually([&] {
    return seen(availability_) == States{kNotConnectable, kNotConnectable, kInTransfer};
  })) << "what begins";
  EXPECT_TRUE(testing::eventually([&] {
    return seen(availability_) == States{kConnectable, kAuthorisationRequired, kNotConnectable};
  })) << "what ends";
  EXPECT_EQ(seen(availability_), seen(uncached_));
}

TEST_F(ReachTest, WhatIsKeptCostsOneQueryAndAChangeOneMore) {
  auto lease = pool().lease();
  const auto cost = [&](std::uint64_t user, const std::vector<std::string>& numbers) {
    const auto before = pool().counts().statements;
    availability_.reach(lease.session(), user, 0, numbers, OneShot::kLeave);
    return pool().counts().statements - before;
  };
  EXPECT_EQ(cost(alice_.user_id, numbers_), 1U);
  EXPECT_EQ(cost(alice_.user_id, numbers_), 1U);
  EXPECT_EQ(cost(alice_.user_id, {kBob, kBob, kNobody}), 1U);
  connect(bob_);
  EXPECT_EQ(cost(alice_.user_id, numbers_), 2U);
  EXPECT_EQ(cost(alice_.user_id, numbers_), 1U);
}

TEST_F(ReachTest, WhoAsksForTheFirstTimeNeedsOneQueryWhileOwnersAreKept) {
  auto lease = pool().lease();
  const auto cost = [&](std::uint64_t user, std::uint64_t service) {
    const auto before = pool().counts().statements;
    availability_.reach(lease.session(), user, service, numbers_, OneShot::kLeave);
    return pool().counts().statements - before;
  };
  EXPECT_EQ(cost(alice_.user_id, 0), 1U);
  EXPECT_EQ(cost(carol_.user_id, 0), 1U);
  EXPECT_EQ(cost(0, kMail), 1U);
  connect(bob_);
  EXPECT_EQ(cost(dave_, 0), 2U) << "and an owner who has changed";
  EXPECT_EQ(cost(999999, 0), 1U);
}

// Whom one cannot see must not be noticed by how long an answer takes.
TEST_F(ReachTest, WhatTheHiddenDoCostsWhatNobodyCosts) {
  lists(bob_, {.wanted = {}, .authorised = {}, .refused = {kAlice}});
  const std::vector<std::string> hidden{kBob, kCarol}, nobody{kNobody, "sip:x@example.org"};
  auto lease = pool().lease();
  const auto cost = [&](const std::vector<std::string>& numbers) {
    const auto before = pool().counts().statements;
    for (Availability* by : {&availability_, &keeps_owners_}) {
      for (const Reach& reach : by->reach(lease.session(), alice_.user_id, 0, numbers, OneShot::kLeave))
        EXPECT_EQ(reach.state, kUnknown);
    }
    return (pool().counts().statements - before) / 2.0;
  };
  const auto expect_same = [&](const char* what) {
    const auto of_hidden = cost(hidden);
    EXPECT_EQ(of_hidden, cost(nobody)) << what;
    EXPECT_EQ(of_hidden, 1) << what;
  };
  expect_same("first");
  expect_same("again");
  for (const ProfileKey& key : {bob_, carol_}) {
    connect(key);
    expect_same("connected");
    put(key, mode("busy", ModeState::kNotAvailable));
    activate(key, "busy");
    expect_same("a mode");
    set_level(key, ModeState::kUnknown);
    expect_same("a level");
    run([&](db::Session& db) { db.execute("DELETE FROM access_session"); });
    expect_same("gone");
  }
  // Who has to ask does not see by it when somebody comes and goes.
  EXPECT_EQ(sees_reached(availability_, bob_.user_id, kAlice), kAuthorisationRequired);
  connect(alice_);
  const auto before = pool().counts().statements;
  availability_.reach(lease.session(), bob_.user_id, 0, {kAlice}, OneShot::kLeave);
  EXPECT_EQ(pool().counts().statements - before, 1U);
  // Nor who may know, while a level hides all from him.
  lists(carol_, {.wanted = {}, .authorised = {kAlice}, .refused = {}});
  cost({kCarol});
  connect(carol_);
  EXPECT_EQ(cost({kCarol}), 1);
}

TEST_F(ReachTest, AGrantForOnceIsUsedOnce) {
  connect(alice_);
  execute(
      "INSERT INTO authorisation (owner_profile_id, number, asker_user_id, asker_profile_id, state, "
      "one_shot) "
      "VALUES ({alice}, 'tel:+33123456782', {bob user}, {bob}, 2, 1)");
  const auto ask = [&](OneShot one_shot) {
    auto lease = pool().lease();
    return availability_.reach(lease.session(), bob_.user_id, 0, {kAlice, kAlice}, one_shot);
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(OneShot::kLeave).back().state, kAuthorisationRequired);
  const auto used = ask(OneShot::kUse);
  EXPECT_EQ(used.front().state, kConnectable);
  EXPECT_EQ(used.back().state, kConnectable);
  for (const OneShot one_shot : {OneShot::kUse, OneShot::kLeave})
    EXPECT_EQ(ask(one_shot).front().state, kAuthorisationRequired);
}

TEST_F(ReachTest, WithoutStampsNothingIsKept) {
  auto lease = pool().lease();
  const auto cost = [&] {
    const auto before = pool().counts().statements;
    availability_.reach(lease.session(), alice_.user_id, 0, {kBob}, OneShot::kLeave);
    return pool().counts().statements - before;
  };
  cost();
  execute("DELETE FROM view_stamp");
  EXPECT_EQ(cost(), 2U) << "the stamps, and all the rest";
  connect(bob_);
  EXPECT_EQ(sees_reached(availability_, alice_.user_id, kBob), kConnectable);
  create_triggers();  // and the rows
  cost();
  EXPECT_EQ(cost(), 1U);
}

TEST_F(ReachTest, WithoutATriggerAReplicaThatStartsKeepsNothing) {
  const auto cost_again = [&] {
    Availability started(profiles_, events_);
    started.start(pool());
    auto lease = pool().lease();
    started.reach(lease.session(), alice_.user_id, 0, {kBob}, OneShot::kLeave);
    execute("UPDATE profile SET policy = 2 WHERE id = {bob}");
    const auto before = pool().counts().statements;
    const auto reached = started.reach(lease.session(), alice_.user_id, 0, {kBob}, OneShot::kLeave);
    EXPECT_EQ(reached.front().state, kAuthorisationRequired);
    started.reach(lease.session(), alice_.user_id, 0, {kBob}, OneShot::kLeave);
    execute("UPDATE profile SET policy = 1 WHERE id = {bob}");
    return pool().counts().statements - before;
  };
  EXPECT_EQ(cost_again(), 4U) << "stamps and all, stamps; and the last UPDATE";
  drop("profile_changed_for_views");
  EXPECT_EQ(cost_again(), 3U) << "all, all; and the last UPDATE";
}

TEST_F(ReachTest, ManyAskAndChangeAtOnce) {
  connect(bob_);
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      while (!over) ask_all(i % 2 == 0 ? availability_ : other_replica_);
    });
  }
  for (int i = 0; i < 20; ++i) {
    set_level(bob_, i % 2 == 0 ? ModeState::kNotAvailable : ModeState::kAvailable);
    // From here on nobody may be told what was before.
    const auto wanted = i % 2 == 0 ? kNotConnectable : kConnectable;
    EXPECT_EQ(sees_reached(availability_, alice_.user_id, kBob), wanted);
    EXPECT_EQ(sees_reached(other_replica_, carol_.user_id, kBob), wanted);
  }
  over = true;
  for (auto& thread : threads) thread.join();
  expect_exact("at the end");
}

}  // namespace
}  // namespace whitebrick::availability
