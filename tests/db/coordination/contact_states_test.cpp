// M4: each connected terminal is told of its contacts' states, each change once.

#include <atomic>
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
  EXPECT_EQ(alice.contacts[0].reach.state, Connectability::kNotConnectable);
  settle();

  const auto bob = connect(kBob);
  ASSERT_EQ(bob.contacts.size(), 1U);
  EXPECT_EQ(bob.contacts[0].reach.state, Connectability::kConnectable);
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

TEST_F(ContactStatesTest, WhatReachesAContactIsToldOnceThoughHisStateStays) {
  const auto offer = [&](availability::Offers offers) {
    const auto key = work(kBob);
    in([&](db::Session& db) {
      availability::Mode mode;
      mode.mode = "desk";
      mode.means.offers = offers;
      here_.availability.put_mode(db, key, mode, std::nullopt);
      here_.availability.activate(db, key, {.mode = "desk", .level = {}, .active = true, .until = {}});
    });
    settle();
  };
  connect(kBob);
  offer(availability::kAllCommunications);
  const auto alice = connect(kAlice);
  EXPECT_EQ(alice.contacts.at(0).reach,
            (Reach{Connectability::kConnectable, availability::kAllCommunications}));
  settle();
  drain(queue_of(kAlice));

  offer(2);
  const auto heard = drain(queue_of(kAlice));
  EXPECT_EQ(states_in(heard), Texts{news(kBobNumber, Connectability::kConnectable)});
  EXPECT_EQ(of_type(heard, "contact.state", "offers"), Texts{"WRITTEN_IMMEDIATE"});
  offer(2);
  age_what_was_told();
  sweep();
  EXPECT_EQ(told(kAlice), Texts{});
}

TEST_F(ContactStatesTest, AContactIsNamedToWhoMaySeeHisState) {
  in([](db::Session& db) { db.execute("UPDATE user SET display_name = 'Bob B.' WHERE name = 'bob'"); });
  using Name = std::optional<std::string>;
  EXPECT_EQ(connect(kAlice).contacts.at(0).display_name, Name("Bob B."));
  settle();
  connect(kBob);
  settle();
  EXPECT_EQ(of_type(drain(queue_of(kAlice)), "contact.state", "displayName"), Texts{"Bob B."});

  for (const auto& [policy, level] : {std::pair("2", ModeState::kNotAvailable),  // ask
                                      std::pair("3", ModeState::kAvailable)}) {  // closed
    in([&, policy = policy](db::Session& db) {
      db.execute("UPDATE profile SET policy = ? WHERE id = 42", policy);
    });
    set_level(kBob, level);
    settle();
    EXPECT_EQ(of_type(drain(queue_of(kAlice)), "contact.state", "displayName"), Texts{""});
    EXPECT_EQ(connect(kAlice).contacts.at(0).display_name, std::nullopt);
  }
}

// So that a full queue keeps the newest of each contact.
TEST_F(ContactStatesTest, WhatIsToldIsTheStateOfTheContact) {
  connect(kAlice);
  settle();
  connect(kBob);
  settle();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event e LEFT JOIN event_state s ON s.event_id = e.id AND "
                  "s.state_key = 'tel:+33100000022' "
                  "WHERE e.type = 'contact.state' AND e.content LIKE '%0022<%' AND s.event_id IS NULL"),
            0);
  EXPECT_GT(count("SELECT COUNT(*) AS n FROM event_state"), 0);
}

// On a cluster only what is written meets what other nodes write.
TEST_F(ContactStatesTest, ASnapshotIsWrittenInEachOfItsSessions) {
  add_profile(900, kAlice, "home");
  connect(kAlice);
  settle();
  const auto versions = [&] {
    return in([](db::Session& db) {
      return db.query("SELECT state_version FROM access_session ORDER BY id",
                      [](const db::Row& row) { return row.id("state_version"); });
    });
  };
  const auto before = versions();
  connect(kAlice);
  const auto after = versions();
  ASSERT_EQ(after.size(), 2U);
  EXPECT_GT(after[0], before[0]);
  EXPECT_GT(after[1], before[1]);
}

// A terminal that drops what its snapshot has and applies the rest sees no state twice and ends with
// the last one.
TEST_F(ContactStatesTest, SnapshotsAndEventsMakeOneHistory) {
  connect(kAlice);
  connect(kBob);
  settle();
  drain(queue_of(kAlice));
  struct Step {
    std::uint64_t version;
    int kind;  // of two with the same version, the snapshot comes behind the event
    std::string state;
  };
  std::vector<Step> steps;
  std::atomic<bool> over = false;
  std::thread changes([&] {
    for (int i = 0; i < 60; ++i)
      set_level(kBob, i % 2 == 0 ? ModeState::kNotAvailable : ModeState::kAvailable);
    over = true;
  });
  while (!over) {
    const auto answer = connect(kAlice);
    steps.push_back({answer.snapshot_version, 1, std::string(wire_name(answer.contacts.at(0).reach.state))});
  }
  changes.join();
  settle();
  age_what_was_told();
  sweep();
  settle();
  for (const auto& event : drain(queue_of(kAlice))) {
    if (event.type == "contact.state")
      steps.push_back({event.id, 0, element_text(event.content, "state").value()});
  }
  std::ranges::stable_sort(steps, {}, [](const Step& step) { return std::pair(step.version, step.kind); });
  std::string shown;
  int events = 0;
  for (const Step& step : steps) {
    if (step.kind == 1) {
      shown = step.state;
    } else {
      ++events;
      if (!shown.empty()) {
        EXPECT_NE(step.state, shown) << "told twice by event " << step.version;
      }
      shown = step.state;
    }
  }
  EXPECT_GT(events, 0);
  EXPECT_EQ(shown, "CONNECTABLE");
}

TEST_F(ContactStatesTest, AuthorisationsAndListsChangeTheView) {
  in([](db::Session& db) { db.execute("UPDATE profile SET policy = 2 WHERE id = 42"); });
  connect(kBob);
  const auto alice = connect(kAlice);
  EXPECT_EQ(alice.contacts[0].reach.state, Connectability::kAuthorisationRequired);
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

// What her number was granted holds for all profiles of the user, as long as it is hers.
TEST_F(ContactStatesTest, ADeletedNumberTakesWithItWhatItWasGranted) {
  in([](db::Session& db) { db.execute("UPDATE profile SET policy = 2 WHERE id = 42"); });
  want(kBob, {}, {kAliceNumber});
  add_profile(900, kAlice, "home");
  in([&](db::Session& db) {
    here_.profiles.set_contact_lists(db, here_.profiles.find_profile(db, kAlice, "home").value(),
                                     {{kBobNumber}, {}, {}}, std::nullopt);
  });
  connect(kBob);
  const auto alice = connect(kAlice, "phone", {"home"});
  EXPECT_EQ(alice.contacts.at(0).reach.state, Connectability::kConnectable);
  settle();
  in([&](db::Session& db) { here_.profiles.delete_profile(db, kAlice, "work", std::nullopt); });
  settle();
  EXPECT_EQ(told(kAlice), Texts{news(kBobNumber, Connectability::kAuthorisationRequired)});
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
    EXPECT_EQ(alice.contacts[0].reach.state, Connectability::kConnectable);
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
