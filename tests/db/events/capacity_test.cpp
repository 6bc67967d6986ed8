// Full queues: what makes way, who is refused, what is kept back; and subscriptions that expire.

#include "modules/events/capacity.hpp"

#include "server/pulse.hpp"
#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using Strings = std::vector<std::string>;

class CapacityTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
    declare(kMail, "mail.count");
    in([](db::Session& db) { db.execute("DELETE FROM db_pulse"); });
    beat(testing::database().pool(), "test", std::chrono::seconds(0));
  }
  std::uint64_t small_queue(int most, const std::string& name = "inbox") {
    return in([&](db::Session& db) {
      SubscriptionRequest request{name, {"*"}, {}, {}};
      request.max_pending = most;
      return events_.subscribe(db, {PartyKind::kService, kCalls}, request).queue_id;
    });
  }
  static NewEvent state(const std::string& key, const std::string& content) {
    NewEvent one = event("mail.count", content);
    one.state_key = key;
    return one;
  }
  std::uint64_t publish_as_component(const NewEvent& one) {
    return in([&](db::Session& db) { return events_.publish(db, "test", one).event_id; });
  }
  QueueInfo info(std::uint64_t queue) {
    return in([&](db::Session& db) { return events_.queue_info(db, queue); });
  }
  std::string refused(const NewEvent& one) {
    return fault_of([&] { publish(kMail, one); });
  }
  void lifetime_is_over() {
    in([](db::Session& db) {
      db.execute(
          "UPDATE queue SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE lifetime IS NOT NULL");
    });
  }
  std::uint64_t expiring_queue(int seconds) {
    return in([&](db::Session& db) {
      SubscriptionRequest request{"brief", {"mail.*"}, {}, {}};
      request.lifetime_seconds = seconds;
      return events_.subscribe(db, {PartyKind::kService, kCalls}, request).queue_id;
    });
  }
};

TEST_F(CapacityTest, AServiceIsRefusedWhenAQueueIsFullAndNothingIsStored) {
  const auto queue = small_queue(3);
  publish(kMail, {event("mail.received", "1"), event("mail.received", "2")});
  publish(kMail, event("mail.received", "3"));
  try {
    publish(kMail, event("mail.received", "4"));
    FAIL() << "not refused";
  } catch (const Fault& fault) {
    EXPECT_EQ(fault.code(), FaultCode::QUEUE_FULL);
    EXPECT_NE(fault.message().find("3 deliveries"), std::string::npos);
    EXPECT_TRUE(fault.retry_after_seconds());
  }
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE content = '4'"), 0);
  acknowledge(queue, pull(queue, 1).lease_token);
  publish(kMail, event("mail.received", "4"));
  EXPECT_EQ(refused(event("mail.received", "5")), "QUEUE_FULL");
  EXPECT_EQ(contents(drain(queue)), (Strings{"2", "3", "4"}));
  EXPECT_EQ(refused(event("mail.received", "6")), "none");
}

TEST_F(CapacityTest, ABatchThatDoesNotFitIsRefusedAsAWhole) {
  small_queue(3);
  std::vector<NewEvent> batch(4, event("mail.received"));
  EXPECT_EQ(fault_of([&] { publish(kMail, batch); }), "QUEUE_FULL");
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 0);
}

TEST_F(CapacityTest, AQueueIsNotCountedWhileItCannotBeFull) {
  small_queue(100);
  publish(kMail, event("mail.received"));
  const auto due = count("SELECT due_event AS n FROM queue_depth");
  for (int i = 0; i < 20; ++i) publish(kMail, event("mail.received"));
  EXPECT_EQ(count("SELECT due_event AS n FROM queue_depth"), due);
  EXPECT_EQ(count("SELECT depth AS n FROM queue_depth"), 1);
}

