// Sessions that change, services used by means of one another, and what is deleted under them.

#include <atomic>
#include <thread>

#include "tests/db/coordination/coordination_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using Texts = std::vector<std::string>;

class SessionChangesTest : public CoordinationFixture {
 protected:
  void SetUp() override {
    CoordinationFixture::SetUp();
    add_profile(900, kAlice, "home");
    let_use_mail(kAlice);
    use(41, kPortal);
    connect_service(kMail);
    connect_service(kPortal);
    let_mail_hear_of_sessions();
  }
  void use(std::uint64_t profile_id, std::uint64_t service_id) {
    in([&](db::Session& db) {
      db.execute("INSERT INTO profile_service (profile_id, service_id) VALUES (?, ?)", profile_id,
                 service_id);
    });
  }
  ConnectedTerminal modify(std::uint64_t user_id, const AccessSessionChange& change) {
    return in([&](db::Session& db) {
      return here_.coordination.modify_access_session(db, user(user_id), std::nullopt, change);
    });
  }
  ServiceSession modify(const Caller& caller, const ServiceSessionChange& change) {
    return in([&](db::Session& db) { return here_.coordination.modify_service_session(db, caller, change); });
  }
  ServiceSession open(const Caller& caller, const OpenService& open) {
    return in([&](db::Session& db) { return here_.coordination.open_service_session(db, caller, open); });
  }
  std::string access_session(const std::string& profile = "work", const std::string& terminal = "phone") {
    return connect(kAlice, terminal, {profile}).access_sessions.back().id;
  }
  void want_at_home(const std::vector<std::string>& numbers) {
    in([&](db::Session& db) {
      const auto home = here_.profiles.find_profile(db, kAlice, "home").value();
      here_.profiles.set_contact_lists(db, home, {numbers, {}, {}}, std::nullopt);
    });
  }
  ServiceSession open_portal(const std::string& access) {
    return open(user(kAlice), {access, {"portal", "acme"}, {}});
  }
  int live_service_sessions() { return static_cast<int>(count("SELECT COUNT(*) AS n FROM service_session")); }
};

// Something is being opened in one transaction while `meanwhile` happens and is dealt with, unless that waits
// for the same rows.
class OpeningTest : public SessionChangesTest {
 protected:
  void SetUp() override {
    SessionChangesTest::SetUp();
    start_workers();
  }
  template <class Opening, class Meanwhile>
  void open_while(Opening&& opening, Meanwhile&& meanwhile) {
    constexpr auto kPatience = std::chrono::milliseconds(500);
    std::thread other;
    std::atomic<bool> happened = false;
    testing::database().fresh_pool(1)->in_transaction([&](db::Session& db) {
      opening(db);
      other = std::thread([&] {
        in([&](db::Session& session) { meanwhile(session); });
        happened = true;
      });
      if (testing::eventually([&] { return happened.load(); }, kPatience))
        testing::eventually([&] { return to_hear() == 0; }, kPatience);
    });
    other.join();
    settle();
    end_void();
    settle();
  }
  // Events that the components have still to deal with.
  std::int64_t to_hear() {
    return count(
        "SELECT COUNT(*) AS n FROM delivery d JOIN queue q ON q.id = d.queue_id WHERE q.owner_kind = 3");
  }
  std::int64_t subscriptions_for(std::uint64_t profile_id) {
    return count("SELECT COUNT(*) AS n FROM subscription WHERE owner_kind = 2 AND profile_id = " +
                 std::to_string(profile_id));
  }
};

TEST_F(OpeningTest, ATerminalThatConnectsWhileItsProfileGoesKeepsNoSessionOfIt) {
  want_at_home({kBobNumber});
  open_while(
      [&](db::Session& db) {
        here_.coordination.connect_terminal(db, user(kAlice), std::nullopt, "phone", {}, std::nullopt);
      },
      [&](db::Session& db) { here_.profiles.delete_profile(db, kAlice, "home", std::nullopt); });
  EXPECT_EQ(count("SELECT profile_id AS n FROM access_session"), 41) << "and no other";
  EXPECT_EQ(subscriptions_for(900), 0);
  EXPECT_EQ(subscriptions_for(41), 1);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM contact_watch w LEFT JOIN access_session a ON a.id = "
                  "w.access_session_id WHERE a.id IS NULL"),
            0);
}

TEST_F(OpeningTest, AProfileThatIsActivatedWhileItGoesKeepsNoSession) {
  access_session();
  open_while(
      [&](db::Session& db) {
        here_.coordination.activate_profile(db, user(kAlice), std::nullopt, "phone", "home");
      },
      [&](db::Session& db) { here_.profiles.delete_profile(db, kAlice, "home", std::nullopt); });
  EXPECT_EQ(count("SELECT profile_id AS n FROM access_session"), 41) << "and no other";
  EXPECT_EQ(subscriptions_for(900), 0);
}

