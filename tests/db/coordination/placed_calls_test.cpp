// PlaceCall: a user calls a contact by a type that he offers to her.

#include <set>

#include "tests/db/coordination/call_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using Texts = std::vector<std::string>;

class PlacedCallsTest : public CallFixture {
 protected:
  std::string refusal(const std::string& contact, Communication type = Communication::kVoiceImmediate) {
    try {
      place(kAlice, "refused", contact, type);
    } catch (const Fault& fault) {
      return std::string(name(fault.code())) + "(" + fault.field() + ") " + fault.message();
    }
    return "none";
  }
};

TEST_F(PlacedCallsTest, BothEndsAreTold) {
  connect(kAlice);
  connect(kBob);
  const auto placed = place(kAlice, "c1", "+33 1 00 00 00 22");
  EXPECT_EQ(placed.action, CallAction::kAccept);
  EXPECT_EQ(placed.ring_seconds, 30);
  EXPECT_EQ(place(kAlice, "c1", kBobNumber).ring_seconds, 30) << "asked again";
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "call.incoming", "caller"), Texts{kAliceNumber});
  EXPECT_TRUE(choose(kBob, "c1", "phone").won);
  const auto at_alice = drain(queue_of(kAlice));
  EXPECT_EQ(of_type(at_alice, "call.taken", "callId"), Texts{"c1"});
  EXPECT_EQ(of_type(at_alice, "call.taken", "terminalId"), Texts{""})
      << "where he takes it is his own concern";
  report(user(kAlice), "c1", CallReport::kEstablished);
  EXPECT_EQ(events_of("call.taken"), 2);
  report(user(kBob), "c1", CallReport::kEnded);
  EXPECT_EQ(events_of("call.lost"), 0);
}

TEST_F(PlacedCallsTest, TheCallerIsInACallToo) {
  connect(kAlice);
  connect(kBob);
  in([](db::Session& db) {
    db.execute("INSERT INTO profile_service (profile_id, service_id) VALUES (41, ?)", kMail);
  });
  place(kAlice, "c1", kBobNumber);
  report(user(kBob), "c1", CallReport::kEstablished);
  EXPECT_EQ(decide(call("c2", kAliceNumber, kOutside)).reason, CallReason::kInCall);
}

// Each account chooses its callIds for itself.
TEST_F(PlacedCallsTest, ACallIsTakenThoughOneThatHePlacedHasItsId) {
  connect(kAlice);
  connect(kBob);
  place(kBob, "1", kAliceNumber);
  place(kAlice, "1", kBobNumber);
  EXPECT_TRUE(choose(kBob, "1", "phone").won);
  EXPECT_TRUE(choose(kAlice, "1", "phone").won);
  EXPECT_EQ(count("SELECT COUNT(DISTINCT called_user_id) AS n FROM incoming_call WHERE state = 3"), 2);
}

// Else she would silence his terminals and make him seem to be in a call.
TEST_F(PlacedCallsTest, WhoPlacedACallDoesNotAnswerIt) {
  connect(kAlice);
  connect(kBob);
  place(kAlice, "c1", kBobNumber);
  const auto established = [&](std::optional<std::string> terminal = {}) {
    return fault_of([&] { report(user(kAlice), "c1", CallReport::kEstablished, terminal); });
  };
  EXPECT_EQ(established(), "WRONG_STATE(state)");
  report(user(kAlice), "c1", CallReport::kRinging);
  EXPECT_EQ(established(), "WRONG_STATE(state)");
  EXPECT_EQ(decide(call("c2", kBobNumber, kOutside)).action, CallAction::kAccept) << "he is in no call";
  choose(kBob, "c1", "phone");
  EXPECT_EQ(established("phone"), "NOT_FOUND(terminalId)");
  EXPECT_EQ(established("none"), "NOT_FOUND(terminalId)");
  EXPECT_EQ(established(), "none");
  EXPECT_EQ(decide(call("c3", kBobNumber, kOutside)).reason, CallReason::kInCall);
}

