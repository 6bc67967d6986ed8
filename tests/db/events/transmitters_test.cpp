#include <thread>

#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using Strings = std::vector<std::string>;

class TransmittersTest : public EventsFixture {
 protected:
  void gone(std::uint64_t service_id, const std::string& cause = "DISCONNECTED") {
    in([&](db::Session& db) { events_.transmitter_gone(db, service_id, cause); });
  }
  void back(std::uint64_t service_id) {
    in([&](db::Session& db) { events_.transmitter_connected(db, service_id); });
  }
  // As if what was told last had been told an hour ago.
  void let_time_pass() {
    in([](db::Session& db) {
      db.execute(
          "UPDATE event_type SET told_at = told_at - INTERVAL 1 HOUR, live_at = live_at - INTERVAL 1 HOUR, "
          "settle_at = settle_at - INTERVAL 1 HOUR");
      db.execute(
          "UPDATE transmitter_notice SET told_at = told_at - INTERVAL 1 HOUR, changed_at = changed_at - "
          "INTERVAL "
          "1 HOUR, settle_at = settle_at - INTERVAL 1 HOUR");
    });
  }
  void settle() {
    while (events_.settle(testing::database().pool())) {
    }
  }
  static std::string said(const std::string& element, const std::string& type, int live,
                          const std::string& cause) {
    return "<" + element + " xmlns=\"urn:whitebrick:catalogue:1\"><type>" + type +
           "</type><liveTransmitters>" + std::to_string(live) + "</liveTransmitters><cause>" + cause +
           "</cause></" + element + ">";
  }
};

TEST_F(TransmittersTest, SubscribersHearOfTheFirstTransmitterAndOfTheLast) {
  const auto inbox = subscribe(kCalls, "inbox", {"mail.*"});
  EXPECT_FALSE(inbox.available);
  declare(kMail, "mail.received");
  declare(kCalls, "mail.received");
  EXPECT_TRUE(subscribe(kCalls, "inbox", {"mail.*"}).available);
  EXPECT_EQ(contents(drain(inbox.queue_id)),
            Strings{said("EventAvailable", "mail.received", 1, "CONNECTED")});
  let_time_pass();
  gone(kMail);
  EXPECT_TRUE(drain(inbox.queue_id).empty());
  gone(kCalls, "LEASE_LOST");
  EXPECT_EQ(contents(drain(inbox.queue_id)),
            Strings{said("EventUnavailable", "mail.received", 0, "LEASE_LOST")});
  EXPECT_FALSE(subscribe(kCalls, "inbox", {"mail.*"}).available);
  let_time_pass();
  back(kMail);
  EXPECT_EQ(types(drain(inbox.queue_id)), Strings{"event.available"});
}

// 20 flaps from either state, at once or by and by: the first is told, and what is true when it is over.
TEST_F(TransmittersTest, FlappingIsHeldDownAndTheTruthIsToldLast) {
  declare(kMail, "mail.received");
  const auto inbox = subscribe(kCalls, "inbox", {"mail.received"});
  for (const bool ends_live : {true, false, true}) {
    let_time_pass();
    const bool was_live = count("SELECT available AS n FROM event_type") == 1;
    for (int flap = 0; flap < 20; ++flap) {
      was_live ? gone(kMail) : back(kMail);
      if (flap == 19 && ends_live != was_live) break;
      was_live ? back(kMail) : gone(kMail);
      // Half a second goes by; the job looks now and then.
      in([](db::Session& db) {
        db.execute(
            "UPDATE event_type SET told_at = told_at - INTERVAL 500000 MICROSECOND, live_at = live_at - "
            "INTERVAL 500000 "
            "MICROSECOND, settle_at = settle_at - INTERVAL 500000 MICROSECOND");
      });
      settle();
    }
    let_time_pass();
    settle();
    const auto told = drain(inbox.queue_id);
    EXPECT_GE(told.size(), 1U);
    EXPECT_LE(told.size(), 2U);
    EXPECT_EQ(told.back().content, ends_live ? said("EventAvailable", "mail.received", 1, "CONNECTED")
                                             : said("EventUnavailable", "mail.received", 0, "DISCONNECTED"));
    EXPECT_EQ(subscribe(kCalls, "inbox", {"mail.received"}).available, ends_live);
  }
}