TEST_F(OpeningTest, ATerminalThatConnectsWhileItIsDeletedIsConnectedNoMore) {
  open_while(
      [&](db::Session& db) {
        here_.coordination.connect_terminal(db, user(kAlice), std::nullopt, "phone", {}, std::nullopt);
      },
      [&](db::Session& db) { here_.profiles.delete_terminal(db, kAlice, "phone", std::nullopt); });
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM terminal_session"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM access_session"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM subscription WHERE owner_kind = 2"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM queue WHERE owner_kind = 2"), 0);
}

TEST_F(OpeningTest, AServiceThatIsOpenedWhileItsSubscriptionGoesIsUsedNoMore) {
  const auto session = access_session();
  open_while(
      [&](db::Session& db) {
        here_.coordination.open_service_session(db, user(kAlice), {session, {"mail", "acme"}, {}});
      },
      [&](db::Session& db) {
        here_.profiles.unsubscribe_from_service(db, here_.profiles.find_profile(db, kAlice, "work").value(),
                                                {"mail", "acme"});
      });
  EXPECT_EQ(live_service_sessions(), 0);
  EXPECT_EQ(of_type(heard_by_mail(), "session.ended", "cause"), Texts{"UNSUBSCRIBED"});
}

TEST_F(OpeningTest, AProfileMadeAgainKeepsWhatItsTerminalsAreTold) {
  connect(kAlice, "phone", {"work", "home"});
  settle();
  workers_->stop();
  in([&](db::Session& db) { here_.profiles.delete_profile(db, kAlice, "home", std::nullopt); });
  add_profile(901, kAlice, "home");
  connect(kAlice, "phone", {"home"});
  start_workers();
  settle();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM access_session WHERE profile_id = 900"), 0);
  EXPECT_EQ(
      count("SELECT COUNT(*) AS n FROM access_session a JOIN subscription s ON s.id = a.subscription_id "
            "WHERE a.profile_id = 901 AND s.profile_id = 901"),
      1);
}

TEST_F(SessionChangesTest, ASessionGoesOnWithAnotherProfile) {
  const auto session = access_session();
  open_mail(kAlice, session);
  const auto changed = modify(kAlice, {session, "home", {}});
  ASSERT_EQ(changed.access_sessions.size(), 1U);
  EXPECT_EQ(changed.access_sessions[0].id, session);
  EXPECT_EQ(changed.access_sessions[0].profile, "home");
  EXPECT_TRUE(changed.contacts.empty()) << "home wants nobody";
  EXPECT_EQ(live_service_sessions(), 0);
  EXPECT_EQ(of_type(heard_by_mail(), "session.ended", "cause"), Texts{"UNSUBSCRIBED"});
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM contact_watch"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM subscription WHERE owner_kind = 2 AND profile_id = 900"), 1);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM subscription WHERE owner_kind = 2 AND profile_id = 41"), 0);

  const auto back = modify(kAlice, {session, "work", {}});
  ASSERT_EQ(back.contacts.size(), 1U);
  EXPECT_EQ(back.contacts[0].contact, kBobNumber);
}

TEST_F(SessionChangesTest, ServicesOfBothProfilesGoOn) {
  use(900, kMail);
  const auto session = access_session();
  const auto mail = open_mail(kAlice, session);
  modify(kAlice, {session, "home", {}});
  const auto sessions =
      in([&](db::Session& db) { return here_.coordination.service_sessions(db, user(kAlice), {}).sessions; });
  ASSERT_EQ(sessions.size(), 1U);
  EXPECT_EQ(sessions[0].id, mail.id);
  EXPECT_EQ(sessions[0].profile, "home");
}

TEST_F(SessionChangesTest, WhatCannotBeChanged) {
  const auto session = access_session();
  access_session("home");
  EXPECT_EQ(fault_of([&] { modify(kAlice, {session, "home", {}}); }), "ALREADY_EXISTS(profileId)");
  EXPECT_EQ(fault_of([&] { modify(kAlice, {session, "club", {}}); }), "NOT_FOUND(profileId)");
  EXPECT_EQ(fault_of([&] { modify(kBob, {session, "work", {}}); }), "NOT_FOUND(accessSessionId)");
  disconnect(kAlice);
  EXPECT_EQ(fault_of([&] { modify(kAlice, {session, "work", {}}); }), "SESSION_ENDED(accessSessionId)");
}