// No terminal of his can take it, and he is not in it.
TEST_F(PlacedCallsTest, AForwardedCallIsAnsweredElsewhere) {
  transfer(kBob, "tel:+33155555555");
  connect(kBob);
  place(kAlice, "c1", kBobNumber);
  EXPECT_EQ(report(user(kAlice), "c1", CallReport::kEstablished).state, CallState::kEstablished);
  set_level(kBob, availability::ModeState::kAvailable);
  EXPECT_EQ(decide(call("c2", kBobNumber, kOutside)).action, CallAction::kAccept);
}

// A service may say that anybody calls.
TEST_F(PlacedCallsTest, OnlyHisOwnServiceSaysThatAUserCalls) {
  connect(kBob);
  connect(kAlice);
  in([](db::Session& db) {
    db.execute("INSERT INTO profile_service (profile_id, service_id) VALUES (41, ?), (41, ?)", kMail,
               kPortal);
  });
  decide(call("c1", kAliceNumber, kBobNumber), service(kPortal));
  report(service(kPortal), "c1", CallReport::kEstablished);
  EXPECT_EQ(decide(call("c2", kBobNumber, kOutside)).action, CallAction::kAccept);
  report(service(kPortal), "c1", CallReport::kEnded);
  decide(call("c3", kAliceNumber, kBobNumber));
  report(service(kMail), "c3", CallReport::kEstablished);
  EXPECT_EQ(decide(call("c4", kBobNumber, kOutside)).reason, CallReason::kInCall);
}

TEST_F(PlacedCallsTest, OnlyTypesThatTheContactOffers) {
  EXPECT_EQ(refusal(kBobNumber), "TYPE_NOT_OFFERED(type) the contact offers: VOICE_DELAYED, WRITTEN_DELAYED");
  EXPECT_EQ(place(kAlice, "c0", kBobNumber, Communication::kVoiceDelayed).action, CallAction::kNotify);
  let_use_box(kBob);
  EXPECT_EQ(place(kAlice, "c1", kBobNumber, Communication::kVoiceDelayed).action,
            CallAction::kForwardToMessaging);
  connect(kBob);
  EXPECT_EQ(heard(kBob), (Texts{"call.lost", "call.diverted"}));
  EXPECT_EQ(place(kAlice, "c2", kBobNumber, Communication::kWrittenImmediate).action, CallAction::kAccept);
  EXPECT_EQ(fault_of([&] { place(kAlice, "c3", "no number"); }), "INVALID_ARGUMENT(contact)");
  EXPECT_EQ(fault_of([&] { place(kAlice, "c2", kBobNumber); }), "ALREADY_EXISTS(callId)");
}

// A call is placed by exactly the types that GetConnectability says are offered, and refused by the others.
TEST_F(PlacedCallsTest, WhatGetConnectabilityOffersCanBePlaced) {
  int n = 0;
  const auto compare = [&](const std::string& when) {
    const auto reach = in([&](db::Session& db) {
      return here_.coordination.connectability(db, user(kAlice), {{kBobNumber}, {}, {}}).at(0);
    });
    for (const auto type : availability::kCommunications) {
      const auto fault = fault_of([&] { place(kAlice, "c" + std::to_string(++n), kBobNumber, type); });
      EXPECT_EQ(fault, availability::holds(reach.offers, type) ? "none" : "TYPE_NOT_OFFERED(type)")
          << when << ", " << wire_name(type);
    }
  };
  compare("away");
  connect(kBob);
  compare("connected");
  set_level(kBob, availability::ModeState::kNotAvailable);
  compare("not available");
  set_level(kBob, availability::ModeState::kUnknown);
  compare("hidden");
  transfer(kBob, "tel:+33155555555");
  compare("in transfer");
  in([](db::Session& db) { db.execute("UPDATE profile SET policy = 2 WHERE id = 42"); });
  compare("to be asked");
}

