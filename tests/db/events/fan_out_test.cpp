#include <thread>

#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

constexpr int kMany = 5000;

class FanOutTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
    in([](db::Session& db) {
      db.execute(
          "INSERT INTO queue (id, owner_kind, owner_id, name) SELECT seq, 1, seq, 'inbox' FROM "
          "seq_1001_to_6000");
      db.execute(
          "INSERT INTO subscription (id, queue_id, owner_kind, owner_id, name, created_at) "
          "SELECT seq, seq, 1, seq, 'inbox', UTC_TIMESTAMP(6) FROM seq_1001_to_6000");
      db.execute(
          "INSERT INTO subscription_pattern (pattern, subscription_id) "
          "SELECT IF(seq % 2, 'mail.*', 'mail.received'), seq FROM seq_1001_to_6000");
    });
  }
  std::int64_t deliveries() { return count("SELECT COUNT(*) AS n FROM delivery"); }
  void fan_out() {
    while (events_.fan_out(testing::database().pool())) {
    }
  }
};

TEST_F(FanOutTest, ThePublisherWritesLittleAndEverybodyIsReached) {
  const Published published = publish(kMail, event("mail.received"));
  EXPECT_EQ(published.recipients, kMany);
  EXPECT_EQ(deliveries(), 0);
  EXPECT_TRUE(wake_.woke(Events::fan_out_key()));
  fan_out();
  EXPECT_EQ(deliveries(), kMany);
  EXPECT_EQ(count("SELECT COUNT(DISTINCT subscription_id) AS n FROM delivery"), kMany);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM fanout"), 0);
  EXPECT_TRUE(wake_.woke(Events::wait_key(1001)));
  EXPECT_TRUE(wake_.woke(Events::wait_key(6000)));
}

TEST_F(FanOutTest, ComponentsAreReachedAtOnce) {
  const auto component = in([&](db::Session& db) {
    return events_.subscribe(db, {PartyKind::kComponent, 0}, {"watcher", {"mail.*"}, {}, {}});
  });
  EXPECT_EQ(publish(kMail, event("mail.received")).recipients, kMany) << "services";
  EXPECT_EQ(drain(component.queue_id).size(), 1U);
}

// As after a kill: another replica goes on from where the transaction of the last piece left it.
TEST_F(FanOutTest, ItGoesOnWhereItWasLeft) {
  publish(kMail, event("mail.received"));
  in([](db::Session& db) {
    db.execute(
        "INSERT INTO delivery (queue_id, event_id, subscription_id, visible_at) "
        "SELECT s.id, f.event_id, s.id, UTC_TIMESTAMP(6) FROM subscription s JOIN fanout f WHERE s.id "
        "BETWEEN 1001 AND 3000");
    db.execute("UPDATE fanout SET position = 3000");
  });
  fan_out();
  EXPECT_EQ(deliveries(), kMany);
}

TEST_F(FanOutTest, ReplicasThatWorkTogetherRepeatNothing) {
  for (int i = 0; i < 4; ++i) publish(kMail, event("mail.received"));
  std::vector<std::thread> replicas;
  for (int i = 0; i < 4; ++i) {
    replicas.emplace_back([&] {
      for (bool more = true; more;) {
        try {
          more = events_.fan_out(testing::database().pool());
        } catch (const db::Conflict&) {
        }
      }
    });
  }
  for (std::thread& replica : replicas) replica.join();
  EXPECT_EQ(deliveries(), 4 * kMany);
}

// More deliveries than a publisher makes itself, to queues with less room than there are states.
TEST_F(FanOutTest, StatesThatMakeWayAreNotRefused) {
  for (int i = 0; i < 6; ++i) {
    in([&](db::Session& db) {
      SubscriptionRequest request{"few" + std::to_string(i), {"box.count"}, {}, {}};
      request.max_pending = 100;
      events_.subscribe(db, {PartyKind::kService, kCalls}, request);
    });
  }
  declare(kMail, "box.count");
  NewEvent state = event("box.count");
  state.state_key = "inbox";
  const std::vector<NewEvent> states(1000, state);
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_EQ(fault_of([&] { publish(kMail, states); }), "none");
    fan_out();
  }
  EXPECT_LE(deliveries(), 6 * 101);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM queue WHERE state <> 0"), 0);
  EXPECT_EQ(fault_of([&] { publish(kMail, std::vector<NewEvent>(1000, event("box.count"))); }), "QUEUE_FULL");
}

