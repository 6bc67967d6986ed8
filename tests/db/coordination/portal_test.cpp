// A portal connects terminals of many users, pulls for all of them, and takes them along when it goes.

#include <set>

#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using Texts = std::vector<std::string>;

class PortalTest : public CoordinationFixture {
 protected:
  std::uint64_t portal_queue() {
    return in([&](db::Session& db) {
      return here_.events.find_queue(db, {events::PartyKind::kService, kPortal}, "terminals").value();
    });
  }
};

TEST_F(PortalTest, SpeaksForUsersWhoseTokenItShows) {
  EXPECT_EQ(fault_of([&] { connect_by_portal("alice"); }), "NOT_CONNECTED");
  connect_service(kPortal);
  EXPECT_EQ(fault_of([&] { connect_by_portal("nobody"); }), "AUTHENTICATION_FAILED(userToken)");
  const auto call = [&](const Caller& caller, std::optional<std::string> token) {
    return fault_of([&] {
      in([&](db::Session& db) {
        here_.coordination.connect_terminal(db, caller, token, "phone", {}, std::nullopt);
      });
    });
  };
  EXPECT_EQ(call(service(kPortal), std::nullopt), "INVALID_ARGUMENT(userToken)");
  EXPECT_EQ(call(user(kAlice), "token of bob"), "INVALID_ARGUMENT(userToken)");
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM terminal_session"), 0);

  const auto connected = connect_by_portal("alice");
  ASSERT_EQ(connected.access_sessions.size(), 1U);
  ASSERT_TRUE(connected.access_sessions[0].via);
  EXPECT_EQ(connected.access_sessions[0].via->name, "portal");
  EXPECT_EQ(connected.contacts.size(), 1U);
}

TEST_F(PortalTest, OneQueueHoldsWhatAllItsTerminalsAreTold) {
  start_workers();
  connect_service(kPortal);
  connect_by_portal("alice");
  connect_by_portal("bob");
  connect_by_portal("bob", "laptop");
  settle();
  drain(portal_queue());

  set_level(kAlice, availability::ModeState::kNotAvailable);
  settle();
  std::set<std::string> terminals;
  for (const auto& event : drain(portal_queue())) {
    if (event.type == "contact.state") terminals.insert(event.user + "/" + event.terminal);
  }
  EXPECT_EQ(terminals, (std::set<std::string>{"bob/laptop", "bob/phone"}));
}

TEST_F(PortalTest, ItsTerminalsLiveWhileItIsConnected) {
  start_workers();
  connect_service(kPortal);
  connect_by_portal("alice");
  connect(kBob);
  settle();
  expire();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM terminal_session"), 2);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM terminal_session WHERE lease_until IS NULL"), 1);
  told(kBob);

  disconnect_service(kPortal);
  settle();
  EXPECT_EQ(count("SELECT user_id AS n FROM terminal_session"), static_cast<std::int64_t>(kBob));
  EXPECT_EQ(told(kBob), Texts{news(kAliceNumber, Connectability::kNotConnectable)});
}

TEST_F(PortalTest, TheJobEndsTheTerminalsOfAPortalThatIsGone) {
  constexpr std::uint64_t kFirst = 600, kUsers = 40;  // more than the event's handler takes at once
  start_workers();
  connect_service(kPortal);
  for (std::uint64_t id = kFirst; id < kFirst + kUsers; ++id) {
    add_user(id, "user" + std::to_string(id));
    connect_by_portal("user" + std::to_string(id));
  }
  disconnect_service(kPortal);
  settle();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM terminal_session"), 15);
  expire();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM terminal_session"), 0);
  EXPECT_EQ(
      count("SELECT COUNT(*) AS n FROM event WHERE type = 'session.ended' AND content LIKE '%SERVICE_GONE%'"),
      40);
}

// Nobody looked while it was away.
TEST_F(PortalTest, APortalThatCameBackHasLostItsTerminals) {
  connect_service(kPortal);
  connect_by_portal("alice");
  in([](db::Session& db) {
    db.execute("UPDATE terminal_session SET connected_at = connected_at - INTERVAL 1 MINUTE");
  });
  disconnect_service(kPortal);
  connect_service(kPortal);
  connect_by_portal("bob");
  expire();
  EXPECT_EQ(count("SELECT user_id AS n FROM terminal_session"), static_cast<std::int64_t>(kBob));
}

TEST_F(PortalTest, ATerminalThatComesBackAnotherWayKeepsItsSessionsAndEvents) {
  start_workers();
  connect_service(kPortal);
  const auto direct = connect(kAlice);
  connect(kBob);
  settle();
  const auto by_portal = connect_by_portal("alice");
  EXPECT_EQ(by_portal.access_sessions.at(0).id, direct.access_sessions.at(0).id);
  EXPECT_EQ(states_in(drain(portal_queue())), Texts{news(kBobNumber, Connectability::kConnectable)})
      << "what it had not pulled yet came along";
  set_level(kBob, availability::ModeState::kNotAvailable);
  settle();
  EXPECT_EQ(states_in(drain(portal_queue())), Texts{news(kBobNumber, Connectability::kNotConnectable)});
  EXPECT_EQ(told(kAlice), Texts{});
}

TEST_F(PortalTest, LosesTheTerminalsOfAUserWhoLogsOut) {
  connect_service(kPortal);
  connect_by_portal("alice");
  connect_by_portal("bob");
  in([&](db::Session& db) { return here_.identity.logout(db, user(kAlice)); });
  end_void();
  EXPECT_EQ(connected_users(), std::vector<std::uint64_t>{kBob});
}

TEST_F(PortalTest, DisconnectsATerminalForItsUser) {
  connect_service(kPortal);
  connect_by_portal("alice");
  const auto ended = in([&](db::Session& db) {
    return here_.coordination.disconnect_terminal(db, service(kPortal), "token of alice", "phone");
  });
  EXPECT_EQ(ended.access_sessions, 1);
}

}  // namespace
}  // namespace whitebrick::coordination
