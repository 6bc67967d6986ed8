// Pushing to real endpoints.

#include "modules/events/push_senders.hpp"

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <regex>

#include "modules/events/push.hpp"
#include "modules/events/push_message.hpp"
#include "tests/db/events/events_fixture.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/http_endpoint.hpp"

namespace whitebrick::events {
namespace {

using testing::EndpointAnswer;
using testing::EndpointRequest;
using testing::eventually;
using testing::HttpEndpoint;
using Strings = std::vector<std::string>;

EndpointAnswer accepted(const EndpointRequest& = {}) { return {200, ""}; }

EndpointAnswer fault() {
  return {500,
          "<s:Envelope "
          "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault/></s:Body></s:Envelope>"};
}

Strings contents_of(const std::string& body) {
  static const std::regex content("<content>([^<]*)</content>");
  Strings found;
  for (std::sregex_iterator one(body.begin(), body.end(), content), end; one != end; ++one)
    found.push_back((*one)[1]);
  return found;
}

Strings contents_of(const HttpEndpoint& endpoint) {
  Strings all;
  for (const EndpointRequest& request : endpoint.requests()) {
    const Strings some = contents_of(request.body);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

class PushTest : public EventsFixture {
 protected:
  void SetUp() override {
    EventsFixture::SetUp();
    connect_service(kCalls);
    declare(kMail, "mail.received");
  }

  void connect_service(std::uint64_t id, bool connected = true) {
    in([&](db::Session& db) {
      db.execute("UPDATE service SET connected = ? WHERE account_id = ?", connected, id);
      if (connected) events_.transmitter_connected(db, id);
    });
  }
  Subscription push_to(const std::string& url, int max_events = 1, std::optional<std::string> secret = {}) {
    SubscriptionRequest request{"inbox", {"mail.*"}, {}, {}};
    request.push = PushTarget{url, std::move(secret), max_events};
    return in([&](db::Session& db) { return events_.subscribe(db, {PartyKind::kService, kCalls}, request); });
  }
  void start(Events& events, std::shared_ptr<const EgressRules> rules,
             std::chrono::milliseconds total = std::chrono::milliseconds(300)) {
    const PushLimits limits{.connect = std::chrono::milliseconds(300), .total = total};
    auto& pool = testing::database().pool();
    senders_.push_back(
        std::make_unique<PushSenders>(pool, registry_, wake_, events, std::move(rules),
                                      PushSettings{.senders = 4, .certificates = "", .limits = limits}));
    senders_.back()->start();
  }
  void start() { start(events_, rules_); }
  std::int64_t acknowledged() {
    return count("SELECT COUNT(*) AS n FROM delivery_history WHERE outcome = 1");
  }
  std::int64_t pending() { return count("SELECT COUNT(*) AS n FROM delivery"); }
  std::int64_t failures() { return count("SELECT COALESCE(SUM(failures), 0) AS n FROM push_endpoint"); }
  // As if the pause after a failure were over.
  void end_pauses() {
    in([](db::Session& db) {
      db.execute("UPDATE push_endpoint SET next_at = UTC_TIMESTAMP(6)");
      db.execute("UPDATE delivery SET visible_at = UTC_TIMESTAMP(6) WHERE token IS NULL");
    });
    registry_.wake(Events::push_key());
  }
  std::vector<Push> pushes(const Published& published) {
    auto some = in([&](db::Session& db) { return events_.pushes(db, {published}); });
    in([&](db::Session& db) { events_.look_at(db, some); });
    return some;
  }

  std::shared_ptr<const EgressRules> rules_ =
      std::make_shared<const EgressRules>(Strings{"127.0.0.1"}, Strings{"*"}, true);
  WaitRegistry registry_;
  testing::RecordingWake wake_{registry_};
  Events events_{wake_, rules_};
  std::vector<std::unique_ptr<PushSenders>> senders_;  // ends first

  Published publish(const NewEvent& one) {
    return in([&](db::Session& db) { return events_.publish(db, service(kMail), {one}); }).front();
  }
};

TEST_F(PushTest, EventsArriveInOrderOnceAndAreInTheHistory) {
  HttpEndpoint endpoint(accepted);
  push_to(endpoint.url());
  start();
  start();  // another replica
  Strings sent;
  for (int i = 0; i < 60; ++i) {
    sent.push_back(std::to_string(i));
    publish(event("mail.received", sent.back()));
  }
  ASSERT_TRUE(eventually([&] { return acknowledged() == 60; }));
  EXPECT_EQ(contents_of(endpoint), sent);
  EXPECT_EQ(pending(), 0);
  for (const EndpointRequest& request : endpoint.requests()) {
    EXPECT_EQ(request.header("SOAPAction"), "\"urn:whitebrick:notify:1/Notify\"");
    EXPECT_EQ(request.header("X-Whitebrick-Signature"), "");
    EXPECT_EQ(contents_of(request.body).size(), 1U);
  }
}

TEST_F(PushTest, TogetherAndSignedIfTheSubscriberWantsIt) {
  HttpEndpoint endpoint(accepted);
  push_to(endpoint.url(), 50, "correct horse battery");
  in([&](db::Session& db) {
    events_.publish(db, service(kMail), std::vector<NewEvent>(100, event("mail.received", "x")));
  });
  start();
  ASSERT_TRUE(eventually([&] { return acknowledged() == 100; }));
  ASSERT_EQ(endpoint.requests().size(), 2U);
  const EndpointRequest request = endpoint.requests().front();
  const std::string signature = request.header("X-Whitebrick-Signature");
  std::smatch at;
  ASSERT_TRUE(std::regex_match(signature, at, std::regex("t=(\\d+),sha256=[0-9a-f]{64}"))) << signature;
  const Time then{std::chrono::seconds(std::stoll(at[1]))};
  EXPECT_EQ(signature, push_signature("correct horse battery", then, request.body));
}

TEST_F(PushTest, APublisherLearnsTheOutcome) {
  HttpEndpoint endpoint(accepted);
  const auto inbox = push_to(endpoint.url());
  const Published first = publish(event("mail.received"));
  ASSERT_EQ(first.pushed, std::vector{inbox.id});
  const auto before = pushes(first);
  ASSERT_EQ(before.size(), 1U);
  EXPECT_TRUE(before[0].expected);
  EXPECT_EQ(before[0].service + "/" + before[0].provider + "/" + before[0].subscription, "calls/bell/inbox");
  EXPECT_EQ(before[0].outcome, PushOutcome::kPending);
  start();
  ASSERT_TRUE(eventually([&] { return wake_.woke(Events::pushed_key(inbox.queue_id)); }));
  EXPECT_EQ(pushes(first)[0].outcome, PushOutcome::kDelivered);
}

TEST_F(PushTest, WhoIsNotConnectedGetsItWhenHeConnects) {
  HttpEndpoint endpoint(accepted);
  push_to(endpoint.url());
  connect_service(kCalls, false);
  start();
  const Published published = publish(event("mail.received", "later"));
  EXPECT_FALSE(pushes(published)[0].expected);
  // Another one, that is connected, has been served meanwhile.
  HttpEndpoint other(accepted);
  SubscriptionRequest request{"other", {"mail.*"}, {}, {}};
  request.push = PushTarget{other.url(), {}, 1};
  in([&](db::Session& db) { return events_.subscribe(db, {PartyKind::kService, kMail}, request); });
  connect_service(kMail);
  publish(event("mail.received", "now"));
  ASSERT_TRUE(eventually([&] { return acknowledged() == 1; }));
  EXPECT_TRUE(endpoint.requests().empty());
  connect_service(kCalls);
  ASSERT_TRUE(eventually([&] { return acknowledged() == 3; }));
  EXPECT_EQ(contents_of(endpoint), (Strings{"later", "now"}));
}

TEST_F(PushTest, AnEndpointThatIsDownLosesNothingAndIsProbedAfterFiveFailures) {
  std::string url;
  {
    HttpEndpoint gone(accepted);
    url = gone.url();
  }
  push_to(url);
  start();
  const Published published = publish(event("mail.received", "a"));
  publish(event("mail.received", "b"));
  for (int failed = 1; failed <= 6; ++failed) {
    ASSERT_TRUE(eventually([&] { return failures() == failed; })) << failed;
    EXPECT_EQ(pushes(published)[0].outcome, PushOutcome::kFailed);
    const auto pause =
        count("SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), next_at) AS n FROM push_endpoint");
    EXPECT_EQ(pause >= 20, failed >= 5) << pause;
    EXPECT_LE(pause, 30);
    EXPECT_FALSE(pushes(published)[0].expected);
    if (failed < 6) end_pauses();
  }
  EXPECT_EQ(pending(), 2);
  EXPECT_EQ(count("SELECT MAX(attempts) AS n FROM delivery"), 0);
  HttpEndpoint back(accepted);
  push_to(back.url());  // subscribing again forgets the failures
  ASSERT_TRUE(eventually([&] { return acknowledged() == 2; }));
  EXPECT_EQ(contents_of(back), (Strings{"a", "b"}));
}

TEST_F(PushTest, AProbeCarriesOneEventAndItsSuccessOpensTheWay) {
  std::atomic<bool> up{false};
  HttpEndpoint endpoint([&](const EndpointRequest&) { return up ? accepted() : EndpointAnswer{503, ""}; });
  push_to(endpoint.url(), 100);
  start();
  in([&](db::Session& db) {
    events_.publish(db, service(kMail), std::vector<NewEvent>(5, event("mail.received", "x")));
  });
  for (int failed = 1; failed <= 5; ++failed) {
    ASSERT_TRUE(eventually([&] { return failures() == failed; }));
    if (failed < 5) end_pauses();
  }
  const std::size_t before = endpoint.requests().size();
  up = true;
  end_pauses();
  ASSERT_TRUE(eventually([&] { return acknowledged() == 5; }));
  const auto requests = endpoint.requests();
  ASSERT_EQ(requests.size(), before + 2);
  EXPECT_EQ(contents_of(requests[before].body).size(), 1U);
  EXPECT_EQ(contents_of(requests[before + 1].body).size(), 4U);
  EXPECT_EQ(failures(), 0);
}

TEST_F(PushTest, EveryServiceAndEachOfItsSubscriptionsHasItsTurn) {
  connect_service(kMail);
  in([](db::Session& db) {
    db.execute(
        "INSERT INTO push_endpoint (subscription_id, queue_id, service_id, endpoint, busy_until, next_at) "
        "SELECT seq, seq, IF(seq = 200, 11, 12), 'https://crm.example.com', UTC_TIMESTAMP(6), "
        "       UTC_TIMESTAMP(6) - INTERVAL IF(seq = 200, 1, seq) SECOND FROM seq_1_to_200");
    db.execute(
        "INSERT INTO delivery (queue_id, event_id, subscription_id, visible_at) "
        "SELECT seq, 1, seq, UTC_TIMESTAMP(6) FROM seq_1_to_200");
  });
  const auto due = in(pushes_due);
  ASSERT_EQ(due.size(), 100U);
  EXPECT_EQ(due[0].subscription_id, 199U);  // has waited longest
  EXPECT_EQ(due[1].service_id, kMail);
  EXPECT_EQ(due.back().subscription_id, 101U);
}

TEST_F(PushTest, AServiceWithSlowEndpointsLeavesSendersToOthers) {
  connect_service(kMail);
  std::promise<void> open;
  const std::shared_future<void> opened = open.get_future().share();
  HttpEndpoint slow([&](const EndpointRequest&) {
    opened.wait();
    return accepted();
  });
  HttpEndpoint quick(accepted);
  const auto push = [&](std::uint64_t service, const std::string& name, const HttpEndpoint& endpoint) {
    SubscriptionRequest request{name, {"mail.*"}, {}, {}};
    request.push = PushTarget{endpoint.url(), {}, 1};
    in([&](db::Session& db) { events_.subscribe(db, {PartyKind::kService, service}, request); });
  };
  for (int i = 0; i < 6; ++i) push(kCalls, "slow" + std::to_string(i), slow);
  start(events_, rules_, std::chrono::seconds(30));
  publish(event("mail.received", "one"));
  EXPECT_TRUE(eventually([&] { return slow.requests().size() == 2; }));
  push(kMail, "quick", quick);
  publish(event("mail.received", "two"));
  EXPECT_TRUE(eventually([&] { return contents_of(quick) == Strings{"two"}; }));
  EXPECT_EQ(slow.requests().size(), 2U);
  open.set_value();
  EXPECT_TRUE(eventually([&] { return acknowledged() == 13; }));
}

TEST_F(PushTest, ARefusedEventComesBackLaterAndHoldsNobodyUp) {
  std::atomic<int> refusals{0};
  HttpEndpoint endpoint([&](const EndpointRequest& request) {
    if (request.body.find("<content>poison</content>") == std::string::npos) return accepted();
    ++refusals;
    return fault();
  });
  push_to(endpoint.url());
  start();
  const Published poison = publish(event("mail.received", "poison"));
  for (int i = 0; i < 10; ++i) publish(event("mail.received", "good"));
  ASSERT_TRUE(eventually([&] { return acknowledged() == 10; }));
  EXPECT_EQ(pushes(poison)[0].outcome, PushOutcome::kFailed);
  EXPECT_EQ(refusals, 1);
  EXPECT_EQ(count("SELECT attempts AS n FROM delivery"), 1);
  EXPECT_EQ(count("SELECT visible_at > UTC_TIMESTAMP(6) AS n FROM delivery"), 1);
  for (int again = 2; again <= 10; ++again) {
    end_pauses();
    ASSERT_TRUE(eventually([&] { return refusals == again; })) << again;
    // Until it is written down.
    ASSERT_TRUE(eventually([&] {
      return count("SELECT COUNT(*) AS n FROM push_endpoint WHERE busy_until > UTC_TIMESTAMP(6)") == 0;
    }));
  }
  end_pauses();
  ASSERT_TRUE(eventually([&] { return count("SELECT COUNT(*) AS n FROM dead_delivery") == 1; }));
  EXPECT_EQ(refusals, 10);
}

TEST_F(PushTest, NobodyIsThereWhoRedirectsTalksTooMuchOrIsTooSlow) {
  std::mutex mutex;
  std::condition_variable over;
  bool ended = false;
  HttpEndpoint elsewhere(accepted);
  const std::vector<std::function<EndpointAnswer(const EndpointRequest&)>> answers{
      [&](const EndpointRequest&) {
        return EndpointAnswer{307, "", {{"Location", elsewhere.url()}}};
      },
      [&](const EndpointRequest&) {
        return EndpointAnswer{200, std::string(70'000, ' ')};
      },
      [&](const EndpointRequest&) {
        EndpointAnswer answer{200, "", {}};
        for (int i = 0; i < 20; ++i)
          answer.headers.emplace_back("X-" + std::to_string(i), std::string(4000, 'x'));
        return answer;
      },
      [&](const EndpointRequest&) {
        return EndpointAnswer{200, "<html/>"};
      },
      [&](const EndpointRequest&) {
        std::unique_lock lock(mutex);
        over.wait(lock, [&] { return ended; });
        return accepted();
      }};
  for (const auto& answer : answers) {
    SetUp();
    ended = false;
    HttpEndpoint endpoint(answer);
    push_to(endpoint.url());
    start();
    publish(event("mail.received"));
    EXPECT_TRUE(eventually([&] { return failures() == 1; }));
    EXPECT_EQ(acknowledged(), 0);
    EXPECT_EQ(pending(), 1);
    senders_.clear();
    {
      const std::lock_guard lock(mutex);
      ended = true;
    }
    over.notify_all();
  }
  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST_F(PushTest, ForbiddenAddressesAreRefusedAndNeverConnectedTo) {
  HttpEndpoint endpoint(accepted);
  const auto strict = std::make_shared<const EgressRules>(Strings{}, Strings{"*"}, true);
  Events guarded(wake_, strict);
  const auto subscribe_to = [&](Events& events, const std::string& url) {
    SubscriptionRequest request{"inbox", {"mail.*"}, {}, {}};
    request.push = PushTarget{url, {}, 1};
    return fault_of([&] {
      in([&](db::Session& db) { return events.subscribe(db, {PartyKind::kService, kCalls}, request); });
    });
  };
  for (const char* host :
       {"127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"})
    EXPECT_EQ(subscribe_to(guarded, endpoint.url(host)), "INVALID_ARGUMENT(endpoint)") << host;
  // What was allowed, or looked harmless, when it was stored is looked at again: an address, and a
  // name that this machine resolves to a loopback address.
  for (const char* host : {"127.0.0.1", "localhost", "localhost."}) {
    push_to(endpoint.url());
    in([&](db::Session& db) { db.execute("UPDATE push_endpoint SET endpoint = ?", endpoint.url(host)); });
    publish(event("mail.received"));
    start(guarded, strict);
    EXPECT_TRUE(eventually([&] { return failures() == 1; })) << host;
    senders_.clear();
  }
  const auto named = std::make_shared<const EgressRules>(Strings{"localhost"}, Strings{"*"}, true);
  in([&](db::Session& db) {
    db.execute("UPDATE push_endpoint SET next_at = UTC_TIMESTAMP(6), failures = 0, endpoint = ?",
               endpoint.url("localhost"));
  });
  EXPECT_EQ(endpoint.connections(), 0);
  EXPECT_EQ(acknowledged(), 0);
  start(events_, named);
  EXPECT_TRUE(eventually([&] { return acknowledged() == 3; }));
}

TEST_F(PushTest, SubscribingWithoutPushOrUnsubscribingEndsIt) {
  HttpEndpoint endpoint(accepted);
  const auto inbox = push_to(endpoint.url());
  // As ConnectService does: what is not said stays.
  in([&](db::Session& db) {
    events_.subscribe(db, {PartyKind::kService, kCalls}, {"inbox", {"mail.*"}, {}, {}});
  });
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM push_endpoint"), 1);
  SubscriptionRequest pull{"inbox", {"mail.*"}, {}, {}};
  pull.pull_only = true;
  in([&](db::Session& db) { events_.subscribe(db, {PartyKind::kService, kCalls}, pull); });
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM push_endpoint"), 0);
  start();
  EXPECT_TRUE(publish(event("mail.received", "mine")).pushed.empty());
  EXPECT_EQ(contents(drain(inbox.queue_id)), Strings{"mine"});
  push_to(endpoint.url());
  in([&](db::Session& db) { events_.unsubscribe(db, {PartyKind::kService, kCalls}, "inbox"); });
  EXPECT_EQ(count("SELECT COUNT(*) AS n FROM push_endpoint"), 0);
  EXPECT_TRUE(endpoint.requests().empty());
}

}  // namespace
}  // namespace whitebrick::events