TEST_F(FanOutTest, WhoSubscribesBehindThePublisherIsNotReached) {
  publish(kMail, event("mail.received"));
  const auto late = subscribe(kCalls, "inbox", {"mail.*"});
  fan_out();
  EXPECT_EQ(deliveries(), kMany);
  EXPECT_TRUE(drain(late.queue_id).empty());
}

TEST_F(FanOutTest, NoticesAboutATypeTakeTheSameWay) {
  in([&](db::Session& db) { events_.transmitter_gone(db, kMail, "DISCONNECTED"); });
  EXPECT_EQ(deliveries(), 0);
  fan_out();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery d JOIN event e ON e.id = d.event_id WHERE e.type = "
                  "'event.unavailable'"),
            kMany);
}

TEST_F(FanOutTest, OneWhoseEventIsGoneStopsNobody) {
  in([](db::Session& db) {
    db.execute("INSERT INTO fanout (event_id) VALUES (1)");
    db.execute(
        "INSERT INTO fanout_target (event_id, service_id, component, listed, for_services) VALUES (2, 11, "
        "'', 0, 1)");
  });
  publish(kMail, event("mail.received"));
  fan_out();
  EXPECT_EQ(deliveries(), kMany);
}

// To a profile that uses many services.
class TargetedFanOutTest : public FanOutTest {
 protected:
  static constexpr int kServices = 2500;
  void SetUp() override {
    FanOutTest::SetUp();
    in([](db::Session& db) {
      db.execute(
          "INSERT INTO profile_service (profile_id, service_id) SELECT 41, seq FROM seq_1001_to_3500 UNION "
          "ALL "
          "SELECT 41, 11");
    });
  }
  bool fan_out_once() { return events_.fan_out(testing::database().pool()); }
  void sweep() {
    while (events_.sweep_waiting(testing::database().pool())) {
    }
  }
};

TEST_F(TargetedFanOutTest, AnEventForAProfileTakesThatWayAndReachesItsServicesAndTerminals) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  connect(kBobPhone, kBobWork);
  EXPECT_EQ(publish(kMail, event("mail.received", "x", {kAliceWork})).recipients, kServices);
  EXPECT_EQ(deliveries(), 0);
  EXPECT_TRUE(wake_.woke(Events::fan_out_key()));
  fan_out();
  EXPECT_EQ(deliveries(), kServices + 1);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery d JOIN subscription s ON s.id = d.subscription_id "
                  "WHERE s.owner_kind = 1 AND s.owner_id BETWEEN 1001 AND 3500"),
            kServices);
  EXPECT_EQ(contents(drain(phone.queue_id)), std::vector<std::string>{"x"});
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM fanout_target"), 0);
  sweep();
  EXPECT_TRUE(drain(phone.queue_id).empty()) << "not twice";
}

TEST_F(TargetedFanOutTest, AnotherReplicaGoesOnWhereOneDied) {
  publish(kMail, event("mail.received", "x", {kAliceWork}));
  fan_out_once();
  EXPECT_EQ(deliveries(), 1000);
  Events other(wake_);
  while (other.fan_out(testing::database().pool())) {
  }
  EXPECT_EQ(deliveries(), kServices);
}

TEST_F(TargetedFanOutTest, WhatATerminalThatLeavesMeanwhileMissesWaitsForTheNext) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  publish(kMail, event("mail.received", "x", {kAliceWork}));
  fan_out_once();
  leave(phone.id);
  const auto laptop = connect(kAliceLaptop, kAliceWork);
  fan_out();
  sweep();
  EXPECT_EQ(contents(drain(laptop.queue_id)), std::vector<std::string>{"x"});
}

// A terminal that left with it has passed it on before the fan-out comes to the other one.
TEST_F(TargetedFanOutTest, WhatATerminalHasAlreadyFromAnotherItGetsOnce) {
  const auto phone = connect(kAlicePhone, kAliceWork), laptop = connect(kAliceLaptop, kAliceWork);
  const auto id = publish(kMail, event("mail.received", "x", {kAliceWork})).event_id;
  in([&](db::Session& db) {
    db.execute("INSERT INTO waiting_event (profile_id, event_id) VALUES (?, ?)", kAliceWork, id);
  });
  sweep();
  auto got = drain(phone.queue_id).size() + drain(laptop.queue_id).size();
  EXPECT_EQ(got, 1U);
  const auto second = publish(kMail, event("mail.received", "y", {kAliceWork})).event_id;
  in([&](db::Session& db) {
    db.execute("INSERT INTO waiting_event (profile_id, event_id) VALUES (?, ?)", kAliceWork, second);
  });
  sweep();  // this one stays unread
  fan_out();
  sweep();
  got += drain(phone.queue_id).size() + drain(laptop.queue_id).size();
  EXPECT_EQ(got, 4U) << "two events at two terminals";
}

