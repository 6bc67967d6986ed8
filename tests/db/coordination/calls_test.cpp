// Calls on a real database: decided once, announced, taken by one, lost once.

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "tests/db/coordination/call_fixture.hpp"

namespace whitebrick::coordination {
namespace {

using Texts = std::vector<std::string>;

class CallsTest : public CallFixture {
 protected:
  void grant_alice_once() {
    in([](db::Session& db) {
      db.execute("UPDATE profile SET policy = 2 WHERE id = 42");
      db.execute(
          "INSERT INTO authorisation (owner_profile_id, number, asker_user_id, asker_profile_id, state, "
          "one_shot) "
          "VALUES (42, ?, ?, 41, 2, 1)",
          kAliceNumber, kAlice);
    });
  }
};

TEST_F(CallsTest, AnAcceptedCallRingsAtEveryAccessibleTerminal) {
  connect(kBob);
  connect(kBob, "laptop");
  const auto decided = decide(call("c1"));
  EXPECT_EQ(decided.action, CallAction::kAccept);
  EXPECT_EQ(decided.terminals, (Texts{"laptop", "phone"}));
  EXPECT_EQ(decided.ring_seconds, 30);
  for (const char* terminal : {"phone", "laptop"}) {
    const auto events = drain(queue_of(kBob, terminal));
    ASSERT_EQ(of_type(events, "call.incoming", "callId"), Texts{"c1"}) << terminal;
    EXPECT_EQ(of_type(events, "call.incoming", "caller"), Texts{kAliceNumber});
    for (const auto& event : events) {
      if (event.type != "call.incoming") continue;
      EXPECT_NE(event.content.find("<terminalId>phone</terminalId><display>SIM_TOOLKIT</display>"),
                std::string::npos);
      EXPECT_NE(event.content.find("<terminalId>laptop</terminalId><display>POP_UP</display>"),
                std::string::npos);
    }
  }
}

TEST_F(CallsTest, ATerminalChosenBeforehandRingsAlone) {
  connect(kBob);
  const auto session = connect(kBob, "laptop").access_sessions.at(0).id;
  in([&](db::Session& db) {
    here_.coordination.modify_access_session(db, user(kBob), std::nullopt,
                                             {.access_session_id = session, .profile = {}, .rings = true});
  });
  EXPECT_EQ(decide(call("c1")).terminals, Texts{"laptop"});
}

TEST_F(CallsTest, TheSameCallHasTheSameAnswerWhateverHasChanged) {
  connect(kBob);
  const auto first = decide(call("c1"));
  set_level(kBob, availability::ModeState::kNotAvailable);
  ReplicaModules another;
  const auto second = in(
      [&](db::Session& db) { return another.coordination.calls().decide(db, service(kMail), call("c1")); });
  EXPECT_EQ(second.action, first.action);
  EXPECT_EQ(second.terminals, first.terminals);
  EXPECT_EQ(second.trace, first.trace);
  EXPECT_EQ(second.decided_at, first.decided_at);
  EXPECT_EQ(events_of("call.incoming"), 1);
  EXPECT_EQ(decide(call("c2")).reason, CallReason::kNotAvailable);

  EXPECT_EQ(fault_of([&] { decide(call("c1", kAliceNumber)); }), "ALREADY_EXISTS(callId)");
  EXPECT_EQ(fault_of([&] { decide(call("c1", kBobNumber, std::nullopt)); }), "ALREADY_EXISTS(callId)");
}

TEST_F(CallsTest, CallIdsOfTwoServicesDoNotMeet) {
  connect(kBob);
  in([](db::Session& db) {
    db.execute("INSERT INTO profile_service (profile_id, service_id) VALUES (42, ?)", kPortal);
  });
  EXPECT_EQ(decide(call("c1")).action, CallAction::kAccept);
  EXPECT_EQ(decide(call("c1", kBobNumber, std::nullopt), service(kPortal)).action, CallAction::kAccept);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM incoming_call"), 2);
}

TEST_F(CallsTest, TwoReplicasDecidingOneCallAgreeAndTellOnce) {
  connect(kBob);
  constexpr int kReplicas = 4;
  std::vector<Time> decided_at(kReplicas);
  std::vector<std::thread> threads;
  for (int i = 0; i < kReplicas; ++i) {
    threads.emplace_back([&, i] {
      ReplicaModules replica;
      const auto pool = testing::database().fresh_pool(1);
      decided_at[static_cast<std::size_t>(i)] =
          pool->in_transaction([&](db::Session& db) {
                return replica.coordination.calls().decide(db, service(kMail), call("c1"));
              })
              .decided_at;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(std::set<Time>(decided_at.begin(), decided_at.end()).size(), 1U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM incoming_call"), 1);
  EXPECT_EQ(events_of("call.incoming"), 1);
}

TEST_F(CallsTest, ADryRunLeavesNothing) {
  connect(kBob);
  auto question = call("c1");
  question.dry_run = true;
  EXPECT_EQ(decide(question).action, CallAction::kAccept);
  set_level(kBob, availability::ModeState::kNotAvailable);
  EXPECT_EQ(decide(question).reason, CallReason::kNotAvailable);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM incoming_call"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE type LIKE 'call.%'"), 0);
}

// A grant for once is foreseen, and not used.
TEST_F(CallsTest, ADryRunForeseesAGrantForOnce) {
  connect(kBob);
  grant_alice_once();
  auto question = call("c1");
  question.dry_run = true;
  EXPECT_EQ(decide(question).action, CallAction::kAccept);
  EXPECT_EQ(decide(question).action, CallAction::kAccept);
  EXPECT_EQ(decide(call("c1")).action, CallAction::kAccept);
  EXPECT_EQ(decide(call("c2")).reason, CallReason::kAuthorisationRequired) << "it is used";
}

TEST_F(CallsTest, AServiceThatDoesNotServeTheProfileUsesNoGrant) {
  connect(kBob);
  grant_alice_once();
  auto& pool = testing::database().pool();
  std::set<std::uint64_t> statements;
  for (const char* called : {kBobNumber, "tel:+33188888888"}) {
    decide(call("warm", called), service(kPortal));
    in([](db::Session& db) { db.execute("DELETE FROM incoming_call"); });
    const auto before = pool.counts().statements;
    EXPECT_EQ(decide(call("c1", called), service(kPortal)).reason, CallReason::kUnknown);
    statements.insert(pool.counts().statements - before);
    in([](db::Session& db) { db.execute("DELETE FROM incoming_call"); });
  }
  EXPECT_EQ(statements.size(), 1U) << "it looks like nobody";
  EXPECT_EQ(decide(call("c2")).action, CallAction::kAccept) << "his own service puts her through";
}

// What one replica decided every other one answers, and the rules may have changed between.
TEST_F(CallsTest, AnyReplicaAnswersWhatWasDecided) {
  connect(kBob);
  const auto first = decide(call("c1"));
  disconnect(kBob);
  ReplicaModules other;
  const auto pool = testing::database().fresh_pool(1);
  const auto again = pool->in_transaction(
      [&](db::Session& db) { return other.coordination.calls().decide(db, service(kMail), call("c1")); });
  EXPECT_EQ(again.action, first.action);
  EXPECT_EQ(again.decided_at, first.decided_at);
  EXPECT_EQ(again.terminals, first.terminals);
  EXPECT_EQ(again.trace, first.trace);
  EXPECT_EQ(again.ring_seconds, first.ring_seconds);
}

TEST_F(CallsTest, EachClassOfTerminalsIsToldHowToShowTheCall) {
  in([](db::Session& db) {
    db.execute("INSERT INTO terminal (id, user_id, name, kind) VALUES (30022, ?, 'desk', 1)", kBob);
  });
  for (const char* terminal : {"phone", "laptop", "desk"}) connect(kBob, terminal);
  decide(call("c1"));
  for (const char* terminal : {"phone", "laptop", "desk"}) {
    const auto events = drain(queue_of(kBob, terminal));
    const auto incoming = std::ranges::find(events, "call.incoming", &events::Event::type);
    ASSERT_NE(incoming, events.end()) << terminal;
    for (const char* hint : {"<terminalId>phone</terminalId><display>SIM_TOOLKIT</display>",
                             "<terminalId>laptop</terminalId><display>POP_UP</display>",
                             "<terminalId>desk</terminalId><display>ANNOUNCEMENT</display>"}) {
      EXPECT_NE(incoming->content.find(hint), std::string::npos) << terminal << ": " << incoming->content;
    }
  }
}

// By the mode of the profile: to a terminal of his, to those of a kind, to a medium that carries messages.
TEST_F(CallsTest, ATransferGoesToATerminalAKindOrTheMessagingSystem) {
  connect(kBob, "phone");
  connect(kBob, "laptop");
  let_use_box(kBob);
  transfer(kBob, "tel:+33155555555");
  const auto to = [&](const std::string& target) {
    in([&](db::Session& db) {
      db.execute("UPDATE mode SET transfer_to = NULL, transfer_terminal = NULL, transfer_medium = NULL, " +
                 target);
    });
    static int n = 0;
    return decide(call("t" + std::to_string(++n)));
  };
  auto decided = to("transfer_terminal = 'laptop'");
  EXPECT_EQ(decided.action, CallAction::kForwardToTerminals);
  EXPECT_EQ(decided.target.terminal, "laptop");
  EXPECT_EQ(decided.terminals, Texts{"laptop"});
  decided = to("transfer_medium = 2");
  EXPECT_EQ(decided.action, CallAction::kForwardToTerminals);
  EXPECT_EQ(decided.terminals, Texts{"phone"});
  decided = to("transfer_medium = 4");
  EXPECT_EQ(decided.action, CallAction::kForwardToMessaging);
  EXPECT_EQ(decided.target.medium, availability::Medium::kSms);
  EXPECT_EQ(decided.messaging->name, "box");
  const auto events = drain(queue_of(kBob));
  EXPECT_EQ(of_type(events, "call.diverted", "reason"), (Texts{"TRANSFER", "TRANSFER", "TRANSFER"}));
}

// The one filter, read from the database in two ways.
TEST_F(CallsTest, DecideCallDoesWhatExplainAvailabilitySays) {
  using availability::CallAction;
  const std::map<CallAction, std::string> names{{CallAction::kAccept, "ACCEPT"},
                                                {CallAction::kReject, "REJECT"},
                                                {CallAction::kNotify, "NOTIFY"},
                                                {CallAction::kForward, "FORWARD"}};
  std::set<std::string> met;
  bool connected = false, box = false;
  const auto compare = [&](const std::string& when) {
    const auto owner = work(kBob);
    for (const char* caller : {kAliceNumber, kOutside, kBobNumber}) {
      const auto rules = in(
          [&](db::Session& db) { return here_.availability.explain(db, owner, caller, std::nullopt).calls; });
      ASSERT_EQ(rules.size(), 4U);
      for (const auto& rule : rules) {
        auto question = call("c", kBobNumber, caller);
        question.type = rule.type;
        question.dry_run = true;
        const auto said = connected ? rule.connected : rule.away;
        const bool kept = box && rule.messaging && said != CallAction::kAccept;
        const std::string expected = kept ? "FORWARD" : names.at(said);
        EXPECT_EQ(wire_name(decide(question).action), expected)
            << when << ", " << caller << ", " << wire_name(rule.type);
        met.insert(expected);
      }
    }
  };
  const auto compare_all = [&](const std::string& when) {
    for (const char* policy : {"1", "2", "3"}) {
      in([&](db::Session& db) { db.execute("UPDATE profile SET policy = ? WHERE id = 42", policy); });
      compare(when + ", policy " + policy);
    }
  };
  transfer(kBob, "tel:+33155555555");
  for (const bool there : {false, true}) {
    if (there) connect(kBob);
    connected = there;
    for (const char* mode : {"state = 3", "state = 2, transfer_to = NULL", "state = 2, offers = 2",
                             "state = 1, offers = 5", "state = 2, offers = NULL, notification = 4",
                             "state = 4", "state = 1, notification = NULL, contacts = 1",
                             "state = 3, transfer_to = 'tel:+33155555555', contacts = 1"}) {
      in([&](db::Session& db) {
        db.execute(std::string("UPDATE mode SET ") + mode);
        db.execute("DELETE FROM mode_contact");
        db.execute("INSERT INTO mode_contact (mode_id, number) SELECT id, ? FROM mode WHERE contacts = 1",
                   kOutside);
        db.execute(
            "UPDATE mode_activation a JOIN mode m ON m.id = a.mode_id SET a.slot = IF(m.contacts = 0, 0, "
            "m.id)");
      });
      compare_all(std::string(mode) + (there ? ", connected" : ", away"));
    }
    in([](db::Session& db) {
      db.execute("UPDATE mode SET state = 3, transfer_to = 'tel:+33155555555', contacts = 0, offers = NULL");
      db.execute("UPDATE mode_activation SET slot = 0");
    });
    if (!box) let_use_box(kBob);
    box = true;
    want(kBob, {}, {kOutside}, {kAliceNumber});
    compare_all("with a messaging system, one refused");
    want(kBob, {}, {kAliceNumber, kOutside});
    compare_all("with a messaging system, authorised");
  }
  EXPECT_EQ(met.size(), 4U);
}

TEST_F(CallsTest, TheOwnerIsAlwaysToldOfAForward) {
  transfer(kBob, "tel:+33155555555");
  auto question = call("c1");
  question.history = {"+33 1 44 44 44 44"};
  const auto decided = decide(question);
  EXPECT_EQ(decided.action, CallAction::kForwardToNumber);
  EXPECT_EQ(decided.target.number, "tel:+33155555555");
  EXPECT_EQ(decided.history, (Texts{"tel:+33144444444", kBobNumber}));
  EXPECT_EQ(decide(question).history, decided.history) << "as stored";
  connect(kBob);  // it waited for him
  const auto events = drain(queue_of(kBob));
  EXPECT_EQ(of_type(events, "call.diverted", "number"), Texts{"tel:+33155555555"});

  question.call_id = "c2";
  question.history = {"+33 1 55 55 55 55"};
  EXPECT_EQ(decide(question).reason, CallReason::kDiversionLoop);
  EXPECT_EQ(heard(kBob), Texts{"call.lost"});
}

TEST_F(CallsTest, TheMessagingSystemTakesWhatCannotBePutThrough) {
  EXPECT_EQ(decide(call("c1")).action, CallAction::kNotify);
  let_use_box(kBob);
  const auto decided = decide(call("c2"));
  EXPECT_EQ(decided.action, CallAction::kForwardToMessaging);
  ASSERT_TRUE(decided.messaging);
  EXPECT_EQ(decided.messaging->name, "box");
  EXPECT_EQ(decide(call("c2")).messaging->name, "box") << "as stored";
  in([](db::Session& db) { db.execute("UPDATE service SET connected = 0 WHERE account_id = ?", kBox); });
  EXPECT_EQ(decide(call("c3")).action, CallAction::kNotify);
  connect(kBob);
  EXPECT_EQ(heard(kBob), (Texts{"call.lost", "call.diverted", "call.lost"}));
}

TEST_F(CallsTest, WhoCallsDecides) {
  connect(kBob);
  want(kBob, {}, {}, {kAliceNumber, kOutside});
  EXPECT_EQ(decide(call("c1")).reason, CallReason::kUnknown);
  EXPECT_EQ(decide(call("c2", kBobNumber, kOutside)).reason, CallReason::kUnknown)
      << "a number that no user has can be refused too";
  EXPECT_EQ(decide(call("c3", kBobNumber, std::nullopt)).action, CallAction::kAccept)
      << "the profile is open";
  want(kBob, {}, {kOutside});
  in([](db::Session& db) { db.execute("UPDATE profile SET policy = 2"); });
  EXPECT_EQ(decide(call("c4", kBobNumber, kOutside)).action, CallAction::kAccept);
  const auto stranger = decide(call("c5"));
  EXPECT_EQ(stranger.reason, CallReason::kAuthorisationRequired);
  EXPECT_EQ(stranger.terminals, Texts{"phone"});
  EXPECT_EQ(decide(call("c6", kBobNumber, kBobNumber)).action, CallAction::kAccept) << "from himself";
}

// By what is answered, stored, told and asked of the database.
TEST_F(CallsTest, NobodyHiddenAndNotServedLookTheSame) {
  add_user(70, "hidden", "3");
  add_user(71, "unserved");
  in([](db::Session& db) {
    db.execute("INSERT INTO profile_service (profile_id, service_id) VALUES (90, ?)", kMail);
  });
  connect(70);
  connect(71);
  auto& pool = testing::database().pool();
  std::set<std::string> answers;
  std::set<std::uint64_t> statements;
  int n = 0;
  for (const char* called : {"tel:+33188888888", "tel:+33100000070", "tel:+33100000071"}) {
    decide(call("warm" + std::to_string(++n), called));
    const auto before = pool.counts().statements;
    const auto decided = decide(call("c" + std::to_string(n), called));
    statements.insert(pool.counts().statements - before);
    std::string answer =
        std::string(wire_name(decided.action)) + " " + std::string(wire_name(decided.reason));
    for (const auto& step : decided.trace) answer += " | " + step;
    answers.insert(answer + " " + std::to_string(decided.terminals.size()) +
                   std::to_string(decided.ring_seconds));
  }
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_EQ(statements.size(), 1U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM incoming_call WHERE called_profile_id <> 0"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE type LIKE 'call.%'"), 0);
}

TEST_F(CallsTest, OneOfTwoWhoTakeACallAtOnceHasIt) {
  connect(kBob);
  connect(kBob, "laptop");
  decide(call("c1"));
  std::atomic<int> won{0};
  std::vector<std::string> has(2);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      ReplicaModules replica;
      const auto pool = testing::database().fresh_pool(1);
      const auto chosen = pool->in_transaction([&](db::Session& db) {
        return replica.coordination.calls().choose_terminal(db, user(kBob), "c1",
                                                            i == 0 ? "phone" : "laptop");
      });
      if (chosen.won) ++won;
      has[i] = chosen.terminal;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(has[0], has[1]);
  EXPECT_EQ(events_of("call.taken"), 1);
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "call.taken", "terminalId"), Texts{has[0]});
  EXPECT_TRUE(choose(kBob, "c1", has[0]).won) << "asked again";
}

TEST_F(CallsTest, OnlyTheCalledUserTakesACallAtATerminalThatIsThere) {
  connect(kBob);
  connect(kAlice);
  decide(call("c1"));
  EXPECT_EQ(fault_of([&] { choose(kAlice, "c1", "phone"); }), "NOT_FOUND(callId)");
  EXPECT_EQ(fault_of([&] { choose(kBob, "c2", "phone"); }), "NOT_FOUND(callId)");
  EXPECT_EQ(fault_of([&] { choose(kBob, "c1", "none"); }), "NOT_FOUND(terminalId)");
  EXPECT_EQ(fault_of([&] { choose(kBob, "c1", "laptop"); }), "NOT_CONNECTED(terminalId)");
  report(service(kMail), "c1", CallReport::kEnded);
  EXPECT_EQ(fault_of([&] { choose(kBob, "c1", "phone"); }), "WRONG_STATE(callId)");
  set_level(kBob, availability::ModeState::kNotAvailable);
  decide(call("c3"));
  EXPECT_EQ(fault_of([&] { choose(kBob, "c3", "phone"); }), "WRONG_STATE(callId)");
}

TEST_F(CallsTest, ReportsTakeACallForwardOnly) {
  connect(kBob);
  decide(call("c1"));
  EXPECT_EQ(report(service(kMail), "c1", CallReport::kRinging).state, CallState::kRinging);
  EXPECT_EQ(report(service(kMail), "c1", CallReport::kRinging).state, CallState::kRinging);
  EXPECT_EQ(report(user(kBob), "c1", CallReport::kEstablished, "phone").state, CallState::kEstablished);
  EXPECT_EQ(fault_of([&] { report(service(kMail), "c1", CallReport::kRinging); }), "WRONG_STATE(state)");
  EXPECT_FALSE(report(service(kMail), "c1", CallReport::kEnded).lost);
  EXPECT_EQ(report(service(kMail), "c1", CallReport::kEnded).state, CallState::kEnded);
  EXPECT_EQ(fault_of([&] { report(service(kMail), "c1", CallReport::kEstablished); }), "WRONG_STATE(state)");
  EXPECT_EQ(heard(kBob), (Texts{"call.incoming", "call.taken"}));

  EXPECT_EQ(fault_of([&] { report(service(kPortal), "c1", CallReport::kEnded); }), "NOT_FOUND(callId)");
  EXPECT_EQ(fault_of([&] { report(user(kAlice), "c1", CallReport::kEnded); }), "NOT_FOUND(callId)");
  decide(call("c2"));
  EXPECT_EQ(fault_of([&] { report(service(kMail), "c2", CallReport::kEstablished, "none"); }),
            "NOT_FOUND(terminalId)");
}

TEST_F(CallsTest, ACallThatEndsUnansweredIsLostOnce) {
  connect(kBob);
  decide(call("c1"));
  EXPECT_TRUE(report(service(kMail), "c1", CallReport::kEnded).lost);
  EXPECT_TRUE(report(service(kMail), "c1", CallReport::kEnded).lost);
  let_time_pass();
  expire_calls();
  decide(call("c2"));
  report(user(kBob), "c2", CallReport::kEnded);
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "call.lost", "cause"), (Texts{"HUNG_UP", "DECLINED"}));
}

