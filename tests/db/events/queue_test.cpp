// What a queue's owner can do beyond pulling and acknowledging.

#include <set>

#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using Strings = std::vector<std::string>;
using Numbers = std::vector<std::uint64_t>;

class QueueTest : public EventsFixture {
 protected:
  // The queue of a portal with two terminals of a profile, which uses the mail service.
  std::uint64_t portal_of_two() {
    let_profile_use(kAliceWork, kMail);
    return in([&](db::Session& db) {
      const auto queue = events_.open_queue(db, {PartyKind::kService, kCalls}, "terminals");
      events_.subscribe_terminal(db, kAlicePhone, queue, kAliceWork, {"*"});
      events_.subscribe_terminal(db, kAliceLaptop, queue, kAliceWork, {"*"});
      return queue;
    });
  }
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
    queue_ = subscribe(kCalls, "inbox", {"mail.*"}).queue_id;
  }
  Numbers publish_many(int number, const std::string& prefix = "") {
    std::vector<NewEvent> batch;
    for (int i = 0; i < number; ++i) batch.push_back(event("mail.received", prefix + std::to_string(i)));
    Numbers ids;
    for (const Published& one : publish(kMail, batch)) ids.push_back(one.event_id);
    return ids;
  }
  static Numbers sequences(const Batch& batch) {
    Numbers all;
    for (const Event& one : batch.events) all.push_back(one.sequence);
    return all;
  }
  Held release(const Batch& batch, const Numbers& ids = {}, int delay = 0) {
    return in([&](db::Session& db) { return events_.release(db, queue_, batch.lease_token, ids, delay); });
  }
  Held extend(const Batch& batch, const Numbers& ids = {}, int seconds = 600) {
    return in(
        [&](db::Session& db) { return events_.extend_lease(db, queue_, batch.lease_token, ids, seconds); });
  }
  Replayed seek(std::uint64_t from) {
    return in([&](db::Session& db) { return events_.seek(db, queue_, from); });
  }
  std::vector<DeadEvent> dead() {
    return in([&](db::Session& db) { return events_.dead_events(db, queue_, 0, 100); });
  }
  QueueLoad load() {
    return in([&](db::Session& db) { return events_.queue_load(db, queue_); });
  }
  QueueInfo info() {
    return in([&](db::Session& db) { return events_.queue_info(db, queue_); });
  }
  void set_attempts(int attempts, std::uint64_t event) {
    in([&](db::Session& db) {
      db.execute("UPDATE delivery SET attempts = ? WHERE event_id = ?", attempts, event);
    });
  }

  std::uint64_t queue_ = 0;
};

TEST_F(QueueTest, EventsAreNumberedWithoutAGapWhenTheyAreFirstClaimed) {
  publish_many(5);
  const Batch first = pull(queue_, 2);
  EXPECT_EQ(sequences(first), (Numbers{1, 2}));
  EXPECT_EQ(sequences(pull(queue_, 2)), (Numbers{3, 4}));
  acknowledge(queue_, first.lease_token);
  end_leases(queue_);
  EXPECT_EQ(sequences(pull(queue_)), (Numbers{3, 4, 5}));
  EXPECT_EQ(info().last_sequence, 5U);
}

TEST_F(QueueTest, WhatExpiredBeforeItWasHandedOutLeavesNoGap) {
  publish_many(1);
  in([&](db::Session& db) {
    auto brief = event("mail.received", "brief");
    brief.ttl_seconds = 1;
    events_.publish(db, service(kMail), {brief});
    db.execute("UPDATE event SET expires_at = UTC_TIMESTAMP(6) WHERE content = 'brief'");
  });
  publish_many(2, "later ");
  EXPECT_EQ(sequences(pull(queue_)), (Numbers{1, 2, 3}));
  publish_many(1);
  EXPECT_EQ(sequences(pull(queue_)), Numbers{4});
}

TEST_F(QueueTest, APortalsEventForSeveralTerminalsHasANumberForEach) {
  const auto portal = portal_of_two();
  publish(kMail, event("mail.received", "one", {kAliceWork}));
  publish(kMail, event("mail.received", "two", {kAliceWork}));
  EXPECT_EQ(sequences(pull(portal, 3)), (Numbers{1, 2, 3}));
  EXPECT_EQ(sequences(pull(portal)), Numbers{4});
}