TEST_F(SessionChangesTest, CallsRingAtTheTerminalThatWasChosenLast) {
  const auto phone = access_session("work", "phone"), laptop = access_session("work", "laptop");
  EXPECT_TRUE(modify(kAlice, {phone, {}, true}).access_sessions.at(0).rings);
  EXPECT_TRUE(modify(kAlice, {laptop, {}, true}).access_sessions.at(0).rings);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM access_session WHERE rings = 1"), 1);
  EXPECT_FALSE(modify(kAlice, {phone, {}, false}).access_sessions.at(0).rings);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM access_session WHERE rings = 1"), 1) << "of the laptop still";
  modify(kAlice, {laptop, {}, false});
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM access_session WHERE rings = 1"), 0);
}

TEST_F(SessionChangesTest, AServiceUsedByMeansOfAnotherEndsWithIt) {
  const auto access = access_session();
  const auto portal = open_portal(access);
  const auto mail = open(user(kAlice), {access, {"mail", "acme"}, portal.id});
  ASSERT_EQ(mail.chain.size(), 1U);
  EXPECT_EQ(mail.chain[0].service_session_id, portal.id);
  EXPECT_EQ(mail.chain[0].service.name, "portal");
  EXPECT_EQ(open(user(kAlice), {access, {"mail", "acme"}, portal.id}).id, mail.id) << "open already";

  const auto ended = in(
      [&](db::Session& db) { return here_.coordination.close_service_session(db, user(kAlice), portal.id); });
  EXPECT_EQ(ended.service_sessions, 2);
  EXPECT_EQ(live_service_sessions(), 0);
  EXPECT_EQ(of_type(heard_by_mail(), "session.ended", "serviceSessionId"), Texts{mail.id}) << "its own alone";
  const auto told = drain(queue_of(kAlice));
  const auto causes = of_type(told, "session.ended", "causeId");
  ASSERT_EQ(causes.size(), 2U);
  EXPECT_EQ(causes[0], causes[1]);
}

TEST_F(SessionChangesTest, AServiceOpensOnlyByMeansOfItsOwnSession) {
  const auto access = access_session();
  const auto portal = open_portal(access);
  EXPECT_EQ(fault_of([&] {
              open(service(kPortal), {access, {"mail", "acme"}, {}});
            }),
            "FORBIDDEN(viaServiceSessionId)");
  EXPECT_EQ(fault_of([&] {
              open(service(kMail), {access, {"mail", "acme"}, portal.id});
            }),
            "SESSION_ENDED(viaServiceSessionId)");
  const auto mail = open(service(kPortal), {access, {"mail", "acme"}, portal.id});
  EXPECT_EQ(mail.user, "alice");
  EXPECT_EQ(mail.chain.size(), 1U);

  const auto of_bob = connect(kBob).access_sessions.at(0).id;
  EXPECT_EQ(fault_of([&] {
              open(service(kPortal), {of_bob, {"mail", "acme"}, portal.id});
            }),
            "NOT_FOUND(accessSessionId)");
}

TEST_F(SessionChangesTest, RightsAreCheckedAlongTheChain) {
  const auto access = access_session();
  const auto portal = open_portal(access);
  EXPECT_EQ(fault_of([&] {
              open(user(kAlice), {access, {"mail", "acme"}, std::string(32, '0')});
            }),
            "SESSION_ENDED(viaServiceSessionId)");
  in([](db::Session& db) {
    db.execute("DELETE FROM profile_service WHERE profile_id = 41 AND service_id = 12");
  });
  EXPECT_EQ(fault_of([&] {
              open(user(kAlice), {access, {"mail", "acme"}, portal.id});
            }),
            "FORBIDDEN(viaServiceSessionId)");
  use(41, kPortal);
  open_mail(kAlice, access);
  EXPECT_EQ(fault_of([&] {
              open(user(kAlice), {access, {"mail", "acme"}, portal.id});
            }),
            "ALREADY_EXISTS(viaServiceSessionId)");
  disconnect_service(kPortal);
  EXPECT_EQ(fault_of([&] {
              open(user(kAlice), {access, {"mail", "acme"}, portal.id});
            }),
            "NOT_CONNECTED(viaServiceSessionId)");
}

