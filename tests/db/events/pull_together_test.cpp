#include "modules/events/pull_together.hpp"

#include <atomic>
#include <memory>
#include <thread>

#include "modules/events/pull_batches.hpp"

#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using Strings = std::vector<std::string>;
using Request = PullTogether::Request;

class PullTogetherTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    phone_ = connect(kAlicePhone, kAliceWork);
    laptop_ = connect(kAliceLaptop, kAliceWork);
    bob_ = connect(kBobPhone, kBobWork);
  }

  void tell(const std::string& content, std::uint64_t profile) {
    in([&](db::Session& db) {
      NewEvent told = event("contact.state", content, {profile});
      told.wait_for_terminal = false;
      events_.publish(db, "coordination", told);
    });
  }
  void tell_all(const std::string& content) {
    tell(content, kAliceWork);
    tell(content, kBobWork);
  }

  static Request poll(std::uint64_t user_id, const std::string& terminal, const Subscription& of,
                      const std::string& token = {}) {
    Request request;
    request.user_id = user_id;
    request.terminal = terminal;
    request.queue_id = of.queue_id;
    request.begins = true;
    if (!token.empty()) request.acknowledges = LeaseToken::parse(token);
    request.lease_seconds = 30;
    return request;
  }
  std::vector<Request> polls_of_all(const std::vector<Request>& before = {}) const {
    const auto token = [&](std::size_t i) { return before.empty() ? "" : before[i].batch.lease_token; };
    return {poll(kAlice, "phone", phone_, token(0)), poll(kAlice, "laptop", laptop_, token(1)),
            poll(kBob, "phone", bob_, token(2))};
  }
  static Request goes_on(Request request) {
    request.begins = false;
    return request;
  }
  void together(std::vector<Request>& requests) {
    std::vector<Request*> all;
    for (Request& request : requests) all.push_back(&request);
    in([&](db::Session& db) { together_.pull(db, all); });
  }

  PullTogether together_{events_, wake_};
  Subscription phone_, laptop_, bob_;
};

TEST_F(PullTogetherTest, EachGetsItsOwnAndAcknowledgesItWithTheNextPoll) {
  tell_all("one");
  auto first = polls_of_all();
  together(first);
  const Strings terminals{"phone", "laptop", "phone"}, users{"alice", "alice", "bob"};
  for (std::size_t i = 0; i < first.size(); ++i) {
    SCOPED_TRACE(i);
    ASSERT_TRUE(first[i].checked && first[i].looked);
    EXPECT_EQ(first[i].epoch, 1U);
    ASSERT_EQ(contents(first[i].batch.events), Strings{"one"});
    const Event& event = first[i].batch.events.front();
    EXPECT_EQ(event.sequence, 1U);
    EXPECT_EQ(event.attempts, 1U);
    EXPECT_EQ(event.terminal, terminals[i]);
    EXPECT_EQ(event.user, users[i]);
    ASSERT_EQ(event.profiles.size(), 1U);
    EXPECT_EQ(event.profiles.front().profile, "work");
    EXPECT_EQ(event.transmitter.component, "coordination");
  }
  EXPECT_TRUE(pull(phone_.queue_id).events.empty());

  tell_all("two");
  auto second = polls_of_all(first);
  together(second);
  for (const Request& request : second) {
    EXPECT_EQ(request.acknowledged.count, 1U);
    EXPECT_TRUE(request.acknowledged.lost.empty());
    EXPECT_EQ(request.epoch, 2U);
    ASSERT_EQ(contents(request.batch.events), Strings{"two"});
    EXPECT_EQ(request.batch.events.front().sequence, 2U);
  }
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 1 AND recipient_kind = 2"), 3);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 3);
}

// Whoever reads the same event alone is told the same.
TEST_F(PullTogetherTest, WhatIsReadIsWhatAPullAloneReads) {
  tell_all("one");
  std::vector<Request> one{poll(kAlice, "phone", phone_)};
  together(one);
  const Batch alone = pull(laptop_.queue_id);
  ASSERT_EQ(one[0].batch.events.size(), 1U);
  ASSERT_EQ(alone.events.size(), 1U);
  const Event &a = one[0].batch.events.front(), &b = alone.events.front();
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.published_at, b.published_at);
  EXPECT_EQ(a.transmitter.service_id, b.transmitter.service_id);
  EXPECT_EQ(a.transmitter.component, b.transmitter.component);
  EXPECT_EQ(a.sequence, b.sequence);
  EXPECT_EQ(a.replay, b.replay);
  EXPECT_EQ(a.coalesced, b.coalesced);
  EXPECT_EQ(a.user, b.user);
  EXPECT_EQ(a.profiles.front().profile, b.profiles.front().profile);
  EXPECT_EQ(acknowledge(phone_.queue_id, one[0].batch.lease_token).count, 1U);
}

