#include <thread>

#include "tests/db/availability/availability_fixture.hpp"

namespace whitebrick::availability {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using Names = std::vector<std::string>;

class RulesTest : public AvailabilityFixture {
 protected:
  RulesTest() {
    put(alice_, mode("work", ModeState::kNotAvailable));
    put(alice_, mode("lunch", ModeState::kTransfer, {}, 5));
    put(alice_, mode("boss", ModeState::kUnknown, {"+33123456782"}));
  }

  // From now on this much, in UTC.
  Rule in(std::chrono::minutes begin, std::chrono::minutes length) {
    Rule rule;
    rule.zone = "UTC";
    rule.start = LocalTime(std::chrono::floor<std::chrono::seconds>((now() + begin).time_since_epoch()));
    rule.duration = length;
    return rule;
  }
  profiles::Written put_rules(const std::optional<std::string>& mode, const std::vector<Rule>& rules,
                              std::optional<std::uint64_t> if_version = {}) {
    return run([&](db::Session& db) { return availability_.put_rules(db, alice_, mode, rules, if_version); });
  }
  int resume() {
    return run([&](db::Session& db) { return availability_.resume_rules(db, alice_); });
  }
  std::vector<PlannedMode> preview(Time from, Time to) {
    return run([&](db::Session& db) { return availability_.preview_calendar(db, alice_, from, to); });
  }
  Names active() {
    Names names;
    for (const Mode& m : modes(alice_).modes) {
      if (m.active) names.push_back(m.mode + (m.by_rules ? " by rules" : ""));
    }
    return names;
  }
  // What bob sees, and what somebody does who is on no mode's list.
  ModeState seen(std::uint64_t asker) {
    return availability(views(asker, {"tel:+33123456781"}).front().facts).state;
  }

  // Time passes for what rules have come to.
  void elapse(std::chrono::seconds time) {
    run([&](db::Session& db) {
      const auto by = time.count();
      db.execute(
          "UPDATE mode_interval SET begin_at = begin_at - INTERVAL ? SECOND, end_at = end_at - INTERVAL ? "
          "SECOND",
          by, by);
      db.execute("UPDATE mode_calendar SET next_change_at = next_change_at - INTERVAL ? SECOND", by);
    });
  }
  bool follow() { return availability_.follow_rules(pool()); }

