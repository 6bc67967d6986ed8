// The queue that the terminals of a portal share: an event is there once for each of them.

#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using Ids = std::vector<std::uint64_t>;

class PortalQueueTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
    queue_ = in([&](db::Session& db) {
      const auto queue = events_.open_queue(db, {PartyKind::kService, kCalls}, Events::kTerminals);
      for (const auto& [terminal, profile] :
           {std::pair{kAlicePhone, kAliceWork}, std::pair{kBobPhone, kBobWork}})
        events_.subscribe_terminal(db, terminal, queue, profile, {"mail.*"});
      return queue;
    });
    let_profile_use(kAliceWork, kMail);
    let_profile_use(kBobWork, kMail);
  }
  std::uint64_t publish_to_both(const std::string& content) {
    return publish(kMail, event("mail.received", content, {kAliceWork, kBobWork})).event_id;
  }
  // Every delivery was handed out ten times.
  void give_up() {
    in([](db::Session& db) {
      db.execute(
          "INSERT INTO dead_delivery (queue_id, event_id, subscription_id, token, attempts, sequence, "
          "replay, died_at) "
          "SELECT queue_id, event_id, subscription_id, token, 10, sequence, replay, UTC_TIMESTAMP(6) FROM "
          "delivery");
      db.execute("DELETE FROM delivery");
    });
  }
  Ids dead(std::uint64_t after, int most) {
    Ids ids;
    for (const DeadEvent& one :
         in([&](db::Session& db) { return events_.dead_events(db, queue_, after, most); }))
      ids.push_back(one.event.id);
    return ids;
  }
  Requeued requeue(const Ids& ids) {
    return in([&](db::Session& db) { return events_.requeue(db, queue_, ids); });
  }

  std::uint64_t queue_ = 0;
};

TEST_F(PortalQueueTest, WhatIsLostIsSaidThoughAnotherEventWasThereTwice) {
  const auto both = publish_to_both("both"), lost = publish_to_both("lost");
  const Batch batch = pull(queue_);
  ASSERT_EQ(batch.events.size(), 4U);
  in([&](db::Session& db) {
    db.execute(
        "UPDATE delivery SET previous_token = token, token = RANDOM_BYTES(16) WHERE queue_id = ? AND "
        "event_id = ?",
        queue_, lost);
  });
  const auto done = acknowledge(queue_, batch.lease_token, {both, lost});
  EXPECT_EQ(done.count, 2U);
  EXPECT_EQ(done.lost, Ids{lost});
}

TEST_F(PortalQueueTest, ALateAcknowledgementReachesTheDeadListThoughAnotherEventWasThereTwice) {
  const auto both = publish_to_both("both"), dies = publish_to_both("dies");
  const Batch batch = pull(queue_);
  in([&](db::Session& db) { db.execute("UPDATE delivery SET attempts = 10 WHERE event_id = ?", dies); });
  end_leases(queue_);
  in([&](db::Session& db) {
    db.execute("UPDATE delivery SET visible_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR WHERE event_id = ?",
               both);
  });
  events_.expire(testing::database().pool());
  ASSERT_EQ(dead(0, 10), (Ids{dies, dies}));
  const auto done = acknowledge(queue_, batch.lease_token, {both, dies});
  EXPECT_EQ(done.count, 4U);
  EXPECT_TRUE(done.lost.empty());
  EXPECT_TRUE(dead(0, 10).empty());
}

TEST_F(PortalQueueTest, APageOfDeadEventsEndsBetweenTwoOfThem) {
  const Ids ids{publish_to_both("1"), publish_to_both("2"), publish_to_both("3")};
  give_up();
  EXPECT_EQ(dead(0, 1), (Ids{ids[0], ids[0]}));
  EXPECT_EQ(dead(0, 3), (Ids{ids[0], ids[0]}));
  EXPECT_EQ(dead(ids[0], 4), (Ids{ids[1], ids[1], ids[2], ids[2]}));
  EXPECT_TRUE(dead(ids[2], 1).empty());
}

TEST_F(PortalQueueTest, AtMostAThousandDeliveriesAreRequeuedAtOnce) {
  const Ids ids{publish_to_both("1"), publish_to_both("2")};
  give_up();
  in([&](db::Session& db) {
    db.execute(
        "INSERT INTO dead_delivery (queue_id, event_id, subscription_id, attempts, sequence, replay, "
        "died_at) "
        "SELECT ?, ?, seq, 10, 0, 0, UTC_TIMESTAMP(6) FROM seq_1000001_to_1000998",
        queue_, ids[0]);
  });
  const Requeued some = requeue({ids[0], ids[1], ids[1] + 1});
  EXPECT_EQ(some.count, 1000U);
  EXPECT_EQ(some.not_requeued, (Ids{ids[1], ids[1] + 1}));
  EXPECT_EQ(dead(0, 10), (Ids{ids[1], ids[1]}));
  EXPECT_EQ(requeue({}).count, 2U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 1002);
}

}  // namespace
}  // namespace whitebrick::events
