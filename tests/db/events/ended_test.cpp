// The end, or the move, of a terminal for which very much waits.
#include <set>
#include <thread>

#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using Strings = std::vector<std::string>;

constexpr int kMany = 3000;
constexpr std::int64_t kRows = 1000;  // that one transaction may write

class EndedTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
    let_profile_use(kAliceWork, kMail);
    let_profile_use(kBobWork, kMail);
  }
  // Events 1 to `number` for a profile.
  void publish_many(std::uint64_t profile, int number) {
    for (int next = 1; next <= number;) {
      std::vector<NewEvent> batch;
      for (; next <= number && batch.size() < 1000; ++next)
        batch.push_back(event("mail.received", std::to_string(next), {profile}));
      publish(kMail, batch);
    }
  }
  std::uint64_t portal() {
    return in([&](db::Session& db) {
      return events_.open_queue(db, {PartyKind::kService, kCalls}, "terminals");
    });
  }
  Subscription connect_by_portal(std::uint64_t terminal, std::uint64_t profile) {
    const auto queue = portal();
    return in(
        [&](db::Session& db) { return events_.subscribe_terminal(db, terminal, queue, profile, {"*"}); });
  }
  bool sweep() { return events_.sweep_waiting(testing::database().pool()); }
  void sweep_all() {
    while (sweep()) {
    }
  }
  // Each of 1 to `number` once, whatever the order.
  static void expect_each_once(const std::vector<Event>& events, int number) {
    std::set<std::string> distinct;
    for (const Event& one : events) distinct.insert(one.content);
    EXPECT_EQ(events.size(), static_cast<std::size_t>(number));
    EXPECT_EQ(distinct.size(), static_cast<std::size_t>(number));
  }
  template <class Body>
  std::int64_t rows_of(std::string_view handlers, Body&& body) {
    return in([&](db::Session& db) {
      const auto sum = [&] {
        return db
            .query_one(
                "SELECT CAST(SUM(variable_value) AS SIGNED) AS n FROM information_schema.session_status "
                "WHERE FIND_IN_SET(variable_name, ?)",
                [](const db::Row& row) { return row.number("n"); }, std::string(handlers))
            .value();
      };
      const auto before = sum();
      body(db);
      return sum() - before;
    });
  }
  template <class Body>
  std::int64_t rows_written(Body&& body) {
    return rows_of("HANDLER_WRITE,HANDLER_UPDATE,HANDLER_DELETE", body);
  }
  template <class Body>
  std::int64_t rows_read(Body&& body) {
    return rows_of(
        "HANDLER_READ_FIRST,HANDLER_READ_KEY,HANDLER_READ_NEXT,HANDLER_READ_PREV,HANDLER_READ_RND,"
        "HANDLER_READ_RND_NEXT",
        body);
  }
};

TEST_F(EndedTest, ALongBacklogEndsInPieces) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  publish_many(kAliceWork, kMany);
  EXPECT_LE(rows_written([&](db::Session& db) { events_.unsubscribe_terminal(db, phone.id); }), kRows);
  EXPECT_TRUE(wake_.woke(Events::waiting_key())) << "not after the next look at the clock";
  EXPECT_GT(count("SELECT COUNT(*) AS n FROM delivery"), kMany / 2);
  sweep_all();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM waiting_event"), kMany);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 4"), kMany);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM ended_subscription WHERE left_over = 1"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM ended_subscription"), 1) << "publishers may still see it";
  age_ended_subscriptions();
  sweep_all();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM ended_subscription"), 0);
}

TEST_F(EndedTest, ATerminalThatConnectsBeforeAllIsSettledGetsEverythingOnce) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  publish_many(kAliceWork, kMany);
  const Batch read = pull(phone.queue_id, 100);
  acknowledge(phone.queue_id, read.lease_token);
  const Batch unread = pull(phone.queue_id, 100);
  leave(phone.id);
  const auto again = connect(kAlicePhone, kAliceWork);
  EXPECT_EQ(again.queue_id, phone.queue_id);
  std::vector<Event> got = read.events;
  bool more = true;
  do {  // the terminal pulls all the while
    const auto some = drain(again.queue_id);
    got.insert(got.end(), some.begin(), some.end());
    more = sweep();
  } while (more);
  const auto rest = drain(again.queue_id);
  got.insert(got.end(), rest.begin(), rest.end());
  expect_each_once(got, kMany);
  EXPECT_EQ(acknowledge(again.queue_id, unread.lease_token).count, 0U) << "that lease went with its session";
}

