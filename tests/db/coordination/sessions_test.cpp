// Access and service sessions: opened, listed, ended; what hangs on one ends with it.

#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using Texts = std::vector<std::string>;

class SessionsTest : public CoordinationFixture {
 protected:
  void SetUp() override {
    CoordinationFixture::SetUp();
    add_profile(900, kAlice, "home");
    let_use_mail(kAlice);
    in([](db::Session& db) {
      db.execute("INSERT INTO profile_service (profile_id, service_id) VALUES (900, ?)", kMail);
    });
    connect_service(kMail);
    let_mail_hear_of_sessions();
  }
  static Texts profiles_of(const std::vector<AccessSession>& sessions) {
    Texts names;
    for (const auto& session : sessions) names.push_back(session.profile);
    std::ranges::sort(names);
    return names;
  }
  std::vector<AccessSession> sessions_of(std::uint64_t user_id) {
    return in([&](db::Session& db) { return here_.coordination.access_sessions(db, user_id); });
  }
  Ended deactivate(std::uint64_t user_id, const std::string& session) {
    return in([&](db::Session& db) {
      return here_.coordination.deactivate_profile(db, user(user_id), std::nullopt, session);
    });
  }
  Ended close(const Caller& caller, const std::string& session) {
    return in([&](db::Session& db) { return here_.coordination.close_service_session(db, caller, session); });
  }
  std::vector<ServiceSession> service_sessions(const Caller& caller, std::optional<std::uint64_t> user_id) {
    return in(
        [&](db::Session& db) { return here_.coordination.service_sessions(db, caller, user_id).sessions; });
  }
};

TEST_F(SessionsTest, ATerminalGetsOneAccessSessionForEachProfile) {
  const auto connected = connect(kAlice);
  EXPECT_EQ(profiles_of(connected.access_sessions), (Texts{"home", "work"}));
  EXPECT_EQ(connected.lease_seconds, 90);
  const auto& session = connected.access_sessions.front();
  EXPECT_EQ(session.user, "alice");
  EXPECT_EQ(session.terminal, "phone");
  EXPECT_FALSE(session.via);
  EXPECT_EQ(profiles_of(sessions_of(kAlice)), (Texts{"home", "work"}));
  EXPECT_TRUE(sessions_of(kBob).empty());
}

TEST_F(SessionsTest, ConnectingAgainKeepsTheSessionsAndAddsProfiles) {
  const auto first = connect(kAlice, "phone", {"work", "work"});
  ASSERT_EQ(first.access_sessions.size(), 1U);
  const auto second = connect(kAlice, "phone", {"home"}, 45);
  EXPECT_EQ(second.terminal_session_id, first.terminal_session_id);
  EXPECT_EQ(second.lease_seconds, 45);
  ASSERT_EQ(second.access_sessions.size(), 2U);
  EXPECT_EQ(second.access_sessions[0].id, first.access_sessions[0].id);
  EXPECT_EQ(second.contacts.size(), 1U) << "of the kept session, too";
}

TEST_F(SessionsTest, ActivatingAnswersThatProfileAlone) {
  const auto connected = connect(kAlice, "phone", {"home"});
  EXPECT_TRUE(connected.contacts.empty());
  const auto activated = in([&](db::Session& db) {
    return here_.coordination.activate_profile(db, user(kAlice), std::nullopt, "phone", "work");
  });
  ASSERT_EQ(activated.access_sessions.size(), 1U);
  EXPECT_EQ(activated.access_sessions[0].profile, "work");
  ASSERT_EQ(activated.contacts.size(), 1U);
  EXPECT_EQ(activated.contacts[0].contact, kBobNumber);
  EXPECT_EQ(fault_of([&] {
              in([&](db::Session& db) {
                here_.coordination.activate_profile(db, user(kAlice), std::nullopt, "laptop", "work");
              });
            }),
            "NOT_CONNECTED(terminalId)");
}

