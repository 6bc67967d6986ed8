// "Tell me when he can be reached".

#include "modules/coordination/contact_alerts.hpp"

#include <set>
#include <thread>

#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using Texts = std::vector<std::string>;

class ContactAlertsTest : public CoordinationFixture {
 protected:
  Connectability watch(const ContactAlert& alert) {
    const auto asker = work(kAlice);
    return in([&](db::Session& db) { return here_.coordination.contact_alerts().watch(db, asker, alert); });
  }
  Connectability watch_bob(bool once = true) {
    return watch({.contact = kBobNumber, .once = once, .until = std::nullopt});
  }
  Texts reached() { return of_type(drain(queue_of(kAlice)), "contact.reachable", "contact"); }
  std::int64_t alerts() { return count("SELECT COUNT(*) AS n FROM contact_alert"); }
  void check() {
    in([](db::Session& db) {
      db.execute("UPDATE contact_alert SET checked_at = checked_at - INTERVAL 1 MINUTE");
    });
    while (here_.coordination.check_contact_alerts(testing::database().pool())) {
    }
  }
};

TEST_F(ContactAlertsTest, FiresOnceWhenTheContactComes) {
  start_workers();
  connect(kAlice);
  EXPECT_EQ(watch_bob(), Connectability::kNotConnectable);
  settle();
  EXPECT_EQ(reached(), Texts{});
  connect(kBob);
  settle();
  EXPECT_EQ(reached(), Texts{kBobNumber});
  EXPECT_EQ(alerts(), 0);
  disconnect(kBob);
  connect(kBob);
  settle();
  EXPECT_EQ(reached(), Texts{});
}

TEST_F(ContactAlertsTest, OrEachTime) {
  start_workers();
  connect(kAlice);
  watch_bob(false);
  for (int i = 0; i < 2; ++i) {
    connect(kBob);
    settle();
    EXPECT_EQ(reached(), Texts{kBobNumber});
    set_level(kBob, availability::ModeState::kNotAvailable);
    settle();
    set_level(kBob, availability::ModeState::kAvailable);
    settle();
    EXPECT_EQ(reached(), Texts{kBobNumber});
    disconnect(kBob);
    settle();
  }
  EXPECT_EQ(alerts(), 1);
}

TEST_F(ContactAlertsTest, AtOnceWhenHeIsThere) {
  connect(kAlice);
  connect(kBob);
  EXPECT_EQ(watch_bob(), Connectability::kConnectable);
  EXPECT_EQ(reached(), Texts{kBobNumber});
  EXPECT_EQ(alerts(), 0);
}

// The watcher is not connected either when it happens.
TEST_F(ContactAlertsTest, TheNewsWaitsForHerTerminal) {
  start_workers();
  watch_bob();
  connect(kBob);
  settle();
  connect(kAlice);
  EXPECT_EQ(reached(), Texts{kBobNumber});
}

TEST_F(ContactAlertsTest, TellsNothingThatSheMayNotKnow) {
  start_workers();
  connect(kAlice);
  in([](db::Session& db) { db.execute("UPDATE profile SET policy = 3 WHERE id = 42"); });
  EXPECT_EQ(watch_bob(), Connectability::kUnknown);
  EXPECT_EQ(watch({.contact = "tel:+33188888888", .once = true, .until = std::nullopt}),
            Connectability::kUnknown);
  connect(kBob);
  settle();
  check();
  EXPECT_EQ(reached(), Texts{});
  want(kBob, {}, {kAliceNumber});
  settle();
  EXPECT_EQ(reached(), Texts{kBobNumber}) << "he has authorised her";
}

// By what is answered, stored, and asked of the database.
TEST_F(ContactAlertsTest, HiddenIsWatchedLikeNobody) {
  connect(kAlice);
  add_user(70, "closed", "3");
  add_user(71, "refusing");
  add_user(72, "gone");
  want(71, {}, {}, {kAliceNumber});
  for (const std::uint64_t id : {70, 71, 72}) connect(id);
  set_level(72, availability::ModeState::kUnknown);
  auto& pool = testing::database().pool();
  std::set<Connectability> answers;
  std::set<std::uint64_t> statements;
  watch_bob();
  for (const char* contact : {"tel:+33188888888", "tel:+33100000070", "tel:+33100000071", "tel:+33100000072",
                              "sip:nobody@example.org"}) {
    const auto asker = work(kAlice);
    const auto before = pool.counts().statements;
    answers.insert(in([&](db::Session& db) {
      return here_.coordination.contact_alerts().watch(db, asker, {contact, true, std::nullopt});
    }));
    statements.insert(pool.counts().statements - before);
  }
  EXPECT_EQ(answers, std::set<Connectability>{Connectability::kUnknown});
  EXPECT_EQ(statements.size(), 1U);
  EXPECT_EQ(alerts(), 6);
  EXPECT_EQ(reached(), Texts{});
}

TEST_F(ContactAlertsTest, OnlySoManyAreWatched) {
  in([](db::Session& db) {
    db.execute(
        "INSERT INTO contact_alert (user_id, profile_id, number, once, reachable, checked_at) "
        "SELECT 21, 41, CONCAT('sip:u', seq, '@example.org'), 1, 0, UTC_TIMESTAMP(6) FROM seq_1_to_1000");
  });
  EXPECT_EQ(fault_of([&] { watch_bob(); }), "LIMIT_EXCEEDED(contact)");
  watch({.contact = "sip:u1@example.org", .once = false, .until = std::nullopt});
  EXPECT_EQ(alerts(), 1000);
}

TEST_F(ContactAlertsTest, TheJobFindsWhatNobodySawHappen) {
  connect(kAlice);
  watch_bob();
  connect(kBob);  // no workers
  std::vector<std::thread> replicas;
  in([](db::Session& db) {
    db.execute("UPDATE contact_alert SET checked_at = checked_at - INTERVAL 1 MINUTE");
  });
  for (int i = 0; i < 4; ++i) {
    replicas.emplace_back([] {
      ReplicaModules replica;
      const auto pool = testing::database().fresh_pool(2);
      replica.coordination.check_contact_alerts(*pool);
    });
  }
  for (auto& replica : replicas) replica.join();
  EXPECT_EQ(reached(), Texts{kBobNumber}) << "once, however many look";
}

TEST_F(ContactAlertsTest, EndsInItsTime) {
  connect(kAlice);
  const auto now = in([](db::Session& db) { return db.now(); });
  watch({.contact = kBobNumber, .once = true, .until = now + std::chrono::hours(1)});
  EXPECT_EQ(alerts(), 1);
  watch({.contact = "+33 1 00 00 00 22", .once = true, .until = now});
  EXPECT_EQ(alerts(), 0) << "taken back";
  watch({.contact = kBobNumber, .once = true, .until = now + std::chrono::hours(1)});
  in([](db::Session& db) { db.execute("UPDATE contact_alert SET until_at = UTC_TIMESTAMP(6)"); });
  check();
  EXPECT_EQ(alerts(), 0);
  EXPECT_EQ(fault_of([&] { watch({.contact = "nobody", .once = true, .until = {}}); }),
            "INVALID_ARGUMENT(contact)");
}

}  // namespace
}  // namespace whitebrick::coordination