TEST_F(PullTogetherTest, NobodyPullsWhatIsNotHis) {
  tell_all("one");
  std::vector<Request> requests{poll(kBob, "phone", phone_), poll(kAlice, "tablet", laptop_),
                                poll(kBob, "phone", bob_)};
  together(requests);
  EXPECT_FALSE(requests[0].checked);
  EXPECT_FALSE(requests[1].checked);
  EXPECT_TRUE(requests[2].looked);
  EXPECT_EQ(contents(pull(phone_.queue_id).events), Strings{"one"});
}

TEST_F(PullTogetherTest, WhoseTerminalEndedAndWhoseQueueWasPolledAgainGoAlone) {
  auto begun = polls_of_all();
  together(begun);
  leave(phone_.id);
  in([&](db::Session& db) { events_.begin_poll(db, laptop_.queue_id); });
  tell_all("one");
  std::vector<Request> later{goes_on(begun[0]), goes_on(begun[1]), goes_on(begun[2])};
  together(later);
  EXPECT_FALSE(later[0].checked);
  EXPECT_FALSE(later[1].checked);
  EXPECT_EQ(contents(later[2].batch.events), Strings{"one"});
}

TEST_F(PullTogetherTest, WhatIsLargeIsLeftToThePullAlone) {
  tell_all(std::string(5000, 'x'));
  auto polls = polls_of_all();
  together(polls);
  for (const Request& request : polls) {
    EXPECT_TRUE(request.checked);
    EXPECT_FALSE(request.looked);
  }
  EXPECT_EQ(pull(phone_.queue_id).events.at(0).content.size(), 5000U);
}

TEST_F(PullTogetherTest, MoreThanOneAndWhatComesAgainIsLeftToThePullAlone) {
  tell("one", kAliceWork);
  auto lost = pull(laptop_.queue_id);
  end_leases(laptop_.queue_id);
  acknowledge(phone_.queue_id, pull(phone_.queue_id).lease_token);
  tell("two", kBobWork);
  tell("three", kBobWork);
  auto requests = polls_of_all();
  together(requests);
  EXPECT_TRUE(requests[0].looked);
  EXPECT_TRUE(requests[0].batch.events.empty());
  EXPECT_TRUE(requests[1].checked);
  EXPECT_FALSE(requests[1].looked);
  EXPECT_TRUE(requests[2].checked);
  EXPECT_FALSE(requests[2].looked);
  EXPECT_EQ(pull(laptop_.queue_id).events.front().attempts, 2U);
  EXPECT_EQ(contents(pull(bob_.queue_id).events), (Strings{"two", "three"}));
}

TEST_F(PullTogetherTest, WhatSomebodyElseHoldsNowIsReportedAsLost) {
  tell_all("one");
  auto first = polls_of_all();
  together(first);
  end_leases(bob_.queue_id);
  const Batch other = pull(bob_.queue_id);
  auto second = polls_of_all(first);
  together(second);
  EXPECT_EQ(second[0].acknowledged.count, 1U);
  EXPECT_EQ(second[2].acknowledged.count, 0U);
  EXPECT_EQ(second[2].acknowledged.lost, std::vector<std::uint64_t>{other.events.front().id});
}

TEST_F(PullTogetherTest, AQueueThatSomebodyLocksIsNotWaitedFor) {
  tell_all("one");
  in([&](db::Session& holder) {
    holder.execute("UPDATE queue SET lifetime = lifetime + 1 WHERE id = ?", phone_.queue_id);
    auto requests = polls_of_all();
    together(requests);
    EXPECT_FALSE(requests[0].checked);
    EXPECT_EQ(contents(requests[2].batch.events), Strings{"one"});
  });
}

TEST_F(PullTogetherTest, AnOpenTransactionOfAPublisherHoldsUpNobodyElse) {
  tell_all("one");
  auto first = polls_of_all();
  together(first);
  tell("two", kAliceWork);
  in([&](db::Session& publisher) {
    NewEvent told = event("contact.state", "three", {kBobWork});
    told.wait_for_terminal = false;
    events_.publish(publisher, "coordination", told);
    std::vector<Request> polls{poll(kAlice, "phone", phone_, first[0].batch.lease_token),
                               poll(kAlice, "laptop", laptop_, first[1].batch.lease_token)};
    together(polls);
    for (const Request& request : polls) {
      EXPECT_EQ(request.acknowledged.count, 1U);
      EXPECT_EQ(contents(request.batch.events), Strings{"two"});
    }
  });
}

