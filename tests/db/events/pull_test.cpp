#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "modules/events/readiness.hpp"
#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using Strings = std::vector<std::string>;

class PullTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
    queue_ = subscribe(kCalls, "inbox", {"mail.*"}).queue_id;
  }
  std::vector<std::uint64_t> publish_many(int number) {
    std::vector<NewEvent> batch;
    for (int i = 0; i < number; ++i) batch.push_back(event("mail.received", std::to_string(i)));
    std::vector<std::uint64_t> ids;
    for (const Published& one : publish(kMail, batch)) ids.push_back(one.event_id);
    return ids;
  }

  std::uint64_t queue_ = 0;
};

TEST_F(PullTest, AnEmptyQueueGivesNoLease) {
  const Batch batch = pull(queue_);
  EXPECT_TRUE(batch.events.empty());
  EXPECT_TRUE(batch.lease_token.empty());
}

TEST_F(PullTest, LeasedEventsAreHiddenUntilTheLeaseIsOver) {
  publish_many(3);
  EXPECT_EQ(contents(pull(queue_, 2).events), (Strings{"0", "1"}));
  EXPECT_EQ(contents(pull(queue_, 2).events), Strings{"2"});
  EXPECT_TRUE(pull(queue_).events.empty());
  end_leases(queue_);
  const auto again = pull(queue_).events;
  EXPECT_EQ(contents(again), (Strings{"0", "1", "2"}));
  EXPECT_EQ(again[0].attempts, 2U);
}

TEST_F(PullTest, AnAcknowledgedBatchIsGoneAndInTheHistory) {
  publish_many(5);
  const Batch batch = pull(queue_, 3);
  const auto done = acknowledge(queue_, batch.lease_token);
  EXPECT_EQ(done.count, 3U);
  EXPECT_TRUE(done.lost.empty());
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 1 AND recipient_kind = 1 AND "
                  "recipient_id = 12"),
            3);
  end_leases(queue_);
  EXPECT_EQ(contents(pull(queue_).events), (Strings{"3", "4"}));
}

TEST_F(PullTest, SingleEventsAreAcknowledgedAndTheRestComesBack) {
  const auto ids = publish_many(4);
  const Batch batch = pull(queue_);
  EXPECT_EQ(acknowledge(queue_, batch.lease_token, {ids[1], ids[3], ids[3]}).count, 2U);
  end_leases(queue_);
  EXPECT_EQ(contents(pull(queue_).events), (Strings{"0", "2"}));
}

TEST_F(PullTest, ARepeatedAcknowledgementCountsNothingAndLosesNothing) {
  const auto ids = publish_many(2);
  const Batch batch = pull(queue_);
  acknowledge(queue_, batch.lease_token);
  for (const auto& again :
       {acknowledge(queue_, batch.lease_token), acknowledge(queue_, batch.lease_token, ids)}) {
    EXPECT_EQ(again.count, 0U);
    EXPECT_TRUE(again.lost.empty());
  }
}

TEST_F(PullTest, ALateAcknowledgementHoldsWhileNobodyElseHasTheEvents) {
  publish_many(2);
  const Batch batch = pull(queue_);
  end_leases(queue_);
  EXPECT_EQ(acknowledge(queue_, batch.lease_token).count, 2U);
  EXPECT_TRUE(pull(queue_).events.empty());
}

TEST_F(PullTest, AnAcknowledgementLearnsWhatSomebodyElseHoldsNow) {
  const auto ids = publish_many(3);
  const Batch slow = pull(queue_);
  acknowledge(queue_, slow.lease_token, {ids[0]});
  end_leases(queue_);
  const Batch quick = pull(queue_, 1);
  ASSERT_EQ(quick.events.at(0).id, ids[1]);
  const auto named = acknowledge(queue_, slow.lease_token, {ids[0], ids[1]});
  EXPECT_EQ(named.count, 0U);
  EXPECT_EQ(named.lost, std::vector{ids[1]});
  const auto whole = acknowledge(queue_, slow.lease_token);
  EXPECT_EQ(whole.count, 1U);
  EXPECT_EQ(whole.lost, std::vector{ids[1]});
  EXPECT_EQ(acknowledge(queue_, quick.lease_token).count, 1U);
}

TEST_F(PullTest, ATokenThatIsNoneIsRefused) {
  EXPECT_EQ(fault_of([&] { acknowledge(queue_, "deadbeef"); }), "INVALID_ARGUMENT(ackToken)");
  EXPECT_EQ(fault_of([&] { acknowledge(queue_, std::string(68, 'g')); }), "INVALID_ARGUMENT(ackToken)");
}

TEST_F(PullTest, AForeignTokenAcknowledgesNothing) {
  publish_many(2);
  const auto other = subscribe(kCalls, "other", {"mail.*"}).queue_id;
  publish_many(2);
  const Batch batch = pull(queue_);
  EXPECT_EQ(acknowledge(other, batch.lease_token).count, 0U);
  EXPECT_EQ(acknowledge(queue_, batch.lease_token).count, 4U);
}

