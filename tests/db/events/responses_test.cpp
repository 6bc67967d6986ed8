#include <thread>

#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using Strings = std::vector<std::string>;

class ResponsesTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
  }
  std::uint64_t ask(std::vector<std::uint64_t> profiles = {}, int within = 60) {
    NewEvent question = event("mail.received", "read it?", std::move(profiles));
    question.respond_within_seconds = within;
    return publish(kMail, question).event_id;
  }
  std::uint64_t respond(const Caller& caller, std::uint64_t event_id,
                        const std::string& content = "yes & no") {
    return in([&](db::Session& db) { return events_.respond(db, caller, event_id, content); });
  }
  std::vector<Event> responses() {
    const auto queue = in([&](db::Session& db) {
      return events_.find_queue(db, {PartyKind::kService, kMail}, Events::kResponses);
    });
    return queue ? drain(*queue) : std::vector<Event>();
  }
  void let_time_pass() {
    in([](db::Session& db) {
      db.execute("UPDATE event SET respond_before = respond_before - INTERVAL 1 HOUR");
      db.execute("UPDATE awaited_response SET due_at = due_at - INTERVAL 1 HOUR");
    });
  }
  void settle() {
    while (events_.settle(testing::database().pool())) {
    }
  }
};

TEST_F(ResponsesTest, TheTransmitterFindsTheAnswerOfARecipient) {
  const auto inbox = subscribe(kCalls, "inbox", {"mail.*"});
  const auto id = ask();
  const auto asked = drain(inbox.queue_id);
  ASSERT_EQ(asked.size(), 1U);
  ASSERT_TRUE(asked[0].respond_before.has_value());
  EXPECT_EQ(*asked[0].respond_before - asked[0].published_at, std::chrono::seconds(60));
  const auto told = respond(service(kCalls), id);
  const auto found = responses();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id, told);
  EXPECT_EQ(found[0].type, "event.response");
  EXPECT_EQ(found[0].content, "<EventResponse xmlns=\"urn:whitebrick:catalogue:1\"><eventId>" +
                                  std::to_string(id) +
                                  "</eventId><type>mail.received</type><responder><service><name>calls</"
                                  "name><provider>bell</provider>"
                                  "</service></responder><content>yes &amp; no</content></EventResponse>");
  let_time_pass();
  settle();
  EXPECT_TRUE(responses().empty());
}

TEST_F(ResponsesTest, AUserAnswersOnceForAllHisTerminals) {
  let_profile_use(kAliceWork, kMail);
  const auto phone = connect(kAlicePhone, kAliceWork);
  connect(kAliceLaptop, kAliceWork);
  const auto id = ask({kAliceWork});
  drain(phone.queue_id);
  Caller alice = user(kAlice);
  alice.user = "alice";
  respond(alice, id);
  EXPECT_EQ(fault_of([&] { respond(alice, id); }), "ALREADY_EXISTS(eventId)");
  const auto found = responses();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(
      found[0].content.find("<responder><userId>alice</userId><terminalId>phone</terminalId></responder>"),
      std::string::npos)
      << found[0].content;
}

TEST_F(ResponsesTest, OnlyRecipientsAnswerAndOnlyWhatWasAsked) {
  let_profile_use(kAliceWork, kMail);
  connect(kAlicePhone, kAliceWork);
  connect(kBobPhone, kBobWork);
  const auto id = ask({kAliceWork});
  EXPECT_EQ(fault_of([&] { respond(user(kBob), id); }), "NOT_FOUND(eventId)");
  EXPECT_EQ(fault_of([&] { respond(service(kCalls), id); }), "NOT_FOUND(eventId)");
  EXPECT_EQ(fault_of([&] { respond(service(kMail), id); }), "NOT_FOUND(eventId)");
  EXPECT_EQ(fault_of([&] { respond(user(kAlice), id + 1000); }), "NOT_FOUND(eventId)");
  const auto plain = publish(kMail, event("mail.received", "x", {kAliceWork})).event_id;
  EXPECT_EQ(fault_of([&] { respond(user(kAlice), plain); }), "INVALID_ARGUMENT(eventId)");
  EXPECT_TRUE(responses().empty());
}

