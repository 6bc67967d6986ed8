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

}  // namespace
}  // namespace whitebrick::events
