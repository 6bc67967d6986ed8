// GetConnectability: who asks decides what is seen.

#include <set>

#include "modules/coordination/urgent.hpp"
#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using availability::ModeState;
using States = std::vector<Connectability>;

class ConnectabilityTest : public CoordinationFixture {
 protected:
  States ask(const Caller& caller, const Question& question) {
    return in([&](db::Session& db) {
      States states;
      for (const Reach& reach : here_.coordination.connectability(db, caller, question))
        states.push_back(reach.state);
      return states;
    });
  }
  States ask(const Caller& caller, const std::vector<std::string>& contacts) {
    return ask(caller, {contacts, {}, {}});
  }
  static Caller admin() {
    Caller caller;
    caller.role = Role::kAdmin;
    caller.account_id = 1;
    return caller;
  }
};

TEST_F(ConnectabilityTest, AnswersInTheOrderAskedHoweverNumbersAreWritten) {
  connect(kBob);
  EXPECT_EQ(ask(user(kAlice), {"+33 1 00 00 00 22", "sip:nobody@example.org", kAliceNumber, kBobNumber}),
            (States{Connectability::kConnectable, Connectability::kUnknown, Connectability::kNotConnectable,
                    Connectability::kConnectable}));
  EXPECT_EQ(fault_of([&] { ask(user(kAlice), {kBobNumber, "no number"}); }), "INVALID_ARGUMENT(contact)");
}

TEST_F(ConnectabilityTest, AThousandContactsTakeOneQuery) {
  std::vector<std::string> contacts;
  for (int i = 0; i < 1000; ++i) contacts.push_back("sip:user" + std::to_string(i) + "@example.org");
  connect(kBob);
  contacts[500] = kBobNumber;
  auto& pool = testing::database().pool();
  auto lease = pool.lease();
  const auto before = pool.counts().statements;
  const auto states = here_.coordination.connectability(lease.session(), user(kAlice), {contacts, {}, {}});
  EXPECT_EQ(pool.counts().statements - before, 1U);
  EXPECT_EQ(std::ranges::count(states, Connectability::kUnknown, &Reach::state), 999);
  EXPECT_EQ(states[500].state, Connectability::kConnectable);
  contacts.push_back(kBobNumber);
  EXPECT_EQ(fault_of([&] { ask(user(kAlice), contacts); }), "LIMIT_EXCEEDED(contact)");
}

TEST_F(ConnectabilityTest, AServiceAsksInItsOwnNameOrInThatOfAUserItServes) {
  connect(kBob);
  in([](db::Session& db) { db.execute("UPDATE profile SET policy = 3 WHERE id = 42"); });
  EXPECT_EQ(ask(service(kMail), {kBobNumber}), States{Connectability::kUnknown});
  let_use_mail(kBob);
  EXPECT_EQ(ask(service(kMail), {kBobNumber}), States{Connectability::kConnectable});

  let_use_mail(kAlice);
  connect_service(kMail);
  const auto session = open_mail(kAlice, connect(kAlice).access_sessions.at(0).id);
  EXPECT_EQ(ask(service(kMail), Question{{kBobNumber, kAliceNumber}, {}, session.id}),
            (States{Connectability::kUnknown, Connectability::kConnectable}))
      << "as alice sees them";
  EXPECT_EQ(fault_of([&] {
              ask(service(kPortal), Question{{kBobNumber}, {}, session.id});
            }),
            "SESSION_ENDED(serviceSessionId)");
  EXPECT_EQ(fault_of([&] {
              ask(user(kAlice), Question{{kBobNumber}, {}, session.id});
            }),
            "FORBIDDEN(serviceSessionId)");
  disconnect(kAlice);
  EXPECT_EQ(fault_of([&] {
              ask(service(kMail), Question{{kBobNumber}, {}, session.id});
            }),
            "SESSION_ENDED(serviceSessionId)");
}

TEST_F(ConnectabilityTest, AUserAsksFromASessionOfHisOwn) {
  const auto session = connect(kAlice).access_sessions.at(0).id;
  EXPECT_EQ(ask(user(kAlice), Question{{kAliceNumber}, session, {}}), States{Connectability::kConnectable});
  EXPECT_EQ(fault_of([&] {
              ask(user(kBob), Question{{kAliceNumber}, session, {}});
            }),
            "SESSION_ENDED(accessSessionId)");
}

// Nobody, closed, refusing, hidden by a level: what is stored about a number asks nothing of who has it.
TEST_F(ConnectabilityTest, ListsAndPermissionsCostTheSameForAnybody) {
  add_user(70, "closed", "3");
  add_user(71, "refusing");
  add_user(72, "gone");
  want(71, {}, {}, {kAliceNumber});
  set_level(72, ModeState::kUnknown);
  auto& pool = testing::database().pool();
  std::set<std::uint64_t> allowing, listing;
  const auto owner = work(kAlice);
  for (const char* contact :
       {"tel:+33188888888", "tel:+33100000070", "tel:+33100000071", "tel:+33100000072", kBobNumber}) {
    auto before = pool.counts().statements;
    EXPECT_TRUE(in([&](db::Session& db) {
      return here_.coordination.urgent_messages().allow(
          db, owner, {.contact = contact, .voice = true, .written = false, .until = {}});
    }));
    allowing.insert(pool.counts().statements - before);
    before = pool.counts().statements;
    in([&](db::Session& db) {
      here_.profiles.set_contact_lists(db, owner, {{contact}, {contact}, {}}, std::nullopt);
    });
    listing.insert(pool.counts().statements - before);
  }
  EXPECT_EQ(allowing.size(), 1U);
  EXPECT_EQ(listing.size(), 1U);
}

TEST_F(ConnectabilityTest, AnAdministratorSeesThePlainTruth) {
  in([](db::Session& db) { db.execute("UPDATE profile SET policy = 3"); });
  connect(kBob);
  EXPECT_EQ(
      ask(admin(), {kBobNumber, kAliceNumber, "tel:+33100000099"}),
      (States{Connectability::kConnectable, Connectability::kNotConnectable, Connectability::kUnknown}));
  set_level(kBob, ModeState::kNotAvailable);
  EXPECT_EQ(ask(admin(), {kBobNumber}), States{Connectability::kNotConnectable});
}

}  // namespace
}  // namespace whitebrick::coordination