TEST_F(TargetedFanOutTest, OnlyTheTerminalsWhereServicesMayNotKnow) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  NewEvent secret = event("mode.secret", "x", {kAliceWork});
  secret.for_services = false;
  in([&](db::Session& db) {
    db.execute("UPDATE subscription_pattern SET pattern = '*' WHERE subscription_id BETWEEN 1001 AND 6000");
    db.execute(
        "INSERT INTO fanout_target (event_id, service_id, component, listed, for_services) VALUES (1, 0, "
        "'availability', 0, 1)");  // something of this component is under way
    events_.publish(db, "availability", secret);
  });
  EXPECT_TRUE(drain(phone.queue_id).empty());
  fan_out();
  EXPECT_EQ(deliveries(), 1);
  EXPECT_EQ(contents(drain(phone.queue_id)), std::vector<std::string>{"x"});
}

TEST_F(FanOutTest, AComponentsListTakesThatWayAndItsLaterEventsComeBehindIt) {
  std::vector<std::uint64_t> all, profiles{kAliceWork, kBobWork};
  for (std::uint64_t id = 6000; id > 1000; --id) all.push_back(id);
  NewEvent state = event("contact.state", "first", profiles);
  const std::uint64_t one = 5999;
  in([&](db::Session& db) {
    EXPECT_EQ(events_.publish_to(db, "coordination", state, all).recipients, kMany);
    state.content = "second";
    events_.publish_to(db, "coordination", state, std::span(&one, 1));
  });
  EXPECT_EQ(deliveries(), 0) << "the first one is not overtaken";
  events_.fan_out(testing::database().pool());
  Events other(wake_);
  while (other.fan_out(testing::database().pool())) {
  }
  EXPECT_EQ(deliveries(), kMany + 1);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event_target"), 4);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM fanout_list"), 0);
  EXPECT_EQ(contents(drain(one)), (std::vector<std::string>{"first", "second"}));
}

// Many events for some.
class BatchFanOutTest : public EventsFixture {
 protected:
  static constexpr int kSubscriptions = 300;
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
    for (int i = 1; i <= kSubscriptions; ++i)
      queues_.push_back(subscribe(i % 2 ? kCalls : kMail, "s" + std::to_string(i), {"mail.*"}).queue_id);
  }
  std::int64_t deliveries() { return count("SELECT COUNT(*) AS n FROM delivery"); }
  void fan_out() {
    while (events_.fan_out(testing::database().pool())) {
    }
  }
  static std::vector<NewEvent> batch(int number) {
    std::vector<NewEvent> events;
    for (int i = 0; i < number; ++i) events.push_back(event("mail.received", std::to_string(i)));
    return events;
  }
  std::vector<std::uint64_t> queues_;
};

TEST_F(BatchFanOutTest, ItsDeliveriesAreMadeBehindThePublisherAndInOrder) {
  const auto published = publish(kMail, batch(20));
  for (const Published& one : published) EXPECT_EQ(one.recipients, kSubscriptions);
  EXPECT_EQ(deliveries(), 0);
  publish(kMail, event("mail.received", "20"));
  EXPECT_EQ(deliveries(), 0) << "behind them";
  events_.fan_out(testing::database().pool());
  EXPECT_EQ(deliveries(), 1000);
  fan_out();
  EXPECT_EQ(deliveries(), 21 * kSubscriptions);
  const auto got = contents(drain(queues_.back()));
  ASSERT_EQ(got.size(), 21U);
  for (int i = 0; i <= 20; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], std::to_string(i));
  publish(kMail, event("mail.received", "at once"));
  EXPECT_EQ(drain(queues_.back()).size(), 1U);
}

TEST_F(BatchFanOutTest, AFullQueueStillRefusesThePublisher) {
  in([&](db::Session& db) { db.execute("UPDATE queue SET max_pending = 10 WHERE id = ?", queues_.back()); });
  EXPECT_EQ(fault_of([&] { publish(kMail, batch(20)); }), "QUEUE_FULL");
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM fanout"), 0);
}

TEST_F(BatchFanOutTest, TargetsAreLimited) {
  std::vector<std::uint64_t> profiles(100, kAliceWork);
  std::vector<NewEvent> events(21, event("mail.received", "x", profiles));
  EXPECT_EQ(fault_of([&] { publish(kMail, events); }), "LIMIT_EXCEEDED(profile)");
}

}  // namespace
}  // namespace whitebrick::events