TEST_F(PullTest, LargeEventsComeAFewAtATimeAndTheRestAsIfItHadNotBeenHandedOut) {
  std::vector<NewEvent> batch;
  for (int i = 0; i < 10; ++i)
    batch.push_back(
        event("mail.received", std::string(i % 2 == 0 ? 250'000 : 20'000, 'a' + static_cast<char>(i))));
  publish(kMail, batch);
  std::vector<Event> all;
  std::vector<std::size_t> sizes;
  for (Batch some = pull(queue_, 1000); !some.events.empty(); some = pull(queue_, 1000)) {
    sizes.push_back(some.events.size());
    EXPECT_EQ(acknowledge(queue_, some.lease_token).count, some.events.size());
    all.insert(all.end(), some.events.begin(), some.events.end());
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{6, 4}));
  ASSERT_EQ(all.size(), 10U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].content, batch[i].content);
    EXPECT_EQ(all[i].sequence, i + 1);
    EXPECT_EQ(all[i].attempts, 1U);
  }
}

TEST_F(PullTest, WhoseLeaseHasRunOutStillAcknowledgesWhatWasTooMuchForTheNext) {
  publish(kMail, std::vector(5, event("mail.received", std::string(250'000, 'x'))));
  const Batch first = pull(queue_, 4), second = pull(queue_);
  end_leases(queue_);
  EXPECT_EQ(pull(queue_).events.size(), 4U);
  EXPECT_EQ(acknowledge(queue_, second.lease_token).count, 1U);
  EXPECT_EQ(acknowledge(queue_, first.lease_token).lost.size(), 4U);
}

TEST_F(PullTest, ConcurrentPullersNeverShareAnEvent) {
  constexpr int kPullers = 4, kEvents = 600;
  publish_many(kEvents);
  std::mutex mutex;
  std::multiset<std::uint64_t> seen;
  std::vector<std::thread> pullers;
  for (int i = 0; i < kPullers; ++i) {
    pullers.emplace_back([&] {
      const auto pool = testing::database().fresh_pool(1);
      for (;;) {
        const Batch batch =
            pool->in_transaction([&](db::Session& db) { return events_.claim(db, queue_, 20, 300); });
        if (batch.events.empty()) return;
        const std::lock_guard lock(mutex);
        for (const Event& one : batch.events) seen.insert(one.id);
      }
    });
  }
  for (auto& puller : pullers) puller.join();
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kEvents));
  EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), static_cast<std::size_t>(kEvents));
}

TEST_F(PullTest, PublishersAndPullersAtTheSameTimeLoseNothing) {
  constexpr int kPublishers = 3, kBatches = 20, kBatch = 10, kAll = kPublishers * kBatches * kBatch;
  std::atomic<int> acknowledged = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kPublishers; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kBatches; ++n) publish_many(kBatch);
    });
  }
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (acknowledged < kAll && std::chrono::steady_clock::now() < give_up) {
        const Batch batch = pull(queue_, 25, 300);
        if (!batch.events.empty())
          acknowledged += static_cast<int>(acknowledge(queue_, batch.lease_token).count);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(acknowledged, kAll);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 1"), kAll);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 0);
}

TEST_F(PullTest, TheNewestPollWinsAndWakesTheOlder) {
  const auto first = in([&](db::Session& db) { return events_.begin_poll(db, queue_); });
  EXPECT_FALSE(in([&](db::Session& db) { return events_.superseded(db, queue_, first); }));
  wake_.clear();
  const auto second = in([&](db::Session& db) { return events_.begin_poll(db, queue_); });
  EXPECT_EQ(wake_.keys(), std::vector{Events::poll_key(queue_, first + 1)});
  EXPECT_EQ(second, first + 1);
  EXPECT_TRUE(in([&](db::Session& db) { return events_.superseded(db, queue_, first); }));
  EXPECT_FALSE(in([&](db::Session& db) { return events_.superseded(db, queue_, second); }));
}

TEST_F(PullTest, ReadinessNamesTheQueuesWithSomethingToPull) {
  const auto empty = subscribe(kCalls, "empty", {"other.thing"}).queue_id;
  const auto leased = subscribe(kMail, "leased", {"mail.*"}).queue_id;
  publish_many(2);
  pull(leased);
  const std::vector<WaitKey> asked{Events::wait_key(empty), Events::wait_key(leased),
                                   Events::wait_key(queue_), "queue:x"};
  const auto ready = in([&](db::Session& db) { return QueueReadiness().ready(db, asked); });
  EXPECT_EQ(ready, std::vector{Events::wait_key(queue_)});
}

TEST_F(PullTest, ExpiredEventsAreNotDeliveredAndKeptAsExpired) {
  publish_many(2);
  age_events(8 * 86400);
  publish_many(1);
  EXPECT_EQ(pull(queue_).events.size(), 1U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 2"), 2);
}

TEST_F(PullTest, TheJobExpiresWhatNobodyPullsButNotWhatIsLeased) {
  publish_many(3);
  pull(queue_, 1);
  age_events(8 * 86400);
  publish_many(1);
  events_.expire(testing::database().pool());
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 2"), 2);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 2);
}

}  // namespace
}  // namespace whitebrick::events