TEST_F(TransmittersTest, WhatIsHeldDownIsToldOnceByManyReplicas) {
  const auto inbox = subscribe(kCalls, "inbox", {"mail.received"});
  declare(kMail, "mail.received");
  gone(kMail);
  EXPECT_EQ(types(drain(inbox.queue_id)), Strings{"event.available"});
  EXPECT_FALSE(subscribe(kCalls, "inbox", {"mail.received"}).available);  // the truth, whatever was told
  settle();
  EXPECT_TRUE(drain(inbox.queue_id).empty());
  let_time_pass();
  std::vector<std::thread> replicas;
  for (int i = 0; i < 4; ++i) replicas.emplace_back([&] { settle(); });
  for (std::thread& replica : replicas) replica.join();
  settle();
  EXPECT_EQ(types(drain(inbox.queue_id)), Strings{"event.unavailable"});
}

TEST_F(TransmittersTest, WithdrawingTellsTooAndCountsWhatWasDeclared) {
  declare(kMail, "mail.received");
  const auto inbox = subscribe(kCalls, "inbox", {"mail.received"});
  let_time_pass();
  const int withdrawn = in([&](db::Session& db) {
    return events_.withdraw(db, kMail, {"mail.received", "mail.received", "mail.never"});
  });
  EXPECT_EQ(withdrawn, 1);
  EXPECT_EQ(contents(drain(inbox.queue_id)),
            Strings{said("EventUnavailable", "mail.received", 0, "WITHDRAWN")});
}

TEST_F(TransmittersTest, ADeclarationOfAServiceThatIsNotConnectedTellsNobody) {
  const auto inbox = subscribe(kCalls, "inbox", {"mail.received"});
  declare(kMail, "mail.received", false);
  EXPECT_TRUE(drain(inbox.queue_id).empty());
  back(kMail);
  back(kMail);
  EXPECT_EQ(types(drain(inbox.queue_id)), Strings{"event.available"});
  EXPECT_EQ(in([&](db::Session& db) { return events_.live_types(db, kMail); }), Strings{"mail.received"});
}

TEST_F(TransmittersTest, TerminalsHearOfTypesTheyNameOfServicesTheirProfileUses) {
  let_profile_use(kAliceWork, kMail);
  const auto named = connect(kAlicePhone, kAliceWork, {"mail.*"});
  const auto all = connect(kAliceLaptop, kAliceWork, {"*"});
  const auto foreign = connect(kBobPhone, kBobWork, {"mail.*"});
  declare(kMail, "mail.received");
  settle();
  EXPECT_EQ(types(drain(named.queue_id)), Strings{"event.available"});
  EXPECT_TRUE(drain(all.queue_id).empty());
  EXPECT_TRUE(drain(foreign.queue_id).empty());
}

// Of a transmitter only, whatever others do.
TEST_F(TransmittersTest, WhoIsLimitedToATransmitterHearsOfThatOne) {
  const auto limited = in([&](db::Session& db) {
    return events_.subscribe(db, {PartyKind::kService, kCalls}, {"limited", {"mail.*"}, {}, kMail});
  });
  EXPECT_FALSE(limited.available);
  declare(kCalls, "mail.received");
  settle();
  EXPECT_TRUE(drain(limited.queue_id).empty());
  declare(kMail, "mail.received");
  settle();
  EXPECT_EQ(contents(drain(limited.queue_id)),
            Strings{said("EventAvailable", "mail.received", 1, "CONNECTED")});
  let_time_pass();
  gone(kMail);
  settle();
  EXPECT_EQ(contents(drain(limited.queue_id)),
            Strings{said("EventUnavailable", "mail.received", 0, "DISCONNECTED")});
  let_time_pass();
  back(kMail);
  settle();
  EXPECT_EQ(types(drain(limited.queue_id)), Strings{"event.available"});
  for (int flap = 0; flap < 20; ++flap) {
    gone(kMail);
    back(kMail);
    settle();
  }
  gone(kMail);
  settle();
  EXPECT_TRUE(drain(limited.queue_id).empty());  // held down
  let_time_pass();
  settle();
  EXPECT_EQ(types(drain(limited.queue_id)), Strings{"event.unavailable"});
  in([&](db::Session& db) { events_.withdraw(db, kMail, {"mail.received"}); });
  let_time_pass();
  settle();
  EXPECT_TRUE(drain(limited.queue_id).empty());
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM transmitter_notice"), 1);  // of the other one
}

