#include "modules/events/component.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>

#include "modules/events/parties.hpp"
#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using namespace std::chrono_literals;

class ComponentTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    testing::database().run(
        "CREATE TABLE IF NOT EXISTS component_work (event_id BIGINT UNSIGNED NOT NULL, replica INT NOT "
        "NULL)");
    testing::database().run("DELETE FROM component_work");
  }
  void TearDown() override { testing::database().run("DROP TABLE component_work"); }

  ComponentEvent work(int replica) {
    return [this, replica](db::Session& db, const Event& event) {
      db.execute("INSERT INTO component_work (event_id, replica) VALUES (?, ?)", event.id, replica);
      const std::lock_guard lock(mutex_);
      ++calls_[event.content];
      changed_.notify_all();
      if (event.content == fails_on_) throw std::runtime_error("cannot do it");
    };
  }
  void tell(Events& events, const std::string& content, std::vector<std::uint64_t> profiles = {}) {
    in([&](db::Session& db) {
      events.publish(db, "availability", event("mode.changed", content, std::move(profiles)));
    });
  }
  // Waits until that many deliveries have reached their end.
  bool handled(std::int64_t number) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < give_up) {
      if (count("SELECT COUNT(*) AS n FROM delivery_history WHERE recipient_kind = 3 AND outcome = 1") >=
          number)
        return true;
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, 5ms);
    }
    return false;
  }
  int calls(const std::string& content) {
    const std::lock_guard lock(mutex_);
    return calls_[content];
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> calls_;
  std::string fails_on_;
};

TEST_F(ComponentTest, TwoReplicasHandleEachEventOnceInTheTransactionThatAcknowledgesIt) {
  WaitRegistry registry_a, registry_b;
  testing::RecordingWake wake_a(registry_a), wake_b(registry_b);
  Events a(wake_a), b(wake_b);
  const auto pool = testing::database().fresh_pool(4);
  ComponentWorkers workers_a(testing::database().pool(), registry_a, a), workers_b(*pool, registry_b, b);
  workers_a.subscribe("coordination", {"mode.changed"}, work(1));
  workers_b.subscribe("coordination", {"mode.changed"}, work(2));
  workers_a.start();
  workers_b.start();
  for (int i = 0; i < 60; ++i) tell(i % 2 == 0 ? a : b, std::to_string(i));
  ASSERT_TRUE(handled(60));
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM component_work"), 60);
  EXPECT_EQ(count("SELECT COUNT(DISTINCT event_id) AS n FROM component_work"), 60);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM subscription"), 1);
}

TEST_F(ComponentTest, AFailingEventIsUndonePutOffAndHoldsUpNoOther) {
  WaitRegistry registry;
  testing::RecordingWake wake(registry);
  Events events(wake);
  ComponentWorkers workers(testing::database().pool(), registry, events);
  workers.subscribe("coordination", {"mode.*"}, work(1));
  fails_on_ = "bad";
  workers.start();
  workers.stop();
  tell(events, "bad");
  tell(events, "good");
  ComponentWorkers again(testing::database().pool(), registry, events);
  again.subscribe("coordination", {"mode.*"}, work(1));
  again.start();
  ASSERT_TRUE(handled(1));
  again.stop();
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM component_work"), 1);
  // Both threads may have had it in hand before one of them put it off: that counts once.
  const auto attempts = count("SELECT attempts AS n FROM delivery");
  EXPECT_GE(attempts, 1);
  EXPECT_LE(attempts, calls("bad"));
  {
    const std::lock_guard lock(mutex_);
    fails_on_.clear();
  }
  in([](db::Session& db) { db.execute("UPDATE delivery SET visible_at = UTC_TIMESTAMP(6)"); });
  ComponentWorkers healed(testing::database().pool(), registry, events);
  healed.subscribe("coordination", {"mode.*"}, work(1));
  healed.start();
  EXPECT_TRUE(handled(2));
}

TEST_F(ComponentTest, AComponentKnowsAllTargetsAndNothingOfOtherTypes) {
  WaitRegistry registry;
  testing::RecordingWake wake(registry);
  Events events(wake);
  std::vector<Event> got;
  ComponentWorkers workers(testing::database().pool(), registry, events);
  workers.subscribe("coordination", {"mode.changed"}, [&](db::Session&, const Event& event) {
    const std::lock_guard lock(mutex_);
    got.push_back(event);
  });
  workers.start();
  in([&](db::Session& db) { events.publish(db, "profiles", event("profile.changed", "x")); });
  tell(events, "both", {kAliceWork, kBobWork});
  ASSERT_TRUE(handled(1));
  workers.stop();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].profiles.size(), 2U);
  EXPECT_EQ(got[0].transmitter.component, "availability");
}

TEST_F(ComponentTest, AWakeBringsAnEventWithinAMomentNotWithinTheIdleTime) {
  WaitRegistry registry;
  testing::RecordingWake wake(registry);
  Events events(wake);
  ComponentWorkers workers(testing::database().pool(), registry, events);
  workers.subscribe("coordination", {"mode.changed"}, work(1));
  workers.start();
  tell(events, "warm up");
  ASSERT_TRUE(handled(1));
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 2; i <= 11; ++i) {
    tell(events, "next");
    ASSERT_TRUE(handled(i));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);  // ten idle times would be ten seconds
}

// An administrator finds it, and requeues it when the reason is gone.
TEST_F(ComponentTest, AnEventThatFailsTenTimesIsDeadUntilAnAdministratorRequeuesIt) {
  WaitRegistry registry;
  testing::RecordingWake wake(registry);
  Events events(wake);
  ComponentWorkers workers(testing::database().pool(), registry, events);
  workers.subscribe("coordination", {"mode.*"}, work(1));
  fails_on_ = "bad";
  workers.start();
  tell(events, "bad");
  const auto dead = [&] { return count("SELECT COUNT(*) AS n FROM dead_delivery"); };
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while (dead() == 0 && std::chrono::steady_clock::now() < give_up) {
    in([](db::Session& db) {
      db.execute("UPDATE delivery SET visible_at = UTC_TIMESTAMP(6)");
    });  // no pauses
    registry.wake(Events::wait_key(static_cast<std::uint64_t>(count("SELECT id AS n FROM queue"))));
  }
  EXPECT_EQ(dead(), 1);
  EXPECT_GE(calls("bad"), 10) << "one more when two workers take it one after the other";
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM component_work"), 0);
  const auto queue = in([&](db::Session& db) { return queue_of(db, events, admin(), "coordination"); });
  const auto found = in([&](db::Session& db) { return events.dead_events(db, queue, 0, 10); });
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].event.content, "bad");
  EXPECT_GE(found[0].event.attempts, 10U);
  {
    const std::lock_guard lock(mutex_);
    fails_on_.clear();
  }
  EXPECT_EQ(in([&](db::Session& db) { return events.requeue(db, queue, {}).count; }), 1U);
  EXPECT_TRUE(handled(1));
  EXPECT_EQ(fault_of([&] { in([&](db::Session& db) { queue_of(db, events, admin(), "nobody"); }); }),
            "NOT_FOUND(subscription)");
  EXPECT_EQ(fault_of([&] { in([&](db::Session& db) { queue_of(db, events, admin(), std::nullopt); }); }),
            "INVALID_ARGUMENT(subscription)");
}

}  // namespace
}  // namespace whitebrick::events