// An event for many terminals is many deliveries.
TEST_F(CapacityTest, TheQueueThatTerminalsShareIsFullByItsDeliveries) {
  const auto portal = in([&](db::Session& db) {
    const auto queue = events_.open_queue(db, {PartyKind::kService, kCalls}, Events::kTerminals);
    db.execute("UPDATE queue SET max_pending = 100 WHERE id = ?", queue);
    for (const auto& [terminal, profile] :
         {std::pair{kAlicePhone, kAliceWork}, std::pair{kBobPhone, kBobWork},
          std::pair{kAliceLaptop, kAliceWork}})
      events_.subscribe_terminal(db, terminal, queue, profile, {"mail.*"});
    return queue;
  });
  let_profile_use(kAliceWork, kMail);
  let_profile_use(kBobWork, kMail);
  const NewEvent to_all = event("mail.received", "hello", {kAliceWork, kBobWork});
  for (int i = 0; i < 33; ++i) publish(kMail, to_all);
  EXPECT_EQ(refused(to_all), "QUEUE_FULL");
  EXPECT_EQ(in([&](db::Session& db) { return events_.backlog(db, portal); }), 99U);
}

TEST_F(CapacityTest, OlderStatesMakeWayOnlyWhenTheQueueIsFull) {
  const auto queue = small_queue(4);
  publish(kMail, {state("a", "a1"), state("b", "b1"), event("mail.received", "m"), state("a", "a2")});
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 4);
  const auto published = publish(kMail, state("a", "a3"));
  EXPECT_EQ(published.recipients, 1U);
  EXPECT_EQ(refused(event("mail.received", "n")), "none");  // two made way
  EXPECT_EQ(refused(state("c", "c1")), "QUEUE_FULL");       // no older one
  const auto events = drain(queue);
  EXPECT_EQ(contents(events), (Strings{"b1", "m", "a3", "n"}));
  EXPECT_EQ(events[2].coalesced, 2U);
  EXPECT_EQ(events[0].coalesced, 0U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 5"), 2);
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].sequence, i + 1);
}

TEST_F(CapacityTest, WhatSomebodyHasPulledDoesNotMakeWay) {
  const auto queue = small_queue(2);
  publish(kMail, {state("a", "a1"), state("a", "a2")});
  const Batch held = pull(queue, 2);
  EXPECT_EQ(refused(state("a", "a3")), "QUEUE_FULL");
  EXPECT_EQ(acknowledge(queue, held.lease_token).count, 2U);
}

TEST_F(CapacityTest, KeysOfOtherTypesAndServicesAreOtherStates) {
  small_queue(2);
  declare(kCalls, "mail.count");
  NewEvent other = event("mail.received", "other type");
  other.state_key = "a";
  publish(kMail, other);
  in([&](db::Session& db) { events_.publish(db, service(kCalls), {state("a", "other service")}); });
  EXPECT_EQ(refused(state("a", "a1")), "QUEUE_FULL");
}

TEST_F(CapacityTest, TheJobLetsStatesMakeWayInAFullQueue) {
  const auto queue = small_queue(6);
  for (int i = 0; i < 5; ++i) publish(kMail, state("a", "a" + std::to_string(i)));
  publish(kMail, event("mail.received", "m"));
  EXPECT_EQ(refused(event("mail.received", "n")), "QUEUE_FULL");
  events_.expire(testing::database().pool());
  EXPECT_EQ(refused(event("mail.received", "n")), "none");
  const auto events = drain(queue);
  EXPECT_EQ(contents(events), (Strings{"a4", "m", "n"}));
  EXPECT_EQ(events[0].coalesced, 4U);
}

