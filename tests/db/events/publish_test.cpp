#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using Strings = std::vector<std::string>;

class PublishTest : public EventsFixture {};

TEST_F(PublishTest, AnEventReachesEverySubscriberOfItsTypeOnce) {
  declare(kMail, "mail.received");
  const auto exact = subscribe(kCalls, "exact", {"mail.received", "mail.*", "*"});
  const auto prefix = subscribe(kCalls, "prefix", {"mail.*"});
  const auto other = subscribe(kCalls, "other", {"call.*"});
  const auto published = publish(kMail, {event("mail.received", "one"), event("mail.received", "two")});
  ASSERT_EQ(published.size(), 2U);
  EXPECT_EQ(published[0].recipients, 2U);
  EXPECT_LT(published[0].event_id, published[1].event_id);
  const auto got = pull(exact.queue_id).events;
  EXPECT_EQ(contents(got), (Strings{"one", "two"}));
  EXPECT_EQ(got[0].id, published[0].event_id);
  EXPECT_EQ(got[0].attempts, 1U);
  EXPECT_EQ(got[0].transmitter.service, "mail");
  EXPECT_EQ(got[0].transmitter.provider, "acme");
  EXPECT_EQ(contents(pull(prefix.queue_id).events), (Strings{"one", "two"}));
  EXPECT_TRUE(pull(other.queue_id).events.empty());
}

TEST_F(PublishTest, ContentComesBackByteForByte) {
  declare(kMail, "mail.received");
  const auto inbox = subscribe(kCalls, "inbox", {"*"});
  const std::string content =
      std::string("<a>\xC3\xA9 \xF0\x9F\x8D\x8A</a>\r\n\t'\"\\%") + std::string(200000, 'x');
  publish(kMail, event("mail.received", content));
  EXPECT_EQ(contents(drain(inbox.queue_id)), Strings{content});
}

TEST_F(PublishTest, ABatchOfAnySizeKeepsItsOrder) {
  declare(kMail, "mail.received");
  const auto inbox = subscribe(kCalls, "inbox", {"*"});
  std::vector<NewEvent> batch;
  Strings sent;
  for (int i = 0; i < 387; ++i) {
    sent.push_back(std::to_string(i));
    batch.push_back(event("mail.received", sent.back()));
  }
  EXPECT_EQ(publish(kMail, batch).size(), batch.size());
  EXPECT_EQ(contents(drain(inbox.queue_id)), sent);
}

TEST_F(PublishTest, OnlyDeclaredTypesOfAConnectedServiceArePublished) {
  EXPECT_EQ(fault_of([&] { publish(kMail, event("mail.received")); }), "EVENT_NOT_DECLARED(type)");
  declare(kCalls, "mail.received");
  EXPECT_EQ(fault_of([&] { publish(kMail, event("mail.received")); }), "EVENT_NOT_DECLARED(type)");
  declare(kMail, "mail.received", false);
  EXPECT_EQ(fault_of([&] { publish(kMail, event("mail.received")); }), "NOT_CONNECTED");
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE service_id = 11"), 0);
}

TEST_F(PublishTest, TypesOfServerComponentsCannotBeDeclared) {
  EXPECT_EQ(fault_of([&] { declare(kMail, "contact.state"); }), "EVENT_TYPE_RESERVED(type)");
  EXPECT_EQ(fault_of([&] { declare(kMail, "Mail"); }), "INVALID_ARGUMENT(type)");
}

TEST_F(PublishTest, ABatchIsStoredWholeOrNotAtAll) {
  declare(kMail, "mail.received");
  const auto inbox = subscribe(kCalls, "inbox", {"*"});
  EXPECT_EQ(fault_of([&] {
              publish(kMail, {event("mail.received"), event("mail.unknown")});
            }),
            "EVENT_NOT_DECLARED(type)");
  EXPECT_TRUE(pull(inbox.queue_id).events.empty());
}

