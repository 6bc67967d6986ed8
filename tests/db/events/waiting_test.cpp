// What happens to a profile's events while terminals come and go.
#include <thread>

#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using Strings = std::vector<std::string>;

class WaitingTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
    let_profile_use(kAliceWork, kMail);
  }
  std::int64_t waiting() { return count("SELECT COUNT(*) AS n FROM waiting_event"); }
  void sweep() { EXPECT_FALSE(events_.sweep_waiting(testing::database().pool())); }
};

TEST_F(WaitingTest, EventsWaitForTheNextTerminalOfTheProfile) {
  EXPECT_EQ(publish(kMail, event("mail.received", "early", {kAliceWork})).recipients, 0U);
  const auto phone = connect(kAlicePhone, kAliceWork);
  EXPECT_EQ(phone.backlog, 1U);
  EXPECT_EQ(contents(drain(phone.queue_id)), Strings{"early"});
  EXPECT_EQ(waiting(), 0);
  EXPECT_TRUE(drain(connect(kAliceLaptop, kAliceWork).queue_id).empty());
}

TEST_F(WaitingTest, WhatMayNotWaitDoesNot) {
  NewEvent state = event("mail.received", "state", {kAliceWork});
  state.wait_for_terminal = false;
  publish(kMail, state);
  EXPECT_TRUE(drain(connect(kAlicePhone, kAliceWork).queue_id).empty());
}

TEST_F(WaitingTest, OnlySelectedTypesAreHandedOverTheOthersGoOnWaiting) {
  declare(kMail, "call.missed");
  publish(kMail, {event("mail.received", "mail", {kAliceWork}), event("call.missed", "call", {kAliceWork})});
  EXPECT_EQ(contents(drain(connect(kAlicePhone, kAliceWork, {"call.*"}).queue_id)), Strings{"call"});
  EXPECT_EQ(contents(drain(connect(kAliceLaptop, kAliceWork, {"mail.received"}).queue_id)), Strings{"mail"});
}

// A terminal that does not want to hear of it does not keep it from the next one.
TEST_F(WaitingTest, WhatNoConnectedTerminalSelectsWaits) {
  const auto phone = connect(kAlicePhone, kAliceWork, {"contact.*"});
  publish(kMail, event("mail.received", "mail", {kAliceWork}));
  EXPECT_TRUE(drain(phone.queue_id).empty());
  EXPECT_EQ(contents(drain(connect(kAliceLaptop, kAliceWork).queue_id)), Strings{"mail"});
}

TEST_F(WaitingTest, ExpiredEventsWaitNoLonger) {
  publish(kMail, event("mail.received", "old", {kAliceWork}));
  age_events(8 * 86400);
  EXPECT_TRUE(drain(connect(kAlicePhone, kAliceWork).queue_id).empty());
  in([](db::Session& db) {
    db.execute(
        "INSERT IGNORE INTO waiting_event (profile_id, event_id) SELECT seq, e.id FROM event e, "
        "seq_1_to_2500");
  });
  events_.expire(testing::database().pool());
  EXPECT_EQ(waiting(), 0);
}

TEST_F(WaitingTest, WhatATerminalLeavesGoesToTheNext) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  publish(kMail,
          {event("mail.received", "read", {kAliceWork}), event("mail.received", "unread", {kAliceWork})});
  const Batch batch = pull(phone.queue_id, 1);
  acknowledge(phone.queue_id, batch.lease_token);
  leave(phone.id);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 4"), 1);
  EXPECT_EQ(contents(drain(connect(kAliceLaptop, kAliceWork).queue_id)), Strings{"unread"});
}

TEST_F(WaitingTest, WhatAnotherTerminalAcknowledgedDoesNotComeAgain) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  const auto laptop = connect(kAliceLaptop, kAliceWork);
  publish(kMail, event("mail.received", "news", {kAliceWork}));
  leave(phone.id);
  EXPECT_EQ(contents(drain(laptop.queue_id)), Strings{"news"});
  sweep();
  EXPECT_TRUE(drain(laptop.queue_id).empty());
  leave(laptop.id);
  EXPECT_TRUE(drain(connect(kAlicePhone, kAliceWork).queue_id).empty());
}

TEST_F(WaitingTest, TwoTerminalsThatLeaveWithItBothLoseNothing) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  const auto laptop = connect(kAliceLaptop, kAliceWork);
  publish(kMail, event("mail.received", "news", {kAliceWork}));
  std::thread other;
  in([&](db::Session& db) {
    events_.unsubscribe_terminal(db, phone.id);
    other = std::thread([&] { leave(laptop.id); });  // ends after this one, which it cannot see
  });
  other.join();
  EXPECT_EQ(contents(drain(connect(kAlicePhone, kAliceWork).queue_id)), Strings{"news"});
}

