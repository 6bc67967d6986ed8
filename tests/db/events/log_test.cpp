#include <chrono>
#include <map>

#include "tests/db/events/events_fixture.hpp"

namespace whitebrick::events {
namespace {

using Strings = std::vector<std::string>;

class LogTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    declare(kMail, "mail.received");
    declare(kMail, "mail.sent");
    let_profile_use(kAliceWork, kMail);
    let_profile_use(kBobWork, kMail);
  }
  Strings log(const Caller& caller, LogQuery query = {}) {
    if (!query.type) query.type = "mail.*";
    return contents(in([&](db::Session& db) { return events_.log(db, caller, query); }).events);
  }
  DeliveryReport deliveries(const Caller& caller, std::uint64_t event_id) {
    return in([&](db::Session& db) { return events_.deliveries(db, caller, event_id); });
  }
};

TEST_F(LogTest, TransmitterRecipientsAndAdministratorsReadItOthersDoNot) {
  const auto inbox = subscribe(kCalls, "inbox", {"mail.received"});
  publish(kMail, {event("mail.received", "open"), event("mail.sent", "sent"),
                  event("mail.received", "for alice", {kAliceWork})});
  drain(inbox.queue_id);
  publish(kMail, event("mail.received", "pending"));
  const Strings all{"open", "sent", "for alice", "pending"};
  EXPECT_EQ(log(admin()), all);
  EXPECT_EQ(log(service(kMail)), all);
  EXPECT_EQ(log(service(kCalls)), (Strings{"open", "pending"}));
  EXPECT_EQ(log(user(kAlice)), Strings{"for alice"});
  EXPECT_TRUE(log(user(kBob)).empty());
  EXPECT_TRUE(log(Caller{}).empty());
}

TEST_F(LogTest, TargetsAreNamedAsFarAsTheReaderMayKnow) {
  publish(kMail, event("mail.received", "both", {kAliceWork, kBobWork}));
  const auto targets = [&](const Caller& caller) {
    return in([&](db::Session& db) { return events_.log(db, caller, {.type = "mail.received"}); })
        .events.at(0)
        .profiles;
  };
  EXPECT_EQ(targets(admin()).size(), 2U);
  EXPECT_EQ(targets(service(kMail)).size(), 2U);
  ASSERT_EQ(targets(user(kBob)).size(), 1U);
  EXPECT_EQ(targets(user(kBob))[0].user, "bob");
}

TEST_F(LogTest, PagesAndFilters) {
  std::vector<NewEvent> batch;
  Strings sent;
  for (int i = 0; i < 25; ++i) {
    sent.push_back(std::to_string(i));
    batch.push_back(event(i % 5 == 0 ? "mail.sent" : "mail.received", sent.back()));
  }
  const auto published = publish(kMail, batch);
  Strings paged;
  LogQuery query{.type = "*", .max_events = 7};
  query.after_event_id = published.front().event_id - 1;
  for (;;) {
    const auto page = in([&](db::Session& db) { return events_.log(db, service(kMail), query).events; });
    if (page.empty()) break;
    query.after_event_id = page.back().id;
    for (const Event& one : page) paged.push_back(one.content);
  }
  EXPECT_EQ(paged, sent);
  EXPECT_EQ(log(admin(), {.type = "mail.sent"}), (Strings{"0", "5", "10", "15", "20"}));
  EXPECT_EQ(log(admin(), {.type = "mail.received", .max_events = 2}), (Strings{"1", "2"}));
}