TEST_F(CapacityTest, AComponentIsNeverRefusedTheQueueIsSuspendedAndSeekBringsWhatItMissed) {
  const auto queue = small_queue(2);
  publish_as_component(event("gauge.alert", "1"));
  publish_as_component(event("gauge.alert", "2"));
  publish_as_component(event("gauge.alert", "3"));
  EXPECT_EQ(info(queue).state, QueueState::kSuspended);
  EXPECT_TRUE(info(queue).state_since);
  const auto missed = publish_as_component(event("gauge.alert", "4"));
  const auto skipped = publish(kMail, event("mail.received", "5"));  // nor is a service refused now
  EXPECT_EQ(skipped.recipients, 0U);
  EXPECT_EQ(info(queue).held, 2U);
  const auto report = in([&](db::Session& db) { return events_.deliveries(db, admin(), missed); });
  ASSERT_EQ(report.deliveries.size(), 1U);
  EXPECT_EQ(report.deliveries[0].outcome, Outcome::kHeldBack);
  EXPECT_FALSE(report.deliveries[0].notified);

  const auto before = drain(queue);
  EXPECT_EQ(types(before), (Strings{"gauge.alert", "gauge.alert", "gauge.alert", "subscription.suspended"}));
  const auto done = in([&](db::Session& db) { return events_.seek(db, queue, before.back().id + 1); });
  EXPECT_EQ(done.count, 2U);
  EXPECT_EQ(info(queue).state, QueueState::kActive);
  EXPECT_EQ(info(queue).held, 0U);
  const auto after = drain(queue);
  EXPECT_EQ(types(after), (Strings{"gauge.alert", "mail.received"}));
  EXPECT_FALSE(after[0].replay);
  EXPECT_EQ(publish(kMail, event("mail.received", "6")).recipients, 1U);
}

// What is kept back from a portal's terminals waits for the portal's seek, whoever connects; of a terminal
// that leaves, for the profile's next one.
TEST_F(CapacityTest, WhatIsKeptBackFromAPortalIsNotForgottenWhenTerminalsComeAndGo) {
  const auto portal = in([&](db::Session& db) {
    const auto queue = events_.open_queue(db, {PartyKind::kService, kCalls}, Events::kTerminals);
    db.execute("UPDATE queue SET max_pending = 1 WHERE id = ?", queue);
    return queue;
  });
  const auto connect_to_portal = [&](std::uint64_t terminal, std::uint64_t profile) {
    return in([&](db::Session& db) {
      return events_.subscribe_terminal(db, terminal, portal, profile, {"gauge.*"});
    });
  };
  const auto first = connect_to_portal(kAlicePhone, kAliceWork);
  for (const char* content : {"1", "2", "3"})
    publish_as_component(event("gauge.alert", content, {kAliceWork}));
  ASSERT_EQ(info(portal).state, QueueState::kSuspended);
  connect_to_portal(kBobPhone, kBobWork);
  EXPECT_EQ(info(portal).state, QueueState::kSuspended);
  EXPECT_EQ(info(portal).held, 1U);
  leave(first.id);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 6"), 0);
  EXPECT_EQ(contents(drain(connect(kAlicePhone, kAliceWork).queue_id)), (Strings{"1", "2", "3"}));
}

TEST_F(CapacityTest, RenewingOrSubscribingAgainEndsASuspension) {
  const auto queue = small_queue(1);
  for (int i = 0; i < 3; ++i) publish_as_component(event("gauge.alert"));
  ASSERT_EQ(info(queue).state, QueueState::kSuspended);
  in([&](db::Session& db) { events_.renew_subscription(db, {PartyKind::kService, kCalls}, "inbox", {}); });
  EXPECT_EQ(info(queue).state, QueueState::kActive);
  publish_as_component(event("gauge.alert"));
  ASSERT_EQ(info(queue).state, QueueState::kSuspended);
  small_queue(100);
  EXPECT_EQ(info(queue).state, QueueState::kActive);
  EXPECT_EQ(refused(event("mail.received")), "none");
}

TEST_F(CapacityTest, AQueueOfAComponentHasNoLimit) {
  const auto queue = in([&](db::Session& db) {
    SubscriptionRequest request{"listener", {"mail.*"}, {}, {}};
    request.max_pending = 1;
    return events_.subscribe(db, {PartyKind::kComponent, 0}, request).queue_id;
  });
  for (int i = 0; i < 3; ++i) publish(kMail, event("mail.received"));
  EXPECT_EQ(in([&](db::Session& db) { return events_.backlog(db, queue); }), 3U);
}