// Of the services that the profile uses: the first and the last one of them.
TEST_F(TransmittersTest, WhoIsLimitedToAProfileHearsOfTheServicesItUses) {
  const auto limited = in([&](db::Session& db) {
    return events_.subscribe(db, {PartyKind::kService, kCalls}, {"limited", {"mail.*"}, kAliceWork, {}});
  });
  const auto phone = connect(kAlicePhone, kAliceWork, {"mail.received"});
  const auto told = [&] {
    settle();
    const auto all = types(drain(limited.queue_id));
    EXPECT_EQ(types(drain(phone.queue_id)), all);
    return all;
  };
  let_profile_use(kAliceWork, kCalls);
  declare(kMail, "mail.received");
  EXPECT_EQ(told(), Strings{});  // not one of them
  let_profile_use(kAliceWork, kMail);
  declare(kCalls, "mail.received");
  EXPECT_EQ(told(), Strings{});  // the other one transmits it already
  let_time_pass();
  gone(kMail);
  EXPECT_EQ(told(), Strings{});
  gone(kCalls);
  EXPECT_EQ(told(), Strings{"event.unavailable"});
  let_time_pass();
  back(kMail);
  EXPECT_EQ(told(), Strings{"event.available"});
  in([](db::Session& db) { db.execute("DELETE FROM profile_service WHERE service_id = 12"); });
  let_time_pass();
  gone(kMail);
  settle();
  EXPECT_TRUE(drain(limited.queue_id).empty());  // the profile's events do not reach the service any more
  EXPECT_EQ(types(drain(phone.queue_id)), Strings{"event.unavailable"});
}

// Two transmitters leave at the same time; the one whose transaction is held open counts
// before the other one ends, or after.
TEST_F(TransmittersTest, WhenTheLastTwoLeaveTogetherSubscribersHearItOnce) {
  const auto inbox = subscribe(kCalls, "inbox", {"mail.received"});
  for (const auto& [first, second] : {std::pair{kMail, kCalls}, std::pair{kCalls, kMail}}) {
    let_time_pass();
    declare(kMail, "mail.received");
    declare(kCalls, "mail.received");
    drain(inbox.queue_id);
    let_time_pass();
    std::thread other;
    in([&, first = first, second = second](db::Session& db) {
      events_.transmitter_gone(db, first, "DISCONNECTED");
      other = std::thread([&, second] { gone(second); });
      // The other one is stopped by this one's lock, or has not come so far: both must end well.
      std::this_thread::yield();
    });
    other.join();
    EXPECT_EQ(types(drain(inbox.queue_id)), Strings{"event.unavailable"});
    EXPECT_EQ(count("SELECT available AS n FROM event_type WHERE name = 'mail.received'"), 0);
  }
}

TEST_F(TransmittersTest, ManyTypesInAnyOrderByManyServicesAtOnce) {
  std::vector<Declaration> up, down;
  for (int i = 0; i < 20; ++i) up.push_back({"mail.t" + std::to_string(i), {}});
  down.assign(up.rbegin(), up.rend());
  const auto inbox = subscribe(kCalls, "inbox", {"mail.*"});
  std::thread other([&] {
    const auto pool = testing::database().fresh_pool(1);
    pool->in_transaction([&](db::Session& db) { events_.declare(db, kCalls, down, true); });
  });
  in([&](db::Session& db) { events_.declare(db, kMail, up, true); });
  other.join();
  EXPECT_EQ(drain(inbox.queue_id).size(), 20U);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event_type WHERE available = 1"), 20);
}

// Of many types only what is true is written at once; the job tells.
TEST_F(TransmittersTest, ManyTypesOfOneServiceAreToldOfByAndBy) {
  std::vector<Declaration> many;
  for (int i = 0; i < 150; ++i) many.push_back({"mail.t" + std::to_string(i), {}});
  in([&](db::Session& db) { events_.declare(db, kMail, many, true); });
  settle();
  const auto inbox = subscribe(kCalls, "inbox", {"mail.*"});
  let_time_pass();
  gone(kMail);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event_declaration WHERE live = 1"), 0);
  EXPECT_TRUE(drain(inbox.queue_id).empty());
  settle();
  EXPECT_EQ(types(drain(inbox.queue_id)), Strings(150, "event.unavailable"));
  in([&](db::Session& db) { events_.forget(db, {PartyKind::kService, kMail}); });
  let_time_pass();
  settle();
  EXPECT_TRUE(drain(inbox.queue_id).empty());
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM transmitter_notice"), 0);
}

TEST_F(TransmittersTest, ForgettingAServiceLeavesNothingOfIt) {
  declare(kMail, "mail.received");
  const auto inbox = subscribe(kCalls, "inbox", {"mail.*"});
  const auto own = subscribe(kMail, "own", {"*"});
  in([&](db::Session& db) { events_.forget(db, {PartyKind::kService, kMail}); });
  EXPECT_EQ(contents(drain(inbox.queue_id)),
            Strings{said("EventUnavailable", "mail.received", 0, "DEREGISTERED")});
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM event_declaration"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM subscription WHERE owner_id = 11"), 0);
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM queue WHERE owner_id = 11"), 0);
  EXPECT_TRUE(pull(own.queue_id).events.empty());
}

}  // namespace
}  // namespace whitebrick::events