// By means of the portal, which only work subscribes to.
TEST_F(SessionChangesTest, AChainGoesOnOnlyWhereEveryServiceOfItIsSubscribed) {
  use(900, kMail);
  const auto access = access_session(), home = access_session("home", "laptop");
  const auto portal = open_portal(access);
  const auto mail = open(user(kAlice), {access, {"mail", "acme"}, portal.id});
  EXPECT_EQ(fault_of([&] { modify(user(kAlice), {mail.id, home, {}}); }), "FORBIDDEN(accessSessionId)");

  const auto there = access_session("work", "laptop");
  EXPECT_EQ(modify(user(kAlice), {mail.id, there, {}}).access_session_id, there);
  in([&](db::Session& db) { here_.coordination.deactivate_profile(db, user(kAlice), std::nullopt, home); });
  modify(kAlice, {there, "home", {}});
  EXPECT_EQ(count("SELECT service_id AS n FROM service_session"), kPortal)
      << "of its other terminal, and no other";
  EXPECT_EQ(of_type(heard_by_mail(), "session.ended", "cause"), Texts{"UNSUBSCRIBED"});
}

TEST_F(SessionChangesTest, UnsubscribingEndsWhatIsUsedByMeansOfTheServiceFromAnotherProfile) {
  use(900, kMail);
  use(900, kPortal);
  const auto home = access_session("home"), access = access_session("work", "laptop");
  const auto open_chain = [&] {
    const auto portal = open_portal(home);
    open(user(kAlice), {access, {"mail", "acme"}, portal.id});
  };
  open_chain();
  start_workers();
  const auto key = work(kAlice);
  in([&](db::Session& db) { here_.profiles.unsubscribe_from_service(db, key, {"portal", "acme"}); });
  settle();
  EXPECT_EQ(count("SELECT service_id AS n FROM service_session"), kPortal) << "at home, and no other";

  // Opened while that was heard: the job finds it.
  use(41, kPortal);
  open_chain();
  in([](db::Session& db) {
    db.execute("DELETE FROM profile_service WHERE profile_id = 41 AND service_id = ?", kPortal);
  });
  end_void();
  EXPECT_EQ(count("SELECT service_id AS n FROM service_session"), kPortal) << "at home, and no other";
}

TEST_F(SessionChangesTest, ParametersAreSetRemovedAndKept) {
  const auto mail = open_mail(kAlice, access_session());
  modify(user(kAlice), {mail.id, {}, {{"folder", "inbox"}, {"sort", "date"}}});
  const auto changed = modify(service(kMail), {mail.id, {}, {{"sort", std::nullopt}, {"font", ""}}});
  ASSERT_EQ(changed.parameters.size(), 2U);
  EXPECT_EQ(changed.parameters[0].name + changed.parameters[0].value, "folderinbox");
  EXPECT_EQ(changed.parameters[1].name + changed.parameters[1].value, "font");
  EXPECT_EQ(fault_of([&] { modify(service(kPortal), {mail.id, {}, {}}); }), "NOT_FOUND(serviceSessionId)");
  EXPECT_EQ(fault_of([&] { modify(user(kBob), {mail.id, {}, {}}); }), "NOT_FOUND(serviceSessionId)");
  disconnect(kAlice);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM service_session_parameter"), 0);
  EXPECT_EQ(fault_of([&] { modify(user(kAlice), {mail.id, {}, {}}); }), "SESSION_ENDED(serviceSessionId)");
}

TEST_F(SessionChangesTest, ParametersAreNotTooLongForOneAnswer) {
  const auto mail = open_mail(kAlice, access_session());
  const std::string longest(65536, 'x');
  modify(user(kAlice), {mail.id, {}, {{"a", longest}, {"b", longest}, {"c", longest}, {"d", longest}}});
  EXPECT_EQ(fault_of([&] {
              modify(user(kAlice), {mail.id, {}, {{"e", "x"}}});
            }),
            "LIMIT_EXCEEDED(parameter)");
  modify(user(kAlice), {mail.id, {}, {{"a", "x"}, {"e", "x"}}});

  in([](db::Session& db) {
    db.execute(
        "INSERT INTO service (account_id, name, provider, since) "
        "SELECT 500 + seq, CONCAT('s', seq), 'acme', UTC_TIMESTAMP(6) FROM seq_1_to_29");
    db.execute(
        "INSERT INTO service_session (public_id, access_session_id, user_id, profile_id, service_id, "
        "opened_at) "
        "SELECT UNHEX(MD5(seq)), s.access_session_id, 21, 41, 500 + seq, s.opened_at "
        "FROM service_session s JOIN seq_1_to_29");
    db.execute(
        "INSERT INTO service_session_parameter (service_session_id, name, value) "
        "SELECT s.id, seq, REPEAT('x', 65536) FROM service_session s JOIN seq_1_to_4 WHERE s.id NOT IN "
        "(SELECT service_session_id FROM service_session_parameter)");
  });
  const auto listed =
      in([&](db::Session& db) { return here_.coordination.service_sessions(db, user(kAlice), {}); });
  EXPECT_EQ(listed.sessions.size(), 16U) << "of 30";
  EXPECT_TRUE(listed.more);
  EXPECT_EQ(listed.sessions[0].id, mail.id);
}