TEST_F(PublishTest, ARolledBackPublisherPublishesNothingAndWakesNobody) {
  declare(kMail, "mail.received");
  const auto inbox = subscribe(kCalls, "inbox", {"*"});
  wake_.clear();
  EXPECT_THROW(in([&](db::Session& db) {
                 events_.publish(db, service(kMail), {event("mail.received")});
                 throw std::runtime_error("the caller's own work failed");
               }),
               std::runtime_error);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE service_id = 11"), 0);
  EXPECT_TRUE(pull(inbox.queue_id).events.empty());
  EXPECT_TRUE(wake_.keys().empty());
}

TEST_F(PublishTest, WaitersOfEachQueueAreWokenAfterTheCommit) {
  declare(kMail, "mail.received");
  const auto one = subscribe(kCalls, "one", {"*"});
  const auto two = subscribe(kCalls, "two", {"*"});
  wake_.clear();
  in([&](db::Session& db) {
    events_.publish(db, service(kMail), {event("mail.received")});
    EXPECT_TRUE(wake_.keys().empty());
  });
  EXPECT_TRUE(wake_.woke(Events::wait_key(one.queue_id)));
  EXPECT_TRUE(wake_.woke(Events::wait_key(two.queue_id)));
}

TEST_F(PublishTest, AnEventThatCommitsLateIsNotLost) {
  declare(kMail, "mail.received");
  const auto inbox = subscribe(kCalls, "inbox", {"*"});
  const auto late_pool = testing::database().fresh_pool(1);
  auto late = late_pool->lease();
  late.in_transaction([&](db::Session& db) {
    events_.publish(db, service(kMail), {event("mail.received", "early id, late commit")});
    publish(kMail, event("mail.received", "late id, early commit"));
    EXPECT_EQ(contents(drain(inbox.queue_id)), Strings{"late id, early commit"});
  });
  EXPECT_EQ(contents(drain(inbox.queue_id)), Strings{"early id, late commit"});
}

TEST_F(PublishTest, AProfilesEventsReachItsTerminalsAndTheServicesItUses) {
  declare(kMail, "mail.received");
  let_profile_use(kAliceWork, kMail);
  const auto phone = connect(kAlicePhone, kAliceWork);
  const auto laptop = connect(kAliceLaptop, kAliceWork, {"mail.*"});
  const auto bob = connect(kBobPhone, kBobWork);
  const auto own = subscribe(kMail, "own", {"mail.*"});
  const auto stranger = subscribe(kCalls, "stranger", {"*"});
  EXPECT_EQ(publish(kMail, event("mail.received", "for alice", {kAliceWork, kAliceWork})).recipients, 1U)
      << "a service is not told how many terminals are connected";
  for (const auto queue : {phone.queue_id, laptop.queue_id, own.queue_id}) {
    const auto got = drain(queue);
    ASSERT_EQ(contents(got), Strings{"for alice"});
    ASSERT_EQ(got[0].profiles.size(), 1U);
    EXPECT_EQ(got[0].profiles[0].user, "alice");
    EXPECT_EQ(got[0].profiles[0].profile, "work");
  }
  EXPECT_TRUE(drain(bob.queue_id).empty());
  EXPECT_TRUE(drain(stranger.queue_id).empty());
}

TEST_F(PublishTest, AReaderSeesOnlyTheTargetsThatConcernIt) {
  declare(kMail, "mail.received");
  for (const auto profile : {kAliceWork, kBobWork}) let_profile_use(profile, kMail);
  let_profile_use(kBobWork, kCalls);
  const auto phone = connect(kAlicePhone, kAliceWork);
  const auto calls = subscribe(kCalls, "calls", {"*"});
  publish(kMail, event("mail.received", "both", {kAliceWork, kBobWork}));
  const auto at_phone = drain(phone.queue_id);
  ASSERT_EQ(at_phone.size(), 1U);
  ASSERT_EQ(at_phone[0].profiles.size(), 1U);
  EXPECT_EQ(at_phone[0].profiles[0].user, "alice");
  EXPECT_EQ(at_phone[0].terminal, "phone");
  EXPECT_EQ(at_phone[0].user, "alice");
  const auto at_calls = drain(calls.queue_id);
  ASSERT_EQ(at_calls.size(), 1U);
  ASSERT_EQ(at_calls[0].profiles.size(), 1U);
  EXPECT_EQ(at_calls[0].profiles[0].user, "bob");
}

