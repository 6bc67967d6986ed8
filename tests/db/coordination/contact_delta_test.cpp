// M4 by polling: all contacts of a profile, then what changed, each change once.

#include <functional>
#include <map>

#include "modules/coordination/readiness.hpp"
#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using availability::ModeState;
using Texts = std::vector<std::string>;

class ContactDeltaTest : public CoordinationFixture {
 protected:
  void SetUp() override {
    CoordinationFixture::SetUp();
    start_workers();
  }
  ContactDelta ask(std::uint64_t user_id, std::uint64_t since = 0, const Caller* caller = nullptr) {
    return in([&](db::Session& db) {
      const Caller who = caller == nullptr ? user(user_id) : *caller;
      const auto place = here_.coordination.states_place(db, who, std::nullopt, "work", since);
      return here_.coordination.contact_states(db, place, since);
    });
  }
  static Texts states(const ContactDelta& delta) {
    Texts texts;
    for (const auto& contact : delta.contacts) texts.push_back(news(contact.contact, contact.reach.state));
    return texts;
  }
  std::uint64_t session_of(std::uint64_t user_id) {
    return static_cast<std::uint64_t>(
        count("SELECT MAX(id) AS n FROM access_session WHERE user_id = " + std::to_string(user_id)));
  }
};

TEST_F(ContactDeltaTest, AllContactsFirstThenOnlyWhatChanged) {
  connect(kAlice);
  settle();
  const auto first = ask(kAlice);
  EXPECT_TRUE(first.complete);
  EXPECT_GT(first.version, 0U);
  EXPECT_EQ(states(first), Texts{news(kBobNumber, Connectability::kNotConnectable)});

  const auto nothing = ask(kAlice, first.version);
  EXPECT_FALSE(nothing.complete);
  EXPECT_TRUE(nothing.contacts.empty());

  connect(kBob);
  settle();
  const auto second = ask(kAlice, nothing.version);
  EXPECT_FALSE(second.complete);
  EXPECT_EQ(states(second), Texts{news(kBobNumber, Connectability::kConnectable)});
  EXPECT_GT(second.version, first.version);
  EXPECT_TRUE(ask(kAlice, second.version).contacts.empty());
  EXPECT_EQ(states(ask(kAlice, first.version)), states(second))
      << "an answer that was lost is answered again";
}

TEST_F(ContactDeltaTest, AWaiterIsWokenAndTheSweepFindsHimToo) {
  connect(kAlice);
  settle();
  const auto key = Coordination::states_key(session_of(kAlice));
  here_.wake.clear();
  in([](db::Session& db) { db.execute("UPDATE access_session SET told_at = told_at - INTERVAL 10 SECOND"); });
  StatesReadiness readiness;
  EXPECT_TRUE(in([&](db::Session& db) { return readiness.ready(db, {key}); }).empty());

  connect(kBob);
  EXPECT_TRUE(testing::eventually([&] { return here_.wake.woke(key); }));
  settle();
  EXPECT_EQ(in([&](db::Session& db) { return readiness.ready(db, {key}); }), std::vector<WaitKey>{key});

  here_.wake.clear();
  disconnect(kAlice);
  EXPECT_TRUE(here_.wake.woke(key)) << "the session is over";
  EXPECT_EQ(in([&](db::Session& db) { return readiness.ready(db, {key}); }), std::vector<WaitKey>{key});
}

TEST_F(ContactDeltaTest, WithoutASessionOfTheCallerEverythingIsAnsweredAndNothingIsTold) {
  connect(kAlice, "phone");
  settle();
  Caller elsewhere = user(kAlice);
  elsewhere.token_id += 5;  // another log-in of hers
  const auto version = ask(kAlice).version;
  connect(kBob);
  settle();
  const auto other = ask(kAlice, 0, &elsewhere);
  EXPECT_EQ(other.version, 0U);
  EXPECT_TRUE(other.complete);
  EXPECT_EQ(states(other), Texts{news(kBobNumber, Connectability::kConnectable)});
  EXPECT_EQ(states(ask(kAlice, version)), Texts{news(kBobNumber, Connectability::kConnectable)});

  disconnect(kAlice);
  EXPECT_EQ(ask(kAlice, version).version, 0U);
}

TEST_F(ContactDeltaTest, AVersionOfAnotherSessionIsAnsweredCompletely) {
  connect(kAlice);
  const auto before = ask(kAlice);
  disconnect(kAlice);
  connect(kAlice);
  settle();
  const auto after = ask(kAlice, before.version);
  EXPECT_TRUE(after.complete);
  EXPECT_EQ(after.contacts.size(), 1U);
  EXPECT_TRUE(ask(kAlice, after.version + 1000).complete) << "a version that never was";
}

TEST_F(ContactDeltaTest, AContactThatLeftTheListMakesTheAnswerComplete) {
  want(kAlice, {kBobNumber, "tel:+33100000099"});
  connect(kAlice);
  settle();
  const auto first = ask(kAlice);
  EXPECT_EQ(first.contacts.size(), 2U);
  want(kAlice, {kBobNumber});
  settle();
  const auto second = ask(kAlice, first.version);
  EXPECT_TRUE(second.complete);
  EXPECT_EQ(states(second), Texts{news(kBobNumber, Connectability::kNotConnectable)});
}