  const ProfileKey alice_ = person("alice", "+33123456781", Policy::kOpen);
  const ProfileKey bob_ = person("bob", "+33123456782", Policy::kOpen);
  const ProfileKey carol_ = person("carol", "+33123456783", Policy::kOpen);
};

TEST_F(RulesTest, AModeIsActiveInItsPeriods) {
  EXPECT_EQ(seen(carol_.user_id), ModeState::kAvailable);
  const auto written = put_rules("work", {in(minutes(-60), minutes(120))});
  EXPECT_EQ(written.version, 1u);
  EXPECT_TRUE(written.created);
  EXPECT_EQ(active(), Names{"work by rules"});
  EXPECT_EQ(seen(carol_.user_id), ModeState::kNotAvailable);
  EXPECT_EQ(told("mode.changed"), 1u);
  const Modes stored = modes(alice_);
  EXPECT_EQ(stored.rules_version, 1u);
  ASSERT_EQ(stored.modes[2].rules.size(), 1u);
  EXPECT_EQ(stored.modes[2].until, stored.next_change);
  put_rules("work", {});
  EXPECT_TRUE(active().empty());
  EXPECT_EQ(told("mode.changed"), 2u);
  put_rules("work", {in(minutes(60), minutes(120))});
  EXPECT_TRUE(active().empty());
  EXPECT_EQ(told("mode.changed"), 2u) << "nothing is different yet";
}

TEST_F(RulesTest, RulesAreStoredAsGivenAndReplacedByPlace) {
  Rule weekly = in(hours(24), minutes(60));
  weekly.zone = "Europe/Paris";
  weekly.recurrence = "FREQ=WEEKLY;COUNT=3";
  weekly.except = {weekly.start + hours(24 * 7)};
  weekly.extra = {weekly.start + hours(30), weekly.start + hours(60)};
  put_rules("work", {weekly});
  Rule off = in(hours(30), minutes(60));
  off.mode = "work";
  off.action = RuleAction::kDeactivate;
  put_rules({}, {off});
  const Modes stored = modes(alice_);
  ASSERT_EQ(stored.modes[2].rules.size(), 1u);
  const Rule& read = stored.modes[2].rules[0];
  EXPECT_EQ(read.zone, weekly.zone);
  EXPECT_EQ(read.start, weekly.start);
  EXPECT_EQ(read.duration, weekly.duration);
  EXPECT_EQ(read.recurrence, weekly.recurrence);
  EXPECT_EQ(read.except, weekly.except);
  EXPECT_EQ(read.extra, weekly.extra);
  EXPECT_EQ(read.last, weekly.start + hours(24 * 14));
  ASSERT_EQ(stored.rules.size(), 1u);
  EXPECT_EQ(stored.rules[0].action, RuleAction::kDeactivate);
  EXPECT_EQ(stored.rules_version, 2u);
  expect_fault(FaultCode::STALE_VERSION, "ifVersion",
               [&](db::Session& db) { availability_.put_rules(db, alice_, "work", {}, 1); });
  expect_fault(FaultCode::NOT_FOUND, "modeId",
               [&](db::Session& db) { availability_.put_rules(db, alice_, "none", {}, {}); });
  expect_fault(FaultCode::NOT_FOUND, "modeId", [&](db::Session& db) {
    off.mode = "none";
    availability_.put_rules(db, alice_, {}, {off}, {});
  });
  expect_fault(FaultCode::LIMIT_EXCEEDED, "recurrence", [&](db::Session& db) {
    Rule daily = in(hours(1), minutes(1));
    daily.recurrence = "FREQ=DAILY";
    availability_.put_rules(db, alice_, "lunch", std::vector<Rule>(kMaxRecurring, daily), {});
  });
}

TEST_F(RulesTest, AnOrderHoldsAgainstRulesOfTheSameWidth) {
  put_rules("work", {in(minutes(-60), minutes(120))});
  put_rules("lunch", {in(minutes(-10), minutes(60))});
  put_rules("boss", {in(minutes(-10), minutes(60))});
  EXPECT_EQ(active(), (Names{"boss by rules", "lunch by rules", "work by rules"}));
  EXPECT_EQ(seen(carol_.user_id), ModeState::kTransfer) << "of the higher priority";
  EXPECT_EQ(seen(bob_.user_id), ModeState::kUnknown) << "narrower";
  set_level(alice_, ModeState::kAvailable, now() + hours(1));
  EXPECT_EQ(seen(carol_.user_id), ModeState::kAvailable);
  EXPECT_EQ(seen(bob_.user_id), ModeState::kUnknown) << "still narrower";
  EXPECT_EQ(active(), Names{"boss by rules"});
  pass(hours(2));
  EXPECT_EQ(seen(carol_.user_id), ModeState::kTransfer) << "its time is over";
  set_level(alice_, ModeState::kAvailable);
  EXPECT_EQ(seen(carol_.user_id), ModeState::kAvailable);
  const auto before = told("mode.changed");
  EXPECT_EQ(resume(), 1);
  EXPECT_EQ(seen(carol_.user_id), ModeState::kTransfer);
  EXPECT_EQ(told("mode.changed"), before + 1);
  EXPECT_EQ(resume(), 0);
  EXPECT_EQ(told("mode.changed"), before + 1);
}

TEST_F(RulesTest, AnOrderSwitchesOffWhatRulesActivate) {
  put_rules("work", {in(minutes(-60), minutes(120))});
  deactivate(alice_, "work");
  EXPECT_TRUE(active().empty());
  EXPECT_EQ(told("mode.changed"), 2u);
  put_rules("lunch", {in(minutes(60), minutes(120))});
  EXPECT_TRUE(active().empty()) << "also after the rules are compiled anew";
  EXPECT_TRUE(modes(alice_).rules.empty()) << "an order is no rule";
  EXPECT_EQ(resume(), 1);
  EXPECT_EQ(active(), Names{"work by rules"});
  deactivate(alice_, "work");
  activate(alice_, "work");
  deactivate(alice_, "work");
  EXPECT_TRUE(active().empty());
}

TEST_F(RulesTest, EachChangeIsToldOnceByWhoeverComesFirst) {
  put_rules("work", {in(minutes(60), minutes(60))});
  EXPECT_FALSE(follow());
  EXPECT_EQ(told("mode.changed"), 0u);
  const auto all_replicas = [&] {
    std::vector<std::thread> replicas;
    for (int i = 0; i < 4; ++i) replicas.emplace_back([&] { follow(); });
    for (auto& replica : replicas) replica.join();
  };
  elapse(minutes(61));
  EXPECT_EQ(active(), Names{"work by rules"}) << "before anybody was told";
  all_replicas();
  all_replicas();
  EXPECT_EQ(told("mode.changed"), 1u);
  elapse(minutes(60));
  EXPECT_TRUE(active().empty());
  all_replicas();
  EXPECT_EQ(told("mode.changed"), 2u);
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM mode_calendar WHERE next_change_at IS NULL"), 1u);
}

TEST_F(RulesTest, AChangeThatWritingRulesOvertakesIsToldToo) {
  put_rules("work", {in(minutes(60), minutes(60))});
  elapse(minutes(61));
  put_rules("lunch", {in(hours(30), minutes(60))});
  EXPECT_EQ(told("mode.changed"), 1u);
  follow();
  EXPECT_EQ(told("mode.changed"), 1u);
}

TEST_F(RulesTest, TheLaterBeginningWinsWheneverRulesAreCompiled) {
  put(alice_, mode("first", ModeState::kNotAvailable));
  put(alice_, mode("second", ModeState::kUnknown));
  const Rule begin = in(minutes(-240), minutes(180));
  Rule rest = begin;
  rest.start = begin.start + minutes(180);
  put_rules("first", {begin, rest});
  put_rules("second", {in(minutes(-120), minutes(180))});
  EXPECT_EQ(seen(carol_.user_id), ModeState::kUnknown);
  put_rules("boss", {in(minutes(60), minutes(60))});
  EXPECT_EQ(seen(carol_.user_id), ModeState::kUnknown);

  const auto before = told("mode.changed");
  put_rules("second", {in(minutes(-300), minutes(360))});
  EXPECT_EQ(seen(carol_.user_id), ModeState::kNotAvailable) << "it began before now";
  EXPECT_EQ(told("mode.changed"), before + 1);
}

TEST_F(RulesTest, AnOrderThatIsOverStillSaysWhenTheModeBegan) {
  put(alice_, mode("first", ModeState::kNotAvailable));
  put(alice_, mode("second", ModeState::kUnknown));
  put_rules("first", {in(minutes(-240), minutes(300))});
  put_rules("second", {in(minutes(-120), minutes(180))});
  deactivate(alice_, "first");
  run([](db::Session& db) {
    db.execute(
        "UPDATE mode_rule SET start_local = start_local - INTERVAL 20 MINUTE, end_local = UTC_TIMESTAMP() - "
        "INTERVAL 10 MINUTE WHERE source = 3");
  });
  put_rules("boss", {in(minutes(60), minutes(60))});
  EXPECT_EQ(seen(carol_.user_id), ModeState::kNotAvailable) << "on again later than the other";
  EXPECT_EQ(resume(), 0) << "there is no order any more";
}

TEST_F(RulesTest, IntervalsAreBoundedAndCompiledFurther) {
  std::vector<Rule> rules;
  for (int i = 0; i < 4; ++i) {
    rules.push_back(in(minutes(60 + 120 * i), minutes(60)));
    rules.back().recurrence = "FREQ=DAILY";
  }
  put_rules("work", rules);
  const std::string rows = "SELECT COUNT(*) AS n FROM mode_interval";
  EXPECT_LE(number(rows), 500u);
  EXPECT_GT(number(rows), 400u);
  EXPECT_FALSE(follow()) << "far enough";
  run([](db::Session& db) {
    db.execute("DELETE FROM mode_interval");
    db.execute("UPDATE mode_calendar SET compile_at = UTC_TIMESTAMP(6)");
  });
  follow();
  EXPECT_GT(number(rows), 400u);
  EXPECT_EQ(
      number("SELECT COUNT(*) AS n FROM mode_calendar WHERE compile_at > UTC_TIMESTAMP(6) + INTERVAL 7 DAY"),
      1u);
  EXPECT_EQ(modes(alice_).rules_version, 1u) << "the user has written nothing";
}

TEST_F(RulesTest, TwoWeeksHaveFiveHundredPeriods) {
  const auto every_half_hour = [&](minutes begin, int times) {
    Rule rule = in(begin, minutes(10));
    for (int i = 1; i < times; ++i) rule.extra.push_back(rule.start + i * minutes(30));
    return rule;
  };
  const auto put_both = [&](int times) {
    return
        [this, rules = std::vector{every_half_hour(minutes(60), 250), every_half_hour(minutes(75), times)}](
            db::Session& db) { availability_.put_rules(db, alice_, "work", rules, {}); };
  };
  expect_fault(FaultCode::LIMIT_EXCEEDED, "rule", put_both(251));
  run(put_both(200));
  EXPECT_LE(number("SELECT COUNT(*) AS n FROM mode_interval"), 500u);
}

TEST_F(RulesTest, RulesThatCannotBeCompiledAnyMoreKeepNobodyElseWaiting) {
  put_rules("work", {in(minutes(-60), minutes(120))});
  put(bob_, mode("work", ModeState::kNotAvailable));
  const Rule rule = in(minutes(-60), minutes(120));
  run([&](db::Session& db) { availability_.put_rules(db, bob_, "work", {rule}, {}); });
  run([&](db::Session& db) {
    db.execute("UPDATE mode_rule SET zone = 'Gone/City' WHERE profile_id = ?", alice_.id);
    db.execute("UPDATE mode_calendar SET compile_at = UTC_TIMESTAMP(6) - INTERVAL profile_id SECOND");
    db.execute("UPDATE mode_calendar SET compile_at = compile_at - INTERVAL 1 HOUR WHERE profile_id = ?",
               alice_.id);
  });
  follow();
  follow();
  EXPECT_EQ(availability_.compile_failures(), 1u) << "the next time is in an hour";
  EXPECT_EQ(number("SELECT COUNT(*) AS n FROM mode_calendar WHERE compilation = 3"), 1u);
  EXPECT_EQ(active(), Names{"work by rules"}) << "what was compiled holds";
}

// As when a mode is made with its rules between the statements that read the one and the others.
TEST_F(RulesTest, RulesOfAModeThatWasNotReadAreLeftOut) {
  put(bob_, mode("new", ModeState::kNotAvailable));
  Rule rule = in(minutes(-60), minutes(120));
  put_rules("work", {rule});
  rule.mode = "work";
  put_rules({}, {rule});
  run([&](db::Session& db) {
    db.execute(
        "UPDATE mode_rule SET mode_id = (SELECT id FROM mode WHERE profile_id = ?) WHERE profile_id = ?",
        bob_.id, alice_.id);
  });
  const Modes read = modes(alice_);
  for (const Mode& one : read.modes) EXPECT_TRUE(one.rules.empty()) << one.mode;
  EXPECT_EQ(read.rules.size(), 1u) << "its name came with it";
  run([&](db::Session& db) {
    EXPECT_EQ(availability_.export_calendar(db, alice_).find("BEGIN:VEVENT"), std::string::npos);
  });
}

TEST_F(RulesTest, AnotherReplicaAnswersTheSame) {
  put_rules("work", {in(minutes(-60), minutes(120))});
  put_rules("boss", {in(minutes(60), minutes(60))});
  Availability fresh(profiles_, events_);
  const auto before = run([&](db::Session& db) { return availability_.list_modes(db, alice_); });
  const auto after = run([&](db::Session& db) { return fresh.list_modes(db, alice_); });
  ASSERT_EQ(before.modes.size(), after.modes.size());
  for (std::size_t i = 0; i < before.modes.size(); ++i) {
    EXPECT_EQ(before.modes[i].active, after.modes[i].active);
    EXPECT_EQ(before.modes[i].until, after.modes[i].until);
  }
  EXPECT_EQ(before.next_change, after.next_change);
  const auto facts =
      run([&](db::Session& db) { return fresh.views(db, carol_.user_id, 0, {"tel:+33123456781"}); });
  EXPECT_EQ(availability(facts.front().facts).state, ModeState::kNotAvailable);
}

TEST_F(RulesTest, APreviewSaysWhatWillBe) {
  Rule daily = in(minutes(60), minutes(60));
  daily.recurrence = "FREQ=DAILY;COUNT=3";
  put_rules("work", {daily});
  const auto planned = preview(now(), now() + hours(24 * 30));
  ASSERT_EQ(planned.size(), 3u);
  EXPECT_EQ(planned[0].mode, "work");
  EXPECT_EQ(planned[1].begin, planned[0].begin + hours(24));
  EXPECT_EQ(planned[0].end, planned[0].begin + hours(1));
  expect_fault(FaultCode::INVALID_ARGUMENT, "to",
               [&](db::Session& db) { availability_.preview_calendar(db, alice_, now(), now() - hours(1)); });
  expect_fault(FaultCode::LIMIT_EXCEEDED, "to", [&](db::Session& db) {
    availability_.preview_calendar(db, alice_, now(), now() + hours(24 * 367));
  });
}

TEST_F(RulesTest, ADeletedModeTakesItsRulesAlong) {
  Rule on = in(minutes(-60), minutes(120));
  put_rules("work", {on});
  on.mode = "work";
  put_rules({}, {on});
  activate(alice_, "work");
  const auto before = told("mode.changed");
  run([&](db::Session& db) { availability_.delete_mode(db, alice_, "work", {}); });
  EXPECT_EQ(told("mode.changed"), before + 1);
  EXPECT_EQ(modes(alice_).modes.size(), 2u);
  for (const char* table : {"mode_rule", "mode_interval", "mode_activation"}) {
    EXPECT_EQ(number("SELECT COUNT(*) AS n FROM " + std::string(table)), 0u) << table;
  }
  expect_fault(FaultCode::NOT_FOUND, "modeId",
               [&](db::Session& db) { availability_.delete_mode(db, alice_, "work", {}); });
  expect_fault(FaultCode::STALE_VERSION, "ifVersion",
               [&](db::Session& db) { availability_.delete_mode(db, alice_, "lunch", 7); });
}

TEST_F(RulesTest, AModeThatBecomesGeneralEndsAnother) {
  Rule on = in(minutes(-120), minutes(1));
  on.duration.reset();
  on.mode = "work";
  Rule boss = in(minutes(-60), minutes(1));
  boss.duration.reset();
  boss.mode = "boss";
  put_rules({}, {on, boss});
  EXPECT_EQ(active(), (Names{"boss by rules", "work by rules"}));
  put(alice_, mode("boss", ModeState::kUnknown));
  EXPECT_EQ(active(), Names{"boss by rules"});
}

TEST_F(RulesTest, ThirtyTwoModesAreActiveAtOnce) {
  std::vector<Rule> rules;
  for (int i = 0; i < 33; ++i) {
    const std::string name = "m" + std::to_string(i);
    put(alice_, mode(name, ModeState::kNotAvailable, {"+33123456701"}));
    rules.push_back(in(minutes(60 + i), minutes(60)));
    rules.back().mode = name;
  }
  const auto put_all = [&](db::Session& db) { availability_.put_rules(db, alice_, {}, rules, {}); };
  expect_fault(FaultCode::LIMIT_EXCEEDED, "rule", put_all);
  rules.back().start = rules.front().start + minutes(60);  // where the first ends
  run(put_all);
}

}  // namespace
}  // namespace whitebrick::availability