TEST_F(CapacityTest, AFullQueueCannotBeSoughtFurther) {
  const auto queue = small_queue(2);
  const auto first = publish(kMail, event("mail.received", "1")).event_id;
  drain(queue);
  publish(kMail, {event("mail.received", "2"), event("mail.received", "3")});
  EXPECT_EQ(fault_of([&] { in([&](db::Session& db) { events_.seek(db, queue, first); }); }), "QUEUE_FULL");
}

TEST_F(CapacityTest, ASubscriptionThatNobodyPullsExpiresAndSaysSoLast) {
  const auto queue = expiring_queue(600);
  publish(kMail, event("mail.received", "kept"));
  events_.expire_subscriptions(testing::database().pool());
  EXPECT_EQ(info(queue).state, QueueState::kActive);
  lifetime_is_over();
  wake_.clear();
  events_.expire_subscriptions(testing::database().pool());
  EXPECT_TRUE(wake_.woke(Events::wait_key(queue)));
  EXPECT_EQ(info(queue).state, QueueState::kExpired);
  EXPECT_EQ(publish(kMail, event("mail.received", "too late")).recipients, 0U);
  events_.expire_subscriptions(testing::database().pool());
  for (const char* consumer : {"", "one"})
    in([&](db::Session& db) { events_.begin_poll(db, queue, consumer); });
  const auto events = drain(queue);  // which does not put its end off
  EXPECT_EQ(types(events), (Strings{"mail.received", "subscription.expired"}));
  EXPECT_NE(events[1].content.find("<subscription>brief</subscription>"), std::string::npos);

  in([](db::Session& db) {
    db.execute("UPDATE queue SET state_at = state_at - INTERVAL 25 HOUR WHERE state = 2");
  });
  events_.expire_subscriptions(testing::database().pool());
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM subscription WHERE name = 'brief'"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM queue WHERE name = 'brief'"), 0);
}

TEST_F(CapacityTest, PullingAndRenewingPutTheExpiryOff) {
  const auto queue = expiring_queue(600);
  lifetime_is_over();
  in([&](db::Session& db) { events_.begin_poll(db, queue, "one"); });
  events_.expire_subscriptions(testing::database().pool());
  EXPECT_EQ(info(queue).state, QueueState::kActive);
  lifetime_is_over();
  in([&](db::Session& db) { events_.begin_poll(db, queue); });
  events_.expire_subscriptions(testing::database().pool());
  EXPECT_EQ(info(queue).state, QueueState::kActive);

  lifetime_is_over();
  events_.expire_subscriptions(testing::database().pool());
  EXPECT_EQ(info(queue).state, QueueState::kExpired);
  const Party owner{PartyKind::kService, kCalls};
  const auto until =
      in([&](db::Session& db) { return events_.renew_subscription(db, owner, "brief", 7200); });
  const Time now = in([](db::Session& db) { return db.now(); });
  ASSERT_TRUE(until);
  EXPECT_GT(*until, now + std::chrono::seconds(7000));
  EXPECT_EQ(publish(kMail, event("mail.received")).recipients, 1U);
  EXPECT_EQ(
      fault_of([&] { in([&](db::Session& db) { events_.renew_subscription(db, owner, "none", {}); }); }),
      "NOT_FOUND(name)");
}

TEST_F(CapacityTest, NothingExpiresWhileLeasesHaveCredit) {
  const auto queue = expiring_queue(600);
  lifetime_is_over();
  testing::database().run("UPDATE db_pulse SET no_expire_before = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR");
  events_.expire_subscriptions(testing::database().pool());
  EXPECT_EQ(info(queue).state, QueueState::kActive);
}

}  // namespace
}  // namespace whitebrick::events