TEST_F(WaitingTest, TheSweepHandsOverWhatWasPublishedWhileATerminalConnected) {
  const auto publisher_pool = testing::database().fresh_pool(1);
  auto publisher = publisher_pool->lease();
  std::uint64_t queue = 0;
  publisher.in_transaction([&](db::Session& db) {
    events_.publish(db, service(kMail), {event("mail.received", "between", {kAliceWork})});
    queue = connect(kAlicePhone, kAliceWork).queue_id;  // sees nothing of it yet
  });
  EXPECT_TRUE(drain(queue).empty());
  wake_.clear();
  sweep();
  EXPECT_TRUE(wake_.woke(Events::wait_key(queue)));
  EXPECT_EQ(contents(drain(queue)), Strings{"between"});
}

TEST_F(WaitingTest, TheSweepSavesWhatWasPublishedWhileTheLastTerminalLeft) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  const auto publisher_pool = testing::database().fresh_pool(1);
  auto publisher = publisher_pool->lease();
  publisher.in_transaction([&](db::Session& db) {
    events_.publish(db, service(kMail), {event("mail.received", "between", {kAliceWork})});
    leave(phone.id);  // does not see it
  });
  EXPECT_TRUE(pull(phone.queue_id).events.empty());
  EXPECT_EQ(waiting(), 0);
  age_ended_subscriptions();
  sweep();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM ended_subscription"), 0);
  EXPECT_EQ(contents(drain(connect(kAliceLaptop, kAliceWork).queue_id)), Strings{"between"});
}

TEST_F(WaitingTest, ATerminalThatComesBackThroughAPortalTakesItsEventsAlong) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  publish(kMail, event("mail.received", "news", {kAliceWork}));
  const auto moved = in([&](db::Session& db) {
    const auto portal = events_.open_queue(db, {PartyKind::kService, kCalls}, "terminals");
    return events_.subscribe_terminal(db, kAlicePhone, portal, kAliceWork, {"*"});
  });
  EXPECT_EQ(moved.id, phone.id);
  EXPECT_TRUE(drain(phone.queue_id).empty());
  const auto got = drain(moved.queue_id);
  ASSERT_EQ(contents(got), Strings{"news"});
  EXPECT_EQ(got[0].terminal, "phone");
  EXPECT_EQ(got[0].user, "alice");
}

TEST_F(WaitingTest, WhatWasPublishedWhileATerminalMovedFollowsIt) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  const auto publisher_pool = testing::database().fresh_pool(1);
  auto publisher = publisher_pool->lease();
  Subscription moved;
  publisher.in_transaction([&](db::Session& db) {
    events_.publish(db, service(kMail), {event("mail.received", "between", {kAliceWork})});
    moved = in([&](db::Session& own) {
      const auto portal = events_.open_queue(own, {PartyKind::kService, kCalls}, "terminals");
      return events_.subscribe_terminal(own, kAlicePhone, portal, kAliceWork, {"*"});
    });
  });
  EXPECT_TRUE(drain(moved.queue_id).empty());
  age_ended_subscriptions();
  sweep();
  EXPECT_EQ(contents(drain(moved.queue_id)), Strings{"between"});
  EXPECT_TRUE(drain(phone.queue_id).empty());
}

TEST_F(WaitingTest, APortalPullsTheEventsOfAllItsTerminalsAtOnce) {
  let_profile_use(kBobWork, kMail);
  std::uint64_t portal = 0;
  in([&](db::Session& db) {
    portal = events_.open_queue(db, {PartyKind::kService, kCalls}, "terminals");
    events_.subscribe_terminal(db, kAlicePhone, portal, kAliceWork, {"*"});
    events_.subscribe_terminal(db, kBobPhone, portal, kBobWork, {"*"});
  });
  publish(kMail, event("mail.received", "both", {kAliceWork, kBobWork}));
  const auto got = drain(portal);
  ASSERT_EQ(contents(got), (Strings{"both", "both"}));
  EXPECT_NE(got[0].user, got[1].user);
  for (const Event& one : got) EXPECT_EQ(one.profiles.at(0).user, one.user);
}

TEST_F(WaitingTest, AUserChoosesWhatReachesHisTerminal) {
  const auto phone = connect(kAlicePhone, kAliceWork);
  in([&](db::Session& db) { events_.select_terminal_events(db, kAlicePhone, {}, {}); });
  publish(kMail, event("mail.received", "before", {kAliceWork}));
  EXPECT_TRUE(drain(phone.queue_id).empty());
  in([&](db::Session& db) { events_.select_terminal_events(db, kAlicePhone, kAliceWork, {"mail.*"}); });
  publish(kMail, event("mail.received", "wanted", {kAliceWork}));
  EXPECT_EQ(contents(drain(phone.queue_id)), (Strings{"before", "wanted"})) << "what nobody selected waits";
  EXPECT_EQ(fault_of([&] {
              in([&](db::Session& db) { events_.select_terminal_events(db, kBobPhone, {}, {"*"}); });
            }),
            "NOT_CONNECTED(name)");
}

}  // namespace
}  // namespace whitebrick::events