TEST_F(PullTogetherTest, WhatAnEndedSubscriptionStillHasInTheQueueSpoilsNoAcknowledgement) {
  tell_all("one");
  auto first = polls_of_all();
  together(first);
  in([&](db::Session& db) {  // as between the end of one of its profiles and its clean-up
    db.execute(
        "INSERT INTO delivery (queue_id, event_id, subscription_id, visible_at, token, attempts, sequence) "
        "SELECT queue_id, event_id, 999999, visible_at, token, attempts, sequence FROM delivery "
        "WHERE queue_id = ?",
        phone_.queue_id);
  });
  auto second = polls_of_all(first);
  together(second);
  for (const Request& request : second) EXPECT_EQ(request.acknowledged.count, 1U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM delivery"), 1);
}

// Polls as the endpoint makes them: parked, woken, answered, and begun again with the acknowledgement.
class PullBatchesTest : public PullTogetherTest {
 protected:
  void SetUp() override {
    PullTogetherTest::SetUp();
    batches_.start();
  }

  struct Poll {
    std::string key;
    std::unique_ptr<ParkedPull> parked;
  };
  Poll park(Request&& request) {
    Poll poll{batches_.new_wake_key(), nullptr};
    poll.parked = std::make_unique<ParkedPull>(batches_, std::move(request), poll.key);
    return poll;
  }
  // Until there is an outcome with something to do.
  static ParkedPull::Outcome wait(Poll& poll) {
    for (;;) {
      if (auto outcome = poll.parked->outcome(false)) {
        if (!outcome->begun || !outcome->looked || !outcome->batch.events.empty()) return *std::move(outcome);
      }
      std::this_thread::yield();
    }
  }

  WaitRegistry registry_;
  PullBatches batches_{testing::database().pool(), registry_, together_};
};

TEST_F(PullBatchesTest, AParkedPullIsWokenByWhatIsToldAndAcknowledgesWithTheNext) {
  std::atomic<int> woken = 0;
  Poll first = park(poll(kAlice, "phone", phone_));
  const auto watch = registry_.watch(first.key, [&] { ++woken; });
  tell("one", kAliceWork);
  registry_.wake(Events::wait_key(phone_.queue_id));
  while (woken == 0) std::this_thread::yield();
  const auto told = first.parked->outcome(false);
  ASSERT_TRUE(told && told->begun && told->looked);
  EXPECT_EQ(contents(told->batch.events), Strings{"one"});
  first.parked.reset();

  Poll second = park(poll(kAlice, "phone", phone_, told->batch.lease_token));
  while (count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 1") == 0)
    std::this_thread::yield();
  const auto last = second.parked->outcome(true);
  ASSERT_TRUE(last && last->begun);
  EXPECT_EQ(last->acknowledged.count, 1U);
  EXPECT_TRUE(last->batch.events.empty());
}

TEST_F(PullBatchesTest, ANewerPollWakesTheOlderOne) {
  Poll poll = park(this->poll(kBob, "phone", bob_));
  std::atomic<int> woken = 0;
  const auto watch = registry_.watch(poll.key, [&] { ++woken; });
  while (count("SELECT poll_epoch AS n FROM queue WHERE id = " + std::to_string(bob_.queue_id)) == 0)
    std::this_thread::yield();
  const auto newer = in([&](db::Session& db) { return events_.begin_poll(db, bob_.queue_id); });
  EXPECT_EQ(newer, 2U);
  while (woken == 0) {
    registry_.wake(Events::poll_key(bob_.queue_id, newer));
    std::this_thread::yield();
  }
}

TEST_F(PullBatchesTest, ALastRunTakesBackWhatHasNotBegun) {
  batches_.stop();
  Poll poll = park(this->poll(kBob, "phone", bob_));
  EXPECT_FALSE(poll.parked->outcome(false));
  const auto last = poll.parked->outcome(true);
  ASSERT_TRUE(last);
  EXPECT_FALSE(last->begun);
}

TEST_F(PullBatchesTest, ManyParkedPullsGetEachEventOnceInOrder) {
  constexpr std::size_t kEvents = 60;
  struct Terminal {
    std::uint64_t user;
    std::string name;
    const Subscription* of;
    std::vector<Event> seen;
  };
  std::vector<Terminal> terminals{
      {kAlice, "phone", &phone_, {}}, {kAlice, "laptop", &laptop_, {}}, {kBob, "phone", &bob_, {}}};
  {
    std::vector<std::jthread> threads;
    for (Terminal& terminal : terminals) {
      threads.emplace_back([&] {
        std::string token;
        while (terminal.seen.size() < kEvents) {
          Poll one = park(poll(terminal.user, terminal.name, *terminal.of, token));
          const auto outcome = wait(one);
          ASSERT_TRUE(outcome.begun);
          const Batch batch = outcome.looked ? outcome.batch : pull(terminal.of->queue_id);
          token = batch.lease_token;
          terminal.seen.insert(terminal.seen.end(), batch.events.begin(), batch.events.end());
        }
      });
    }
    for (std::size_t i = 0; i < kEvents; ++i) {
      tell_all(std::to_string(i));
      for (const Terminal& terminal : terminals) registry_.wake(Events::wait_key(terminal.of->queue_id));
    }
  }
  for (const Terminal& terminal : terminals) {
    ASSERT_EQ(terminal.seen.size(), kEvents);
    for (std::size_t i = 0; i < kEvents; ++i) {
      EXPECT_EQ(terminal.seen[i].content, std::to_string(i));
      EXPECT_EQ(terminal.seen[i].sequence, i + 1);
    }
  }
}

}  // namespace
}  // namespace whitebrick::events