TEST_F(ResponsesTest, NoAnswerInTimeIsToldOnceAndALateOneIsRefused) {
  subscribe(kCalls, "inbox", {"mail.*"});
  const auto id = ask();
  let_time_pass();
  EXPECT_EQ(fault_of([&] { respond(service(kCalls), id); }), "DEADLINE_PASSED(eventId)");
  std::vector<std::thread> replicas;
  for (int i = 0; i < 4; ++i) replicas.emplace_back([&] { settle(); });
  for (std::thread& replica : replicas) replica.join();
  settle();
  const auto found = responses();
  ASSERT_EQ(types(found), Strings{"event.no_response"});
  EXPECT_EQ(found[0].content, "<EventNoResponse xmlns=\"urn:whitebrick:catalogue:1\"><eventId>" +
                                  std::to_string(id) +
                                  "</eventId><type>mail.received</type></EventNoResponse>");
  EXPECT_EQ(fault_of([&] { respond(service(kCalls), id); }), "DEADLINE_PASSED(eventId)");
}

// The one for answers is not counted: neither an answer nor that there is none is refused.
TEST_F(ResponsesTest, AServiceWithAsManySubscriptionsAsItMayHaveIsToldAllTheSame) {
  ask();
  in([&](db::Session& db) {
    events_.unsubscribe(db, {PartyKind::kService, kMail}, Events::kResponses);
    db.execute(
        "INSERT INTO subscription (queue_id, owner_kind, owner_id, name, created_at) SELECT seq, 1, 11, "
        "CONCAT('s', seq), UTC_TIMESTAMP(6) FROM seq_1000001_to_1005000");
  });
  EXPECT_EQ(fault_of([&] { subscribe(kMail, "another", {"mail.*"}); }), "LIMIT_EXCEEDED(name)");
  let_time_pass();
  settle();
  EXPECT_EQ(types(responses()), Strings{"event.no_response"});
  EXPECT_EQ(fault_of([&] { ask(); }), "none");
}

// The answer and the end of the time come together: one of them is told, never both or none.
TEST_F(ResponsesTest, AnAnswerAtTheLastMomentIsToldOrRefused) {
  subscribe(kCalls, "inbox", {"mail.*"});
  for (int round = 0; round < 20; ++round) {
    const auto id = ask();
    in([](db::Session& db) { db.execute("UPDATE awaited_response SET due_at = due_at - INTERVAL 1 HOUR"); });
    std::string fault;
    std::thread answer([&] { fault = fault_of([&] { respond(service(kCalls), id); }); });
    settle();
    answer.join();
    settle();
    const auto found = types(responses());
    if (fault == "none")
      EXPECT_EQ(found, Strings{"event.response"});
    else
      EXPECT_EQ(found, Strings{"event.no_response"}) << fault;
  }
}

TEST_F(ResponsesTest, WhoDidNotAcknowledgeUntilItWasDeadMayStillAnswer) {
  const auto inbox = subscribe(kCalls, "inbox", {"mail.*"});
  const auto id = ask();
  in([](db::Session& db) { db.execute("UPDATE delivery SET attempts = 10"); });
  EXPECT_TRUE(pull(inbox.queue_id).events.empty());
  ASSERT_EQ(count("SELECT COUNT(*) AS n FROM dead_delivery"), 1);
  respond(service(kCalls), id);
  EXPECT_EQ(types(responses()), Strings{"event.response"});
}

TEST_F(ResponsesTest, OldAnswersAreForgotten) {
  subscribe(kCalls, "inbox", {"mail.*"});
  respond(service(kCalls), ask());
  settle();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event_response"), 1);
  in([](db::Session& db) {
    db.execute("UPDATE event_response SET responded_at = responded_at - INTERVAL 32 DAY");
  });
  settle();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event_response"), 0);
}

}  // namespace
}  // namespace whitebrick::events