TEST_F(SessionsTest, WhatIsNotTheUsersIsNotFound) {
  EXPECT_EQ(fault_of([&] { connect(kAlice, "fax"); }), "NOT_FOUND(terminalId)");
  EXPECT_EQ(fault_of([&] { connect(kAlice, "phone", {"club"}); }), "NOT_FOUND(activate)");
  const auto session = connect(kAlice).access_sessions.at(0).id;
  EXPECT_EQ(fault_of([&] { deactivate(kBob, session); }), "NOT_FOUND(accessSessionId)");
  EXPECT_EQ(fault_of([&] { open_mail(kBob, session); }), "NOT_FOUND(accessSessionId)");
  const auto mail = open_mail(kAlice, session);
  EXPECT_EQ(fault_of([&] { close(user(kBob), mail.id); }), "NOT_FOUND(serviceSessionId)");
  EXPECT_EQ(fault_of([&] { close(service(kPortal), mail.id); }), "NOT_FOUND(serviceSessionId)");
  EXPECT_EQ(sessions_of(kAlice).size(), 2U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM service_session"), 1);
}

TEST_F(SessionsTest, DisconnectingEndsEverythingOnceForOneCause) {
  connect(kAlice, "phone", {"home"});
  const auto connected = connect(kAlice, "phone", {"work"});
  open_mail(kAlice, connected.access_sessions.at(1).id);
  connect(kAlice, "laptop", {"work"});

  const auto ended = disconnect(kAlice);
  EXPECT_FALSE(ended.already);
  EXPECT_EQ(ended.access_sessions, 2);
  EXPECT_EQ(ended.service_sessions, 1);
  EXPECT_TRUE(disconnect(kAlice).already);

  const auto told_mail = heard_by_mail();
  EXPECT_EQ(of_type(told_mail, "session.ended", "cause"), Texts{"DISCONNECTED"})
      << "of the use of mail alone";
  const auto told_laptop = drain(queue_of(kAlice, "laptop"));
  const auto causes = of_type(told_laptop, "session.ended", "causeId");
  ASSERT_EQ(causes.size(), 2U)
      << "the other terminal of the profile: its access session and the service session";
  EXPECT_EQ(causes, Texts(2, of_type(told_mail, "session.ended", "causeId").at(0)));
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM contact_watch w LEFT JOIN access_session a ON a.id = "
                  "w.access_session_id "
                  "WHERE a.id IS NULL"),
            0);
  EXPECT_EQ(sessions_of(kAlice).size(), 1U);
}

TEST_F(SessionsTest, DeactivatingEndsOneProfileAtOneTerminal) {
  const auto connected = connect(kAlice);
  const auto& work = connected.access_sessions[1].profile == "work" ? connected.access_sessions[1]
                                                                    : connected.access_sessions[0];
  open_mail(kAlice, work.id);
  const auto ended = deactivate(kAlice, work.id);
  EXPECT_EQ(ended.access_sessions, 1);
  EXPECT_EQ(ended.service_sessions, 1);
  EXPECT_TRUE(deactivate(kAlice, work.id).already);
  EXPECT_EQ(profiles_of(sessions_of(kAlice)), Texts{"home"});
  EXPECT_EQ(of_type(heard_by_mail(), "session.ended", "cause"), Texts{"DEACTIVATED"});
  EXPECT_EQ(fault_of([&] { open_mail(kAlice, work.id); }), "SESSION_ENDED(accessSessionId)");
}

TEST_F(SessionsTest, AServiceSessionIsOpenedOncePerAccessSession) {
  const auto access = connect(kAlice, "phone", {"work"}).access_sessions.at(0);
  const auto session = open_mail(kAlice, access.id);
  EXPECT_EQ(session.access_session_id, access.id);
  EXPECT_EQ(session.profile, "work");
  EXPECT_EQ(session.service.name, "mail");
  EXPECT_EQ(open_mail(kAlice, access.id).id, session.id);

  EXPECT_EQ(service_sessions(user(kAlice), kAlice).size(), 1U);
  EXPECT_EQ(service_sessions(service(kMail), std::nullopt).size(), 1U);
  EXPECT_TRUE(service_sessions(service(kMail), kBob).empty());
  EXPECT_TRUE(service_sessions(service(kPortal), std::nullopt).empty());

  EXPECT_FALSE(close(service(kMail), session.id).already);
  EXPECT_TRUE(close(user(kAlice), session.id).already);
  const auto told_mail = heard_by_mail();
  EXPECT_EQ(of_type(told_mail, "session.ended", "serviceSessionId"), Texts{session.id});
  EXPECT_EQ(of_type(told_mail, "session.ended", "cause"), Texts{"CLOSED"});
}

TEST_F(SessionsTest, OnlyConnectedServicesOfTheProfileAreOpened) {
  const auto access = connect(kBob).access_sessions.at(0).id;
  EXPECT_EQ(fault_of([&] { open_mail(kBob, access); }), "FORBIDDEN(service)");
  let_use_mail(kBob);
  disconnect_service(kMail);
  EXPECT_EQ(fault_of([&] { open_mail(kBob, access); }), "NOT_CONNECTED(service)");
  EXPECT_EQ(fault_of([&] {
              in([&](db::Session& db) {
                here_.coordination.open_service_session(db, user(kBob), {access, {"nothing", "acme"}, {}});
              });
            }),
            "NOT_FOUND(service)");
}

TEST_F(SessionsTest, AServiceThatGoesEndsItsSessions) {
  start_workers();
  const auto access = connect(kAlice, "phone", {"work"}).access_sessions.at(0).id;
  open_mail(kAlice, access);
  settle();
  drain(queue_of(kAlice));
  disconnect_service(kMail);
  settle();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM service_session"), 0);
  EXPECT_EQ(of_type(drain(queue_of(kAlice)), "session.ended", "cause"), Texts{"SERVICE_GONE"});
  expire();
  EXPECT_TRUE(of_type(drain(queue_of(kAlice)), "session.ended", "cause").empty());
}

}  // namespace
}  // namespace whitebrick::coordination