// A service that acts for alice, as the profile of their session.
TEST_F(PlacedCallsTest, AServicePlacesCallsInTheNameOfAUser) {
  let_use_mail(kAlice);
  connect_service(kMail);
  connect(kBob);
  add_profile(900, kAlice, "home");
  const auto session = open_mail(kAlice, connect(kAlice, "phone", {"work"}).access_sessions.at(0).id).id;
  const auto acting = [&](const Caller& by, const std::optional<std::string>& in_session,
                          const std::string& profile) {
    return in(
        [&](db::Session& db) { return here_.coordination.acting_profile(db, by, in_session, profile); });
  };
  const auto from = acting(service(kMail), session, "work");
  EXPECT_EQ(from.user_id, kAlice);
  EXPECT_EQ(from.contact_number, kAliceNumber);
  const auto placed = in([&](db::Session& db) {
    return here_.coordination.calls().place(db, service(kMail), from, "c1", kBobNumber,
                                            Communication::kVoiceImmediate);
  });
  EXPECT_EQ(placed.action, CallAction::kAccept);
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "call.incoming", "caller"), Texts{kAliceNumber});
  EXPECT_TRUE(choose(kBob, "c1", "phone").won);
  EXPECT_EQ(of_type(drain(queue_of(kAlice)), "call.taken", "callId"), Texts{"c1"}) << "she is told";
  EXPECT_EQ(report(service(kMail), "c1", CallReport::kEstablished).state, CallState::kEstablished);

  EXPECT_EQ(fault_of([&] { acting(service(kMail), session, "home"); }), "NOT_FOUND(profileId)");
  EXPECT_EQ(fault_of([&] { acting(service(kPortal), session, "work"); }), "SESSION_ENDED(serviceSessionId)");
  EXPECT_EQ(fault_of([&] { acting(service(kMail), {}, "work"); }), "INVALID_ARGUMENT(serviceSessionId)");
  EXPECT_EQ(fault_of([&] { acting(user(kAlice), session, "work"); }), "INVALID_ARGUMENT(serviceSessionId)");
  disconnect(kAlice);
  EXPECT_EQ(fault_of([&] { acting(service(kMail), session, "work"); }), "SESSION_ENDED(serviceSessionId)");
}

TEST_F(PlacedCallsTest, WhereATransferGoesIsToldToItsOwnerAlone) {
  transfer(kBob, "tel:+33155555555");
  connect(kAlice);
  connect(kBob);
  EXPECT_EQ(place(kAlice, "c1", kBobNumber).action, CallAction::kForwardToNumber);
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "call.diverted", "number"), Texts{"tel:+33155555555"});
  EXPECT_EQ(heard(kAlice), Texts{});
}

TEST_F(PlacedCallsTest, AHiddenContactLooksLikeOneThatDoesNotExist) {
  add_user(70, "closed", "3");
  add_user(71, "refusing");
  add_user(72, "gone");
  want(71, {}, {}, {kAliceNumber});
  for (const std::uint64_t id : {70, 71, 72}) connect(id);
  set_level(72, availability::ModeState::kUnknown);
  let_use_box(70);
  auto& pool = testing::database().pool();
  std::set<std::string> answers;
  std::set<std::uint64_t> statements;
  for (const char* contact : {"tel:+33188888888", "tel:+33100000070", "tel:+33100000071", "tel:+33100000072",
                              "sip:nobody@example.org"}) {
    refusal(contact);
    const auto before = pool.counts().statements;
    answers.insert(refusal(contact));
    statements.insert(pool.counts().statements - before);
  }
  EXPECT_EQ(answers, std::set<std::string>{"TYPE_NOT_OFFERED(type) the contact offers: none"});
  EXPECT_EQ(statements.size(), 1U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM incoming_call"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE type LIKE 'call.%'"), 0);
}

}  // namespace
}  // namespace whitebrick::coordination