TEST_F(ContactDeltaTest, AProfileOfSomebodyElseIsNotFound) {
  EXPECT_EQ(fault_of([&] {
              in([&](db::Session& db) {
                here_.coordination.states_place(db, user(kAlice), std::nullopt, "none", 0);
              });
            }),
            "NOT_FOUND(profileId)");
}

// A thousand contacts: one change is one row of answer, and the statements do not grow with them.
TEST_F(ContactDeltaTest, AThousandContactsCostAsManyStatementsAsOne) {
  Texts many;
  for (int i = 0; i < 999; ++i) many.push_back("tel:+3311" + std::to_string(1000000 + i));
  const auto statements = [&](const std::function<void()>& body) {
    const auto before = testing::database().pool().counts().statements;
    body();
    return testing::database().pool().counts().statements - before;
  };
  connect(kAlice);
  settle();
  workers_->stop();
  const auto one = ask(kAlice);
  const auto for_one = statements([&] { ask(kAlice); });
  const auto delta_of_one = statements([&] { ask(kAlice, one.version); });
  many.push_back(kBobNumber);
  want(kAlice, many);
  const auto whole = ask(kAlice);
  EXPECT_EQ(whole.contacts.size(), 1000U);
  EXPECT_EQ(statements([&] { EXPECT_EQ(ask(kAlice).contacts.size(), 1000U); }), for_one);
  EXPECT_EQ(statements([&] { EXPECT_TRUE(ask(kAlice, whole.version).contacts.empty()); }), delta_of_one);
}

// Rows that a body reads, as the storage engine counts them.
TEST_F(ContactDeltaTest, TheRowsReadGrowWithTheContactsAndADeltaOfNothingReadsNone) {
  connect(kAlice);
  settle();
  workers_->stop();
  const auto rows_read = [&](std::uint64_t since) {
    return in([&](db::Session& db) {
      const auto read = [&] {
        return db
            .query_one(
                "SELECT SUM(VARIABLE_VALUE) AS n FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME "
                "LIKE 'Handler_read%' AND VARIABLE_NAME NOT LIKE '%rnd%'",
                [](const db::Row& row) { return row.number("n"); })
            .value();
      };
      const auto place = here_.coordination.states_place(db, user(kAlice), std::nullopt, "work", since);
      const auto before = read();
      here_.coordination.contact_states(db, place, since);
      return read() - before;
    });
  };
  std::map<int, std::int64_t> whole;
  for (const int contacts : {10, 100, 1000}) {
    Texts numbers;
    for (int i = 0; i < contacts; ++i) numbers.push_back("tel:+3311" + std::to_string(1000000 + i));
    want(kAlice, numbers);
    const auto version = ask(kAlice).version;
    whole[contacts] = rows_read(0);
    EXPECT_LE(rows_read(version), 10) << contacts;
  }
  const auto each = (whole[100] - whole[10]) / 90.0;
  EXPECT_LE(each, 12) << "rows for each contact";
  EXPECT_LE((whole[1000] - whole[100]) / 900.0, 1.2 * each) << "more for each of many than of few";
}

TEST_F(ContactDeltaTest, AThousandWaitersAreLookedAtByFewStatements) {
  std::vector<WaitKey> keys;
  for (std::uint64_t id = 1; id <= 1000; ++id) keys.push_back(Coordination::states_key(id));
  StatesReadiness readiness;
  in([&](db::Session& db) {
    const auto before = testing::database().pool().counts().statements;
    EXPECT_EQ(readiness.ready(db, keys).size(), 1000U) << "their sessions are over";
    EXPECT_LE(testing::database().pool().counts().statements - before, 4U);
  });
}

TEST_F(ContactDeltaTest, ConnectingAnswersAThousandAndTheRestFollows) {
  const auto list = [](int from) {
    Texts numbers;
    for (int i = 0; i < 700; ++i) numbers.push_back("tel:+3311" + std::to_string(1000000 + from + i));
    return numbers;
  };
  add_profile(900, kAlice, "home");
  want(kAlice, list(0));
  in([&](db::Session& db) {
    const auto home = here_.profiles.find_profile(db, kAlice, "home").value();
    here_.profiles.set_contact_lists(db, home, {list(700), {}, {}}, std::nullopt);
  });
  settle();
  const auto connected = connect(kAlice);
  EXPECT_EQ(connected.contacts.size(), 1000U);
  settle();
  EXPECT_EQ(told(kAlice).size(), 400U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM contact_watch"), 1400);

  EXPECT_EQ(connect(kAlice).contacts.size(), 1000U);
  settle();
  EXPECT_EQ(told(kAlice).size(), 400U) << "again, as the whole snapshot was asked again";
}

}  // namespace
}  // namespace whitebrick::coordination
