// M4: each connected terminal is told of its contacts' states, each change once.

#include <thread>

#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using availability::ModeState;
using Texts = std::vector<std::string>;

class ContactStatesTest : public CoordinationFixture {
 protected:
  void SetUp() override {
    CoordinationFixture::SetUp();
    start_workers();
  }
};

TEST_F(ContactStatesTest, TwoUsersSeeEachOtherComeAndGo) {
  const auto alice = connect(kAlice);
  ASSERT_EQ(alice.contacts.size(), 1U);
  EXPECT_EQ(alice.contacts[0].profile, "work");
  EXPECT_EQ(alice.contacts[0].contact, kBobNumber);
  EXPECT_EQ(alice.contacts[0].state, Connectability::kNotConnectable);
  settle();

  const auto bob = connect(kBob);
  ASSERT_EQ(bob.contacts.size(), 1U);
  EXPECT_EQ(bob.contacts[0].state, Connectability::kConnectable);
  settle();
  const auto news_for_alice = drain(queue_of(kAlice));
  EXPECT_EQ(states_in(news_for_alice), Texts{news(kBobNumber, Connectability::kConnectable)});
  ASSERT_EQ(news_for_alice.back().profiles.size(), 1U);
  EXPECT_EQ(news_for_alice.back().profiles[0].user, "alice");
  EXPECT_GT(news_for_alice.back().id, alice.snapshot_version);
  EXPECT_EQ(told(kBob), Texts{}) << "his snapshot had it";

  disconnect(kBob);
  settle();
  EXPECT_EQ(told(kAlice), Texts{news(kBobNumber, Connectability::kNotConnectable)});
}

TEST_F(ContactStatesTest, AModeChangeIsToldOnceAndOnlyWhenTheViewChanges) {
  connect(kAlice);
  connect(kAlice, "laptop");
  connect(kBob);
  settle();
  told(kAlice);
  told(kAlice, "laptop");

  set_level(kBob, ModeState::kNotAvailable);
  settle();
  EXPECT_EQ(told(kAlice), Texts{news(kBobNumber, Connectability::kNotConnectable)});
  EXPECT_EQ(told(kAlice, "laptop"), Texts{news(kBobNumber, Connectability::kNotConnectable)});

  set_level(kBob, ModeState::kNotAvailable);
  settle();
  age_what_was_told();
  sweep();
  EXPECT_EQ(told(kAlice), Texts{});

  set_level(kBob, ModeState::kUnknown);
  settle();
  EXPECT_EQ(told(kAlice), Texts{news(kBobNumber, Connectability::kUnknown)});
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE type = 'contact.state' AND created_at > "
                  "UTC_TIMESTAMP(6) - INTERVAL 1 HOUR"
                  " AND content LIKE '%>UNKNOWN<%'"),
            1)
      << "one event for both terminals";
}

TEST_F(ContactStatesTest, AuthorisationsAndListsChangeTheView) {
  in([](db::Session& db) { db.execute("UPDATE profile SET policy = 2 WHERE id = 42"); });
  connect(kBob);
  const auto alice = connect(kAlice);
  EXPECT_EQ(alice.contacts[0].state, Connectability::kAuthorisationRequired);
  settle();

  want(kBob, {kAliceNumber}, {kAliceNumber});
  settle();
  EXPECT_EQ(told(kAlice), Texts{news(kBobNumber, Connectability::kConnectable)});
  want(kBob, {kAliceNumber}, {kAliceNumber}, {kAliceNumber});
  settle();
  EXPECT_EQ(told(kAlice), Texts{news(kBobNumber, Connectability::kUnknown)});
  want(kBob, {kAliceNumber});
  settle();
  EXPECT_EQ(told(kAlice), Texts{news(kBobNumber, Connectability::kAuthorisationRequired)});

  in([&](db::Session& db) {
    here_.availability.request_authorisation(db, here_.profiles.find_profile(db, kAlice, "work").value(),
                                             kBobNumber, {});
  });
  const auto id = static_cast<std::uint64_t>(count("SELECT id AS n FROM authorisation"));
  in([&](db::Session& db) { here_.availability.answer_authorisation(db, user(kBob), id, {.grant = true}); });
  settle();
  EXPECT_EQ(told(kAlice), Texts{news(kBobNumber, Connectability::kConnectable)});
}

TEST_F(ContactStatesTest, ATerminalIsToldOfTheContactsThatItsUserWantsSince) {
  constexpr const char* kNobody = "tel:+33100000099";
  connect(kBob);
  connect(kAlice);
  settle();
  told(kAlice);

  want(kAlice, {kNobody, kAliceNumber});
  settle();
  auto states = told(kAlice);
  std::ranges::sort(states);
  EXPECT_EQ(states, (Texts{news(kAliceNumber, Connectability::kConnectable),
                           news(kNobody, Connectability::kUnknown)}));
  set_level(kBob, ModeState::kNotAvailable);
  settle();
  EXPECT_EQ(told(kAlice), Texts{}) << "she does not want to know bob any more";
}