TEST_F(QueueTest, APortalsLargeEventMayEndABatchBetweenTwoTerminals) {
  const auto portal = portal_of_two();
  publish(kMail, std::vector(3, event("mail.received", std::string(200'000, 'x'), {kAliceWork})));
  const Batch first = pull(portal);
  EXPECT_EQ(sequences(first), (Numbers{1, 2, 3, 4, 5}));
  const Batch rest = pull(portal);
  EXPECT_EQ(sequences(rest), Numbers{6});
  EXPECT_EQ(rest.events[0].id, first.events[4].id);
  EXPECT_NE(rest.events[0].terminal, first.events[4].terminal);
  EXPECT_EQ(rest.events[0].attempts, 1U);
}

TEST_F(QueueTest, ReleasedEventsComeAgainAfterTheirDelayWithTheSameNumber) {
  const auto ids = publish_many(3);
  const Batch batch = pull(queue_);
  wake_.clear();
  EXPECT_EQ(release(batch, {ids[0]}).count, 1U);
  EXPECT_TRUE(wake_.woke(Events::wait_key(queue_)));
  EXPECT_EQ(release(batch, {ids[1]}, 600).count, 1U);
  const Batch again = pull(queue_);
  EXPECT_EQ(sequences(again), Numbers{1});
  EXPECT_EQ(again.events[0].attempts, 2U);
  const Held lost = release(batch, {ids[0], ids[1]});
  EXPECT_EQ(lost.count, 0U);
  EXPECT_EQ(lost.lost, (Numbers{ids[0], ids[1]}));
  const Held rest = release(batch);
  EXPECT_EQ(rest.count, 1U);
  EXPECT_EQ(rest.lost.size(), 2U);
  EXPECT_EQ(fault_of([&] { release(Batch{{}, "deadbeef"}); }), "INVALID_ARGUMENT(leaseToken)");
}

TEST_F(QueueTest, AnExtendedLeaseKeepsTheEventsAlsoWhenItHadRunOut) {
  const auto ids = publish_many(2);
  const Batch batch = pull(queue_);
  end_leases(queue_);
  EXPECT_EQ(extend(batch, {ids[0]}).count, 1U);
  const Batch other = pull(queue_);
  ASSERT_EQ(other.events.size(), 1U);
  EXPECT_EQ(other.events[0].id, ids[1]);
  const Held held = extend(batch);
  EXPECT_EQ(held.count, 1U);
  EXPECT_EQ(held.lost, Numbers{ids[1]});
  acknowledge(queue_, batch.lease_token);
  EXPECT_EQ(fault_of([&] { extend(batch); }), "LEASE_LOST(leaseToken)");
}

TEST_F(QueueTest, FromTheThirdTimeOnAnEventGoesAloneAndTheOrderIsKept) {
  const auto ids = publish_many(4);
  set_attempts(2, ids[1]);
  EXPECT_EQ(contents(pull(queue_).events), Strings{"0"});
  EXPECT_EQ(contents(pull(queue_).events), Strings{"1"});
  EXPECT_EQ(contents(pull(queue_).events), (Strings{"2", "3"}));
}

TEST_F(QueueTest, AfterTenTimesAnEventIsDeadAndMayBeRequeued) {
  const auto ids = publish_many(2);
  std::uint64_t number = 0;
  for (unsigned i = 1; i <= 10; ++i) {
    for (;;) {
      const Batch batch = pull(queue_);
      ASSERT_FALSE(batch.events.empty());
      if (batch.events.back().id != ids[0]) acknowledge(queue_, batch.lease_token, {ids[1]});
      if (batch.events.front().id != ids[0]) continue;
      EXPECT_EQ(batch.events.front().attempts, i);
      number = batch.events.front().sequence;
      break;
    }
    end_leases(queue_);
  }
  EXPECT_TRUE(dead().empty());
  EXPECT_TRUE(pull(queue_).events.empty());
  ASSERT_EQ(dead().size(), 1U);
  EXPECT_EQ(dead()[0].event.id, ids[0]);
  EXPECT_EQ(dead()[0].event.content, "0");
  EXPECT_EQ(dead()[0].event.attempts, 10U);
  EXPECT_EQ(load().dead, 1U);
  const auto report = in([&](db::Session& db) { return events_.deliveries(db, admin(), ids[0]); });
  ASSERT_EQ(report.deliveries.size(), 1U);
  EXPECT_EQ(report.deliveries[0].outcome, Outcome::kDead);

  const auto done = in([&](db::Session& db) { return events_.requeue(db, queue_, {ids[0], ids[1]}); });
  EXPECT_EQ(done.count, 1U);
  EXPECT_EQ(done.not_requeued, Numbers{ids[1]});
  EXPECT_TRUE(dead().empty());
  const Batch again = pull(queue_);
  ASSERT_EQ(again.events.size(), 1U);
  EXPECT_EQ(again.events[0].attempts, 1U);
  EXPECT_EQ(again.events[0].sequence, number);
  EXPECT_EQ(acknowledge(queue_, again.lease_token).count, 1U);
}

TEST_F(QueueTest, LargeDeadEventsAreListedAFewAtATime) {
  const auto published = publish(kMail, std::vector(6, event("mail.received", std::string(250'000, 'x'))));
  for (const Published& one : published) set_attempts(10, one.event_id);
  EXPECT_TRUE(pull(queue_).events.empty());
  EXPECT_EQ(dead().size(), 4U);
  const auto rest =
      in([&](db::Session& db) { return events_.dead_events(db, queue_, published[3].event_id, 100); });
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].event.content.size(), 250'000U);
}

TEST_F(QueueTest, TheJobFindsTheDeadWithoutAPullAndLeavesTheLeasedAlone) {
  const auto ids = publish_many(2);
  pull(queue_);
  set_attempts(10, ids[0]);
  set_attempts(10, ids[1]);
  in([&](db::Session& db) {
    db.execute("UPDATE delivery SET visible_at = UTC_TIMESTAMP(6) WHERE event_id = ?", ids[0]);
  });
  events_.expire(testing::database().pool());
  ASSERT_EQ(dead().size(), 1U);
  EXPECT_EQ(dead()[0].event.id, ids[0]);
}

TEST_F(QueueTest, ALateAcknowledgementHoldsForADeadEvent) {
  const auto ids = publish_many(2);
  const Batch batch = pull(queue_);
  set_attempts(10, ids[0]);
  set_attempts(10, ids[1]);
  end_leases(queue_);
  EXPECT_TRUE(pull(queue_).events.empty());
  EXPECT_EQ(acknowledge(queue_, batch.lease_token, {ids[1]}).count, 1U);
  EXPECT_EQ(acknowledge(queue_, batch.lease_token).count, 1U);
  EXPECT_TRUE(dead().empty());
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 1"), 2);
}

TEST_F(QueueTest, ADeadEventWhoseTimeIsOverStaysDead) {
  const auto ids = publish_many(1);
  pull(queue_);
  set_attempts(10, ids[0]);
  end_leases(queue_);
  pull(queue_);
  age_events(8 * 86400);
  const auto done = in([&](db::Session& db) { return events_.requeue(db, queue_, ids); });
  EXPECT_EQ(done.count, 0U);
  EXPECT_EQ(done.not_requeued, ids);
  EXPECT_EQ(in([&](db::Session& db) { return events_.requeue(db, queue_, {}); }).count, 0U);
}

TEST_F(QueueTest, TheDeadOfAnEndedSubscriptionGoToTheHistory) {
  const auto ids = publish_many(1);
  pull(queue_);
  set_attempts(10, ids[0]);
  end_leases(queue_);
  pull(queue_);
  in([&](db::Session& db) { events_.unsubscribe(db, {PartyKind::kService, kCalls}, "inbox"); });
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM dead_delivery"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 3"), 1);
}

TEST_F(QueueTest, ConsumersShareTheQueueAndTheNewestPollWinsForEachAlone) {
  publish_many(4);
  const auto a = in([&](db::Session& db) { return events_.begin_poll(db, queue_, "a"); });
  const auto b = in([&](db::Session& db) { return events_.begin_poll(db, queue_, "b"); });
  EXPECT_FALSE(in([&](db::Session& db) { return events_.superseded(db, queue_, a, "a"); }));
  EXPECT_FALSE(in([&](db::Session& db) { return events_.superseded(db, queue_, b, "b"); }));
  wake_.clear();
  const auto next = in([&](db::Session& db) { return events_.begin_poll(db, queue_, "a"); });
  EXPECT_EQ(wake_.keys(), std::vector{Events::poll_key(queue_, a + 1, "a")});
  EXPECT_EQ(next, a + 1);
  EXPECT_TRUE(in([&](db::Session& db) { return events_.superseded(db, queue_, a, "a"); }));
  EXPECT_FALSE(in([&](db::Session& db) { return events_.superseded(db, queue_, b, "b"); }));
  EXPECT_EQ(pull(queue_, 2).events.size(), 2U);
  EXPECT_EQ(pull(queue_, 9).events.size(), 2U);
  const auto consumers = load().consumers;
  ASSERT_EQ(consumers.size(), 2U);
  EXPECT_EQ(consumers[0].first, "a");
  EXPECT_TRUE(info().last_poll_at);
}

TEST_F(QueueTest, NobodyAddsConsumersWithoutEnd) {
  in([&](db::Session& db) {
    for (int i = 0; i < 1000; ++i) {
      db.execute(
          "INSERT INTO queue_consumer (queue_id, name, poll_epoch, last_poll_at) VALUES (?, ?, 1, "
          "UTC_TIMESTAMP(6))",
          queue_, "c" + std::to_string(i));
    }
  });
  in([&](db::Session& db) { events_.begin_poll(db, queue_, "c7"); });
  EXPECT_EQ(fault_of([&] { in([&](db::Session& db) { events_.begin_poll(db, queue_, "another"); }); }),
            "LIMIT_EXCEEDED(consumer)");
}

TEST_F(QueueTest, SoughtEventsComeAgainAsReplaysAndStayAcknowledgedInTheLog) {
  const auto ids = publish_many(4);
  const Batch batch = pull(queue_, 3);
  acknowledge(queue_, batch.lease_token);
  const Replayed done = seek(ids[1]);
  EXPECT_EQ(done.count, 2U);
  EXPECT_FALSE(done.next_event_id);
  const auto report = in([&](db::Session& db) { return events_.deliveries(db, admin(), ids[1]); });
  EXPECT_TRUE(report.deliveries.at(0).notified);
  const Batch again = pull(queue_);
  EXPECT_EQ(contents(again.events), (Strings{"1", "2", "3"}));
  EXPECT_EQ(sequences(again), (Numbers{4, 5, 6}));
  EXPECT_TRUE(again.events[0].replay);
  EXPECT_FALSE(again.events[2].replay);
  EXPECT_EQ(acknowledge(queue_, again.lease_token).count, 3U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 1"), 4);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 0);
}

TEST_F(QueueTest, AReplayOutlivesTheTimeToLiveAndATimeIsFoundInTheLog) {
  publish_many(2, "old ");
  drain(queue_);
  age_events(8 * 86400);
  publish_many(2, "new ");
  drain(queue_);
  const Time now = in([](db::Session& db) { return db.now(); });
  const auto since = [&](int hours) {
    return in([&](db::Session& db) { return events_.seek(db, queue_, now - std::chrono::hours(hours)); })
        .count;
  };
  EXPECT_EQ(since(24), 2U);
  EXPECT_EQ(since(24 * 30), 2U);
  events_.expire(testing::database().pool());
  EXPECT_EQ(contents(pull(queue_).events), (Strings{"old 0", "old 1", "new 0", "new 1"}));
}

TEST_F(QueueTest, ALongSeekGoesOnWhereItStopped) {
  const auto first = publish_many(700);
  publish_many(700);
  while (!drain(queue_).empty()) {
  }
  const Replayed some = seek(first[0]);
  EXPECT_EQ(some.count, 1000U);
  ASSERT_TRUE(some.next_event_id);
  const Replayed rest = seek(*some.next_event_id);
  EXPECT_EQ(rest.count, 400U);
  EXPECT_FALSE(rest.next_event_id);
  std::set<std::uint64_t> seen;
  for (const Event& one : drain(queue_)) seen.insert(one.id);
  EXPECT_EQ(seen.size(), 1400U);
}

// More terminals than one call brings back deliveries of, in any event.
TEST_F(QueueTest, ASeekOfAPortalReachesEveryTerminal) {
  const auto ids = publish_many(3);
  drain(queue_);
  const auto portal = in([&](db::Session& db) {
    const auto queue = events_.open_queue(db, {PartyKind::kService, kCalls}, Events::kTerminals);
    db.execute(
        "INSERT INTO subscription (queue_id, owner_kind, owner_id, name, profile_id, created_at) SELECT ?, "
        "2, seq, "
        "'work', seq, UTC_TIMESTAMP(6) FROM seq_1001_to_3500",
        queue);
    db.execute(
        "INSERT INTO delivery_history (subscription_id, event_id, recipient_kind, recipient_id, profile_id, "
        "outcome, "
        "attempts, done_at) SELECT s.id, e.id, 2, s.owner_id, s.profile_id, 6, 0, UTC_TIMESTAMP(6) FROM "
        "subscription "
        "s JOIN event e WHERE s.queue_id = ? AND (e.id <> ? OR s.owner_id < 1101)",
        queue, ids[1]);
    return queue;
  });
  for (int turn = 0; turn < 2; ++turn) {  // from the first one on again
    std::optional<std::uint64_t> from = ids[0];
    std::vector<std::uint64_t> counts;
    while (from) {
      const Replayed some = in([&](db::Session& db) { return events_.seek(db, portal, *from); });
      counts.push_back(some.count);
      from = some.next_event_id;
    }
    EXPECT_EQ(counts, (Numbers{1000, 1000, 500, 100, 1000, 1000, 500, 0}));
    EXPECT_EQ(in([&](db::Session& db) {
                return db.execute("DELETE FROM delivery WHERE queue_id = ? AND replay = 0", portal);
              }),
              5100U);
  }
}

TEST_F(QueueTest, TheLoadIsCounted) {
  EXPECT_FALSE(load().oldest_at);
  publish_many(5);
  pull(queue_, 2);
  const QueueLoad now = load();
  EXPECT_EQ(now.depth, 5U);
  EXPECT_EQ(now.leased, 2U);
  EXPECT_EQ(now.dead, 0U);
  EXPECT_TRUE(now.oldest_at);
}

TEST_F(QueueTest, AServiceListsItsSubscriptionsAndAUserHisTerminals) {
  subscribe(kMail, "own", {"call.*"});
  in([&](db::Session& db) {
    SubscriptionRequest request{"filtered", {"mail.received", "*"}, kAliceWork, kMail};
    request.lifetime_seconds = 3600;
    request.max_pending = 50;
    events_.subscribe(db, {PartyKind::kService, kCalls}, request);
  });
  const auto list =
      in([&](db::Session& db) { return events_.list_subscriptions(db, service(kCalls)).queues; });
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].name, "filtered");
  EXPECT_EQ(list[0].patterns, (Strings{"*", "mail.received"}));
  ASSERT_EQ(list[0].profiles.size(), 1U);
  EXPECT_EQ(list[0].profiles[0].user, "alice");
  ASSERT_TRUE(list[0].transmitter);
  EXPECT_EQ(list[0].transmitter->service, "mail");
  EXPECT_EQ(list[0].lifetime_seconds, 3600);
  EXPECT_EQ(list[0].max_pending, 50);
  EXPECT_TRUE(list[0].expires_at);
  EXPECT_EQ(list[1].name, "inbox");
  EXPECT_FALSE(list[1].expires_at);
  EXPECT_EQ(list[1].max_pending, 100'000);
  EXPECT_TRUE(list[1].available);

  connect(kAlicePhone, kAliceWork, {"mail.received"});
  const auto terminals =
      in([&](db::Session& db) { return events_.list_subscriptions(db, user(kAlice)).queues; });
  ASSERT_EQ(terminals.size(), 1U);
  EXPECT_EQ(terminals[0].name, "phone");
  EXPECT_EQ(terminals[0].patterns, Strings{"mail.received"});
  EXPECT_TRUE(in([&](db::Session& db) { return events_.list_subscriptions(db, user(kBob)).queues; }).empty());
}

TEST_F(QueueTest, ALongListOfSubscriptionsIsReadPageByPage) {
  in([&](db::Session& db) {
    const auto name = [](int i) { return "s" + std::to_string(10'000 + i); };
    for (int i = 0; i < 1100; ++i)
      events_.subscribe(db, {PartyKind::kService, kMail}, {name(i), {"mail.*"}, {}, {}});
  });
  const auto page = [&](const std::string& after) {
    return in([&](db::Session& db) { return events_.list_subscriptions(db, service(kMail), after); });
  };
  const QueueList first = page("");
  EXPECT_EQ(first.queues.size(), 1000U);
  EXPECT_TRUE(first.more);
  const QueueList rest = page(first.queues.back().name);
  EXPECT_EQ(rest.queues.size(), 100U);
  EXPECT_FALSE(rest.more);
  EXPECT_EQ(rest.queues.front().name, "s11000");
}

TEST_F(QueueTest, OfSubscriptionsWithVeryManyTypesAPageHoldsFewer) {
  Strings types;
  for (int i = 0; i < 1000; ++i) types.push_back("many.t" + std::to_string(i));
  for (int i = 0; i < 12; ++i) subscribe(kMail, "s" + std::to_string(10 + i), types);
  const QueueList list = in([&](db::Session& db) { return events_.list_subscriptions(db, service(kMail)); });
  EXPECT_EQ(list.queues.size(), 10U);
  EXPECT_TRUE(list.more);
}

}  // namespace
}  // namespace whitebrick::events