TEST_F(CallsTest, NobodyAnswersInTimeHoweverManyReplicasLook) {
  connect(kBob);
  for (int i = 0; i < 20; ++i) decide(call("c" + std::to_string(i)));
  expire_calls();
  EXPECT_EQ(events_of("call.lost"), 0) << "there is still time";
  report(service(kMail), "c0", CallReport::kEstablished);
  choose(kBob, "c1", "phone");  // and then nothing
  in([](db::Session& db) {
    db.execute("UPDATE incoming_call SET due_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE state <> 4");
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      ReplicaModules replica;
      const auto pool = testing::database().fresh_pool(2);
      while (replica.coordination.expire_calls(*pool)) {
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(events_of("call.lost"), 19);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM incoming_call WHERE state = 5 AND lost = 1"), 19);
  std::set<std::string> lost;
  for (const auto& id : of_type(drain(queue_of(kBob)), "call.lost", "callId")) lost.insert(id);
  EXPECT_EQ(lost.size(), 19U);
  EXPECT_FALSE(lost.contains("c0"));
}

// A report and the time-out at once: one of them ends the call.
TEST_F(CallsTest, AnAnswerInTheLastMomentOrALostCallButNotBoth) {
  connect(kBob);
  constexpr int kCalls = 10;
  for (int i = 0; i < kCalls; ++i) decide(call("c" + std::to_string(i)));
  let_time_pass();
  std::atomic<int> established{0};
  std::thread answering([&] {
    for (int i = 0; i < kCalls; ++i) {
      if (fault_of([&] { report(service(kMail), "c" + std::to_string(i), CallReport::kEstablished); }) ==
          "none")
        ++established;
    }
  });
  ReplicaModules replica;
  const auto pool = testing::database().fresh_pool(2);
  replica.coordination.expire_calls(*pool);
  answering.join();
  expire_calls();
  EXPECT_EQ(events_of("call.lost"), kCalls - established);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM incoming_call WHERE state = 4"), established);
}

TEST_F(CallsTest, AForwardedCallThatNobodyAnswersIsLostToo) {
  transfer(kBob, "tel:+33155555555");
  decide(call("c1"));
  let_time_pass();
  expire_calls();
  connect(kBob);
  EXPECT_EQ(heard(kBob), (Texts{"call.diverted", "call.lost"}));
}

TEST_F(CallsTest, AThirdCallerIsAnnouncedDuringACall) {
  connect(kBob);
  decide(call("c1"));
  report(service(kMail), "c1", CallReport::kEstablished);
  drain(queue_of(kBob));
  const auto third = decide(call("c2", kBobNumber, kOutside));
  EXPECT_EQ(third.action, CallAction::kNotify);
  EXPECT_EQ(third.reason, CallReason::kInCall);
  EXPECT_EQ(of_type(drain(queue_of(kBob)), "call.incoming", "duringCall"), Texts{"true"});
  EXPECT_TRUE(choose(kBob, "c2", "phone").won);
  report(service(kMail), "c1", CallReport::kEnded);
  EXPECT_EQ(decide(call("c3")).action, CallAction::kAccept);
}

TEST_F(CallsTest, EndedCallsAreForgottenAfterADay) {
  connect(kBob);
  decide(call("c1"));
  decide(call("c2"));
  report(service(kMail), "c1", CallReport::kEnded);
  report(service(kMail), "c2", CallReport::kEnded);
  in([](db::Session& db) {
    db.execute("UPDATE incoming_call SET ended_at = ended_at - INTERVAL 25 HOUR WHERE call_id = 'c1'");
  });
  expire_calls();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM incoming_call"), 1);
}

}  // namespace
}  // namespace whitebrick::coordination