TEST_F(EndedTest, AnotherTerminalOfTheProfileGetsEverythingInTheEnd) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  publish_many(kAliceWork, kMany);
  leave(phone.id);
  const auto laptop = connect(kAliceLaptop, kAliceWork);
  EXPECT_TRUE(wake_.woke(Events::wait_key(laptop.queue_id)));
  wake_.clear();
  sweep();
  EXPECT_TRUE(wake_.woke(Events::wait_key(laptop.queue_id)));
  sweep_all();
  expect_each_once(drain(laptop.queue_id), kMany);
}

TEST_F(EndedTest, ReplicasThatSettleTogetherWhileTerminalsComeAndGoLoseNothing) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  publish_many(kAliceWork, kMany);
  leave(phone.id);
  std::vector<std::thread> replicas;
  for (int i = 0; i < 3; ++i) {
    replicas.emplace_back([&] {
      for (bool more = true; more;) {
        try {
          more = sweep();
        } catch (const db::Conflict&) {
        }
      }
    });
  }
  for (int i = 0; i < 5; ++i) leave(connect(kAliceLaptop, kAliceWork).id);
  for (std::thread& replica : replicas) replica.join();
  const auto laptop = connect(kAliceLaptop, kAliceWork);
  sweep_all();
  expect_each_once(drain(laptop.queue_id), kMany);
}

TEST_F(EndedTest, ATerminalThatMovesToAPortalTakesALongBacklogAlongInPieces) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  publish_many(kAliceWork, kMany);
  const auto queue = portal();
  EXPECT_LE(rows_written([&](db::Session& db) {
              events_.subscribe_terminal(db, kAlicePhone, queue, kAliceWork, {"*"});
            }),
            kRows);
  EXPECT_TRUE(wake_.woke(Events::waiting_key()));
  auto got = drain(queue);
  EXPECT_FALSE(got.empty());
  sweep_all();
  const auto rest = drain(queue);
  got.insert(got.end(), rest.begin(), rest.end());
  expect_each_once(got, kMany);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 0);
}

TEST_F(EndedTest, ThereAndBackAgainNothingIsLost) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  publish_many(kAliceWork, kMany);
  connect_by_portal(kAlicePhone, kAliceWork);
  sweep();
  connect(kAlicePhone, kAliceWork);
  sweep_all();
  expect_each_once(drain(phone.queue_id), kMany);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 0);
}

TEST_F(EndedTest, WhatWaitsAndIsOnItsWayToTheNewQueueComesOnce) {
  const auto laptop = connect(kAliceLaptop, kAliceWork);
  const auto phone = connect(kAlicePhone, kAliceWork);
  publish_many(kAliceWork, 1000);
  leave(phone.id);                                                          // waits, for the laptop too
  const auto queue = connect_by_portal(kAliceLaptop, kAliceWork).queue_id;  // has all of it on the way
  EXPECT_NE(queue, laptop.queue_id);
  sweep_all();
  expect_each_once(drain(queue), 1000);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 0);
}

TEST_F(EndedTest, InAPortalsQueueOthersDoNotWaitForIt) {
  const auto phone = connect_by_portal(kAlicePhone, kAliceWork);
  connect_by_portal(kBobPhone, kBobWork);
  publish_many(kAliceWork, kMany);
  publish(kMail, event("mail.received", "for bob", {kBobWork}));
  leave(phone.id);
  std::vector<Event> got;
  for (int polls = 0; polls < 10 && got.empty(); ++polls) {  // as one that is woken
    wake_.clear();
    got = pull(phone.queue_id).events;
    EXPECT_TRUE(!got.empty() || wake_.woke(Events::wait_key(phone.queue_id)));
  }
  EXPECT_EQ(contents(got), Strings{"for bob"});
}

// With a thousand others' deliveries for each of its own.
TEST_F(EndedTest, InAPortalsQueueATerminalReadsItsOwnRowsOnly) {
  const auto phone = connect_by_portal(kAlicePhone, kAliceWork);
  connect_by_portal(kBobPhone, kBobWork);
  in([&](db::Session& db) {
    db.execute(
        "INSERT INTO event (type, service_id, content, targets, may_wait, created_at, expires_at) "
        "SELECT 'mail.received', 11, 'x', 0, 0, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL 1 DAY FROM "
        "seq_1_to_50000");
    db.execute(
        "INSERT INTO delivery (queue_id, event_id, subscription_id, visible_at) SELECT s.queue_id, e.id, "
        "s.id, "
        "UTC_TIMESTAMP(6) FROM event e JOIN subscription s ON s.owner_id = ?",
        kBobPhone);
  });
  publish_many(kAliceWork, 50);
  EXPECT_LE(rows_read([&](db::Session& db) {
              EXPECT_EQ(
                  events_.subscribe_terminal(db, kAlicePhone, phone.queue_id, kAliceWork, {"*"}).backlog,
                  50U);
            }),
            1000);
  EXPECT_LE(rows_read([&](db::Session& db) { events_.unsubscribe_terminal(db, phone.id); }), 2000);
}