TEST_F(LogTest, APageOfLargeEventsHoldsAFewAndSaysThatThereIsMore) {
  publish(kMail, std::vector(6, event("mail.received", std::string(250'000, 'x'))));
  LogQuery query{.type = "mail.*"};
  const auto page = [&] { return in([&](db::Session& db) { return events_.log(db, admin(), query); }); };
  const LogPage first = page();
  EXPECT_EQ(first.events.size(), 4U);
  EXPECT_TRUE(first.more);
  ASSERT_EQ(first.last_event_id, first.events.back().id);
  query.after_event_id = first.last_event_id;
  EXPECT_EQ(page().events.size(), 2U);
  EXPECT_FALSE(page().more);
}

TEST_F(LogTest, APeriodSelectsByTimeOfPublishing) {
  publish(kMail, event("mail.received", "last week"));
  age_events(7 * 86400);
  publish(kMail, event("mail.received", "yesterday"));
  age_events(86400);
  publish(kMail, event("mail.received", "now"));
  const Time now = in([](db::Session& db) { return db.now(); });
  const auto ago = [&](int hours) { return now - std::chrono::hours(hours); };
  EXPECT_EQ(log(admin(), {.since = ago(48)}), (Strings{"yesterday", "now"}));
  EXPECT_EQ(log(admin(), {.since = ago(48), .until = ago(12)}), Strings{"yesterday"});
  EXPECT_EQ(log(admin(), {.until = ago(12)}), (Strings{"last week", "yesterday"}));
  EXPECT_TRUE(log(admin(), {.since = ago(-1)}).empty());
}

TEST_F(LogTest, DeliveriesSayWhoWasNotified) {
  const auto done = subscribe(kMail, "done", {"mail.received"});
  const auto leased = subscribe(kMail, "leased", {"mail.received"});
  subscribe(kMail, "pending", {"mail.received"});
  const auto phone = connect(kAlicePhone, kAliceWork);
  const auto laptop = connect(kAliceLaptop, kAliceWork);
  const auto id = publish(kMail, event("mail.received", "news", {kAliceWork, kBobWork})).event_id;
  EXPECT_FALSE(deliveries(admin(), id).profiles.at(0).second);
  drain(done.queue_id);
  pull(leased.queue_id);
  drain(phone.queue_id);
  leave(laptop.id);

  const auto of_services = deliveries(service(kMail), id);
  EXPECT_EQ(of_services.deliveries.size(), 3U) << "a transmitter is told nothing of terminals";
  EXPECT_EQ(of_services.profiles.size(), 2U);
  const auto report = deliveries(admin(), id);
  std::map<std::string, std::string> seen;
  for (const Delivery& one : report.deliveries) {
    const char* outcome = one.outcome == Outcome::kAcknowledged   ? "acknowledged"
                          : one.outcome == Outcome::kUnsubscribed ? "unsubscribed"
                          : one.outcome == Outcome::kLeased       ? "leased"
                          : one.outcome == Outcome::kPending      ? "pending"
                                                                  : "other";
    EXPECT_EQ(one.notified, one.outcome == Outcome::kAcknowledged);
    EXPECT_EQ(one.at.has_value(),
              one.outcome == Outcome::kAcknowledged || one.outcome == Outcome::kUnsubscribed);
    seen[one.recipient + ":" + one.subscription] = outcome;
  }
  EXPECT_EQ(seen, (std::map<std::string, std::string>{{"mail/acme:done", "acknowledged"},
                                                      {"mail/acme:leased", "leased"},
                                                      {"mail/acme:pending", "pending"},
                                                      {"alice/phone:work", "acknowledged"},
                                                      {"alice/laptop:", "unsubscribed"}}));
  ASSERT_EQ(report.profiles.size(), 2U);
  EXPECT_EQ(report.profiles[0].first.user, "alice");
  EXPECT_TRUE(report.profiles[0].second);
  EXPECT_EQ(report.profiles[1].first.user, "bob");
  EXPECT_FALSE(report.profiles[1].second);
}

TEST_F(LogTest, ARecipientSeesItsOwnDeliveryOnly) {
  const auto inbox = subscribe(kCalls, "inbox", {"mail.*"});
  subscribe(kMail, "own", {"mail.*"});
  const auto open = publish(kMail, event("mail.received", "open")).event_id;
  const auto phone = connect(kAlicePhone, kAliceWork);
  const auto targeted = publish(kMail, event("mail.received", "for alice", {kAliceWork, kBobWork})).event_id;
  EXPECT_EQ(deliveries(service(kMail), open).deliveries.size(), 2U);
  ASSERT_EQ(deliveries(service(kCalls), open).deliveries.size(), 1U);
  EXPECT_EQ(deliveries(service(kCalls), open).deliveries[0].recipient, "calls/bell");
  const auto alice = deliveries(user(kAlice), targeted);
  ASSERT_EQ(alice.deliveries.size(), 1U);
  EXPECT_EQ(alice.deliveries[0].recipient, "alice/phone");
  ASSERT_EQ(alice.profiles.size(), 1U);
  EXPECT_TRUE(deliveries(user(kBob), targeted).deliveries.empty());
}

TEST_F(LogTest, WhomAnEventDoesNotConcernCannotTellItFromNone) {
  const auto id = publish(kMail, event("mail.received", "for alice", {kAliceWork})).event_id;
  for (const Caller& stranger : {service(kCalls), user(kBob)}) {
    EXPECT_EQ(fault_of([&] { deliveries(stranger, id); }), "NOT_FOUND(eventId)");
  }
  EXPECT_EQ(fault_of([&] { deliveries(admin(), id + 1000); }), "NOT_FOUND(eventId)");
}

}  // namespace
}  // namespace whitebrick::events