TEST_F(PublishTest, AServiceReachesOnlyProfilesThatUseIt) {
  declare(kMail, "mail.received");
  let_profile_use(kAliceWork, kMail);
  EXPECT_EQ(fault_of([&] {
              publish(kMail, event("mail.received", "x", {kAliceWork, kBobWork}));
            }),
            "FORBIDDEN(profile)");
}

TEST_F(PublishTest, FiltersByProfileAndTransmitterHold) {
  for (const auto id : {kMail, kCalls}) declare(id, "mail.received");
  for (const auto profile : {kAliceWork, kBobWork}) let_profile_use(profile, kMail);
  const auto alice_only = in([&](db::Session& db) {
    return events_.subscribe(db, {PartyKind::kService, kMail}, {"alice", {"*"}, kAliceWork, {}});
  });
  const auto calls_only = in([&](db::Session& db) {
    return events_.subscribe(db, {PartyKind::kService, kMail}, {"calls", {"*"}, {}, kCalls});
  });
  publish(kMail, {event("mail.received", "alice", {kAliceWork}), event("mail.received", "bob", {kBobWork}),
                  event("mail.received", "nobody")});
  publish(kCalls, event("mail.received", "by calls"));
  EXPECT_EQ(contents(drain(alice_only.queue_id)), Strings{"alice"});
  EXPECT_EQ(contents(drain(calls_only.queue_id)), Strings{"by calls"});
}

TEST_F(PublishTest, AComponentsEventGoesByTheSameRules) {
  const auto inbox = subscribe(kMail, "inbox", {"service.*"});
  const auto phone = connect(kAlicePhone, kAliceWork);
  in([&](db::Session& db) {
    events_.publish(db, "directory", event("service.available", "<x/>"));
    events_.publish(db, "availability", event("mode.changed", "<y/>", {kAliceWork}));
    events_.publish(db, "identity", event("account.changed", "secret"));
  });
  const auto got = drain(inbox.queue_id);
  ASSERT_EQ(types(got), Strings{"service.available"});
  EXPECT_EQ(got[0].transmitter.component, "directory");
  EXPECT_EQ(got[0].transmitter.service_id, 0U);
  EXPECT_EQ(types(drain(phone.queue_id)), Strings{"mode.changed"});
}

TEST_F(PublishTest, AccountsAreNoServicesBusiness) {
  const auto all = subscribe(kMail, "all", {"*", "account.*", "account.changed"});
  const auto component = in([&](db::Session& db) {
    return events_.subscribe(db, {PartyKind::kComponent, 0}, {"coordination", {"account.changed"}, {}, {}});
  });
  in([&](db::Session& db) { events_.publish(db, "identity", event("account.changed", "secret")); });
  EXPECT_TRUE(drain(all.queue_id).empty());
  EXPECT_EQ(drain(component.queue_id).size(), 1U);
}

TEST_F(PublishTest, PublishToReachesTheNamedSubscriptionsOnly) {
  const auto phone = connect(kAlicePhone, kAliceWork, {});
  const auto bob = connect(kBobPhone, kBobWork);
  const auto told = in([&](db::Session& db) {
    const std::vector<std::uint64_t> ids{phone.id, phone.id, 999999};
    return events_.publish_to(db, "coordination", event("contact.state", "<s/>", {kAliceWork}), ids);
  });
  EXPECT_EQ(told.recipients, 1U);
  EXPECT_EQ(types(drain(phone.queue_id)), Strings{"contact.state"});
  EXPECT_TRUE(drain(bob.queue_id).empty());
}

}  // namespace
}  // namespace whitebrick::events
