#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

class RetentionTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
    let_profile_use(kAliceWork, kMail);
    queue_ = subscribe(kCalls, "inbox", {"mail.*"}).queue_id;
  }
  void forget(int days) {
    while (events_.forget_old(testing::database().pool(), days)) {
    }
  }
  std::int64_t rows(const std::string& table) { return count("SELECT COUNT(*) AS n FROM " + table); }

  std::uint64_t queue_ = 0;
};

TEST_F(RetentionTest, OldEventsGoWithAllThatTellsOfThemYoungOnesStay) {
  NewEvent state = event("mail.received", "old", {kAliceWork});
  state.state_key = "inbox";
  publish(kMail, state);
  publish(kMail, event("mail.received", "dead"));
  const Batch batch = pull(queue_);
  in([](db::Session& db) { db.execute("UPDATE delivery SET attempts = 10"); });
  end_leases(queue_);
  pull(queue_);
  acknowledge(queue_, batch.lease_token, {batch.events.at(0).id});
  ASSERT_EQ(rows("delivery_history") + rows("dead_delivery"), static_cast<std::int64_t>(batch.events.size()));
  age_events(40 * 86400);
  publish(kMail, event("mail.received", "young"));
  drain(queue_);
  forget(30);
  EXPECT_EQ(rows("event"), 1);
  EXPECT_EQ(rows("event_target"), 0);
  EXPECT_EQ(rows("event_state"), 0);
  EXPECT_EQ(rows("dead_delivery"), 0);
  EXPECT_EQ(rows("delivery_history"), 1);
}

TEST_F(RetentionTest, AnEventStaysUntilADayAfterItsTimeToLive) {
  NewEvent lasting = event("mail.received", "lasting");
  lasting.ttl_seconds = 30 * 86400;
  publish(kMail, lasting);
  age_events(20 * 86400);
  forget(7);
  EXPECT_EQ(rows("event"), 1);
  age_events(12 * 86400);
  events_.expire(testing::database().pool());
  forget(7);
  EXPECT_EQ(rows("event"), 0);
  EXPECT_EQ(rows("delivery"), 0);
}

TEST_F(RetentionTest, ManyRowsGoInPieces) {
  std::vector<NewEvent> batch(1000, event("mail.received", "x", {kAliceWork}));
  for (int i = 0; i < 3; ++i) publish(kMail, batch);
  age_events(40 * 86400);
  events_.expire(testing::database().pool());
  forget(30);
  EXPECT_EQ(rows("event") + rows("event_target") + rows("delivery_history"), 0);
}

TEST_F(RetentionTest, ManyThatStayLongerKeepNoneBehindThem) {
  std::vector<NewEvent> lasting(1000, event("mail.received", "lasting"));
  for (NewEvent& one : lasting) one.ttl_seconds = 60 * 86400;
  for (int i = 0; i < 3; ++i) publish(kMail, lasting);
  publish(kMail, event("mail.received", "over"));
  age_events(40 * 86400);
  events_.expire(testing::database().pool());
  events_.forget_old(testing::database().pool(), 30);
  EXPECT_EQ(rows("event"), 3000);
}

TEST_F(RetentionTest, AReplayWhoseEventIsGoneIsCleanedUp) {
  const auto id = publish(kMail, event("mail.received")).event_id;
  drain(queue_);
  in([&](db::Session& db) { events_.seek(db, queue_, id); });
  age_events(40 * 86400);
  forget(30);
  EXPECT_TRUE(pull(queue_).events.empty());
  end_leases(queue_);
  events_.expire(testing::database().pool());
  EXPECT_EQ(rows("delivery"), 0);
}

TEST_F(RetentionTest, WhatIsStillToBeDeliveredOrAnsweredStays) {
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(publish(kMail, event("mail.received")).event_id);
  drain(queue_);
  in([&](db::Session& db) {
    db.execute("INSERT INTO fanout (event_id) VALUES (?)", ids[0]);
    db.execute(
        "INSERT INTO fanout_target (event_id, service_id, component, listed, for_services) VALUES (?, 11, "
        "'', 0, 1)",
        ids[1]);
    db.execute("INSERT INTO awaited_response (event_id, service_id, due_at) VALUES (?, 11, UTC_TIMESTAMP(6))",
               ids[2]);
  });
  age_events(40 * 86400);
  forget(30);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event WHERE id = " + std::to_string(ids[3])), 0);
  EXPECT_EQ(rows("event"), 3);
  while (events_.fan_out(testing::database().pool())) {
  }
  while (events_.settle(testing::database().pool())) {
  }
  in([](db::Session& db) { db.execute("DELETE FROM delivery"); });
  age_events(40 * 86400);  // event.no_response, too
  forget(30);
  EXPECT_EQ(rows("event"), 0);
}

}  // namespace
}  // namespace whitebrick::events