TEST_F(EndedTest, BacklogsAreCountedUpToALimit) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  in([&](db::Session& db) {
    db.execute(
        "INSERT INTO delivery (queue_id, event_id, subscription_id, visible_at) SELECT ?, seq, ?, "
        "UTC_TIMESTAMP(6) FROM seq_1_to_50000",
        phone.queue_id, phone.id);
  });
  EXPECT_LE(rows_read([&](db::Session& db) {
              EXPECT_EQ(events_.backlog(db, phone.queue_id), kMostBacklog);
              EXPECT_EQ(
                  events_.subscribe_terminal(db, kAlicePhone, phone.queue_id, kAliceWork, {"*"}).backlog,
                  kMostBacklog);
            }),
            5 * static_cast<std::int64_t>(kMostBacklog));
}

TEST_F(EndedTest, AnOldStateThatIsSettledLateDoesNotComeBehindANewerOne) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  publish_many(kAliceWork, 1000);
  NewEvent state = event("mail.received", "full", {kAliceWork});
  state.state_key = "mailbox";
  publish(kMail, state);
  leave(phone.id);
  const auto again = connect(kAlicePhone, kAliceWork);
  state.content = "empty";
  publish(kMail, state);
  sweep_all();
  Strings states;
  for (const std::string& content : contents(drain(again.queue_id)))
    if (content == "full" || content == "empty") states.push_back(content);
  EXPECT_EQ(states, Strings{"empty"});
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 5"), 1) << "not silently";
}

TEST_F(EndedTest, WhatIsDeadForATerminalIsNotHandedToItAgainAndCanBeRequeued) {
  const auto phone = connect(kAlicePhone, kAliceWork), laptop = connect(kAliceLaptop, kAliceWork);
  publish_many(kAliceWork, 1);
  pull(laptop.queue_id);
  in([](db::Session& db) { db.execute("UPDATE delivery SET attempts = 10 WHERE attempts > 0"); });
  end_leases(laptop.queue_id);
  EXPECT_TRUE(pull(laptop.queue_id).events.empty()) << "dead";
  leave(phone.id);
  sweep_all();
  EXPECT_TRUE(pull(laptop.queue_id).events.empty());
  EXPECT_EQ(in([&](db::Session& db) { return events_.requeue(db, laptop.queue_id, {}).count; }), 1U);
  EXPECT_EQ(drain(laptop.queue_id).size(), 1U);
}

TEST_F(EndedTest, AServiceWithLongQueuesGoesInPieces) {
  declare(kCalls, "call.missed");
  for (int i = 0; i < 5; ++i) subscribe(kCalls, "inbox" + std::to_string(i), {"mail.*"});
  publish(kMail, std::vector<NewEvent>(1000, event("mail.received")));
  EXPECT_LE(rows_written([&](db::Session& db) { events_.forget(db, {PartyKind::kService, kCalls}); }), kRows);
  EXPECT_TRUE(wake_.woke(Events::waiting_key()));
  sweep_all();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 4"), 5000);
}

TEST_F(EndedTest, AServiceWithManySubscriptionsGoesInPieces) {
  const auto fill = [&] {
    in([](db::Session& db) {
      db.execute(
          "INSERT INTO queue (id, owner_kind, owner_id, name) SELECT seq, 1, 12, seq FROM seq_1001_to_1400");
      db.execute(
          "INSERT INTO subscription (id, queue_id, owner_kind, owner_id, name, created_at) SELECT seq, seq, "
          "1, 12, "
          "seq, UTC_TIMESTAMP(6) FROM seq_1001_to_1400");
      db.execute(
          "INSERT INTO subscription_pattern (pattern, subscription_id) SELECT CONCAT('a.b', p.seq), s.seq "
          "FROM "
          "seq_1001_to_1400 s JOIN seq_1_to_5 p");
    });
  };
  const auto left = [&] { return count("SELECT COUNT(*) AS n FROM subscription WHERE owner_id = 12"); };
  fill();
  EXPECT_LE(rows_written([&](db::Session& db) { events_.forget(db, {PartyKind::kService, kCalls}); }), kRows);
  EXPECT_GT(left(), 0);
  in([](db::Session& db) { db.execute("DELETE FROM service WHERE account_id = 12"); });
  sweep_all();
  EXPECT_EQ(left(), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM subscription_pattern"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM queue WHERE owner_id = 12"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM forgotten_party"), 0);
}

}  // namespace
}  // namespace whitebrick::events