TEST_F(ContactStatesTest, ANumberThatMovesIsToldUnderBothNumbers) {
  connect(kBob);
  connect(kAlice);
  want(kAlice, {kBobNumber, "tel:+33100000077"});
  settle();
  told(kAlice);

  in([&](db::Session& db) {
    profiles::ProfileData data;
    data.profile = "work";
    data.contact_number = "tel:+33100000077";
    data.policy = profiles::Policy::kOpen;
    here_.profiles.put_profile(db, kBob, data, true, std::nullopt);
  });
  settle();
  auto states = told(kAlice);
  std::ranges::sort(states);
  EXPECT_EQ(states, (Texts{news(kBobNumber, Connectability::kUnknown),
                           news("tel:+33100000077", Connectability::kConnectable)}));
}

// A change that is committed after the snapshot was read, and whose watchers were looked for before
// the snapshot was committed.
TEST_F(ContactStatesTest, TheSweepTellsWhatASnapshotMissed) {
  connect(kBob);
  settle();
  auto lease = testing::database().pool().lease();
  lease.in_transaction([&](db::Session& db) {
    const auto alice =
        here_.coordination.connect_terminal(db, user(kAlice), std::nullopt, "phone", {}, std::nullopt);
    EXPECT_EQ(alice.contacts[0].state, Connectability::kConnectable);
    set_level(kBob, ModeState::kNotAvailable);  // another connection, committed at once
    settle();
  });
  settle();
  EXPECT_EQ(told(kAlice), Texts{}) << "nobody could know of this watcher yet";

  in([](db::Session& db) {
    db.execute("UPDATE contact_watch SET told_at = UTC_TIMESTAMP(6) + INTERVAL 1 MINUTE");
  });
  sweep();
  EXPECT_EQ(told(kAlice), Texts{}) << "not a second old";
  in([](db::Session& db) { db.execute("UPDATE contact_watch SET told_at = UTC_TIMESTAMP(6)"); });
  age_what_was_told();
  sweep();
  EXPECT_EQ(told(kAlice), Texts{news(kBobNumber, Connectability::kNotConnectable)});
  age_what_was_told();
  sweep();
  EXPECT_EQ(told(kAlice), Texts{});
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM contact_watch WHERE checked = 0"), 0);
}

TEST_F(ContactStatesTest, AHundredWatchersAreToldByOneEvent) {
  constexpr std::uint64_t kFirst = 500, kWatchers = 100;
  for (std::uint64_t id = kFirst; id < kFirst + kWatchers; ++id) {
    add_user(id, "watcher" + std::to_string(id));
    in([&](db::Session& db) {
      db.execute("INSERT INTO contact_list (profile_id, kind, number, position) VALUES (?, 1, ?, 0)", id + 20,
                 kBobNumber);
    });
    connect(id);
  }
  connect(kBob);
  settle();
  for (std::uint64_t id = kFirst; id < kFirst + kWatchers; ++id) {
    EXPECT_EQ(told(id), Texts{news(kBobNumber, Connectability::kConnectable)}) << id;
  }
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE type = 'contact.state' AND content LIKE '%0022<%'"),
            1);
}

TEST_F(ContactStatesTest, MoreWatchersThanOneTransactionTakesAreAllTold) {
  connect(kAlice);
  in([&](db::Session& db) {
    for (std::uint64_t i = 1; i <= 510; ++i) {
      const std::uint64_t id = 5000 + i;
      db.execute("INSERT INTO user (id, name, created_at) VALUES (?, ?, UTC_TIMESTAMP(6))", id,
                 "many" + std::to_string(i));
      db.execute(
          "INSERT INTO access_session (id, public_id, terminal_session_id, user_id, profile_id, "
          "subscription_id, opened_at) "
          "VALUES (?, UNHEX(MD5(?)), ?, ?, 41, (SELECT MIN(id) FROM subscription s), UTC_TIMESTAMP(6))",
          id, id, id, id);
      db.execute(
          "INSERT INTO contact_watch (access_session_id, number, told_state, version, checked, told_at) "
          "VALUES (?, ?, 2, 1, 1, UTC_TIMESTAMP(6))",
          id, kBobNumber);
    }
  });
  connect(kBob);
  settle();
  EXPECT_EQ(
      count("SELECT COUNT(*) AS n FROM contact_watch WHERE number = 'tel:+33100000022' AND told_state = 1"),
      511);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM contact_watch WHERE number = 'tel:+33100000022' AND version > 2 "
                  "AND access_session_id > 5000"),
            0)
      << "each once";
}

TEST_F(ContactStatesTest, ChangesAtTheSameTimeEndInTheLastState) {
  connect(kAlice);
  connect(kBob);
  settle();
  told(kAlice);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      for (int turn = 0; turn < 10; ++turn) {
        set_level(kBob, (turn + i) % 2 == 0 ? ModeState::kNotAvailable : ModeState::kAvailable);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  settle();
  set_level(kBob, ModeState::kNotAvailable);
  settle();
  const auto states = told(kAlice);
  for (std::size_t i = 1; i < states.size(); ++i) EXPECT_NE(states[i], states[i - 1]) << "told twice";
  EXPECT_EQ(count("SELECT told_state AS n FROM contact_watch WHERE number = 'tel:+33100000022'"), 2);
}

}  // namespace
}  // namespace whitebrick::coordination