TEST_F(SessionChangesTest, AServiceSessionMovesToAnotherTerminal) {
  const auto mail = open_mail(kAlice, access_session());
  const auto laptop = access_session("work", "laptop");
  EXPECT_EQ(modify(user(kAlice), {mail.id, laptop, {}}).access_session_id, laptop);
  disconnect(kAlice);
  EXPECT_EQ(live_service_sessions(), 1);

  const auto phone = access_session(), home = access_session("home");
  open_mail(kAlice, phone);
  EXPECT_EQ(fault_of([&] { modify(user(kAlice), {mail.id, phone, {}}); }), "ALREADY_EXISTS(accessSessionId)");
  EXPECT_EQ(fault_of([&] { modify(user(kAlice), {mail.id, home, {}}); }), "FORBIDDEN(accessSessionId)");
  EXPECT_EQ(fault_of([&] { modify(service(kMail), {mail.id, phone, {}}); }), "FORBIDDEN(accessSessionId)");
  const auto of_bob = connect(kBob).access_sessions.at(0).id;
  EXPECT_EQ(fault_of([&] { modify(user(kAlice), {mail.id, of_bob, {}}); }), "NOT_FOUND(accessSessionId)");
}

TEST_F(SessionChangesTest, UnsubscribingEndsTheServiceSessionAndTheServiceIsTold) {
  start_workers();
  open_mail(kAlice, access_session());
  const auto key = work(kAlice);
  EXPECT_TRUE(in([&](db::Session& db) {
    return here_.profiles.unsubscribe_from_service(db, key, {"mail", "acme"});
  }));
  EXPECT_FALSE(in([&](db::Session& db) {
    return here_.profiles.unsubscribe_from_service(db, key, {"mail", "acme"});
  }));
  settle();
  EXPECT_EQ(live_service_sessions(), 0);
  EXPECT_EQ(of_type(heard_by_mail(), "session.ended", "cause"), Texts{"UNSUBSCRIBED"});
}

TEST_F(SessionChangesTest, DeletingAProfileEndsItsSessionsAndItsWatchersAreTold) {
  start_workers();
  open_mail(kAlice, access_session());
  connect(kBob);
  settle();
  told(kBob);
  EXPECT_TRUE(in([&](db::Session& db) { return here_.profiles.delete_profile(db, kAlice, "work", {}); }));
  EXPECT_FALSE(in([&](db::Session& db) { return here_.profiles.delete_profile(db, kAlice, "work", {}); }));
  settle();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM access_session WHERE user_id = 21"), 0);
  EXPECT_EQ(live_service_sessions(), 0);
  EXPECT_EQ(told(kBob), Texts{news(kAliceNumber, Connectability::kUnknown)});
  EXPECT_EQ(of_type(heard_by_mail(), "session.ended", "serviceSessionId").size(), 1U);
}

TEST_F(SessionChangesTest, DeletingATerminalDisconnectsIt) {
  start_workers();
  access_session();
  connect(kAlice, "laptop", {"work"});
  settle();
  EXPECT_TRUE(in([&](db::Session& db) { return here_.profiles.delete_terminal(db, kAlice, "phone", {}); }));
  settle();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM access_session WHERE user_id = 21"), 1);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM subscription WHERE owner_kind = 2 AND owner_id = 10021"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM queue WHERE owner_kind = 2 AND owner_id = 10021"), 0);
}

TEST_F(SessionChangesTest, TheOwnerLearnsWhatDecided) {
  access_session();
  const auto explain = [&](const std::optional<std::string>& asker) {
    const auto key = work(kAlice);
    return in([&](db::Session& db) { return here_.coordination.explain(db, key, asker); });
  };
  const auto own = explain({});
  EXPECT_EQ(own.right, Right::kOwner);
  EXPECT_EQ(own.decision, Decision::kSession);
  EXPECT_EQ(own.terminals, Texts{"phone"});
  EXPECT_EQ(explain(kBobNumber).right, Right::kPolicyOpen);
  want(kAlice, {}, {}, {kBobNumber});
  EXPECT_EQ(explain(kBobNumber).decision, Decision::kRefusedList);
  EXPECT_EQ(explain("+33199999999").right, Right::kPolicyOpen) << "a stranger";
  EXPECT_EQ(fault_of([&] { explain("nobody"); }), "INVALID_ARGUMENT(asker)");
}

}  // namespace
}  // namespace whitebrick::coordination
