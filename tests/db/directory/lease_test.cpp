#include <thread>

#include "server/pulse.hpp"
#include "tests/db/directory/directory_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace whitebrick::directory {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kSecondsLeft =
    "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), lease_until) AS value FROM service WHERE account_id = 11";

TEST_F(DirectoryTest, OnlyARegisteredServiceConnects) {
  EXPECT_EQ(fault_of([&] { a_.connect(mail_); }), "NOT_REGISTERED()");
  a_.put(mail_, mail_registration());
  EXPECT_EQ(fault_of([&] { a_.connect(mail_, 0); }), "INVALID_ARGUMENT(leaseSeconds)");
  EXPECT_EQ(fault_of([&] { a_.connect(mail_, 86401); }), "INVALID_ARGUMENT(leaseSeconds)");
}

TEST_F(DirectoryTest, ConnectingTellsOnceAndAgainOnlyRenews) {
  a_.put(mail_, mail_registration());
  const Connected first = a_.connect(mail_);
  EXPECT_EQ(first.lease_seconds, 90);
  EXPECT_EQ(a_.get("mail", "acme").cause, Cause::kConnected);
  const Connected again = b_.connect(mail_, 30);
  EXPECT_EQ(again.lease_seconds, 30);
  EXPECT_EQ(again.since, first.since);
  EXPECT_LE(number(kSecondsLeft), 30);
  EXPECT_EQ(told("service.available"),
            std::vector<std::string>{
                "<ServiceAvailable xmlns=\"urn:whitebrick:catalogue:1\"><service><name>mail</name>"
                "<provider>acme</provider></service></ServiceAvailable>"});
  EXPECT_EQ(again.snapshot_version, static_cast<std::uint64_t>(number("SELECT MAX(id) AS value FROM event")));
}

TEST_F(DirectoryTest, DeclarationsAndSubscriptionsComeWithTheConnection) {
  a_.put(calls_, plain("calls", "bell"));
  a_.put(mail_, mail_registration());
  a_.connect(calls_, std::nullopt, {{"phone.rang", "Somebody calls"}});
  const Connected connected =
      a_.connect(mail_, std::nullopt, {},
                 {{.name = "calls", .patterns = {"phone.*"}, .profile_id = {}, .transmitter_id = {}},
                  {.name = "weather", .patterns = {"weather.rain"}, .profile_id = {}, .transmitter_id = {}}});
  ASSERT_EQ(connected.subscriptions.size(), 2u);
  EXPECT_TRUE(connected.subscriptions[0].available);
  EXPECT_FALSE(connected.subscriptions[1].available);
  EXPECT_EQ(connected.backlog, 0u);
}

TEST_F(DirectoryTest, OneBadDeclarationAndNothingIsConnected) {
  a_.put(mail_, mail_registration());
  EXPECT_EQ(fault_of([&] {
              a_.connect(mail_, std::nullopt, {{"mail.arrived", {}}, {"contact.state", {}}});
            }),
            "EVENT_TYPE_RESERVED(type)");
  EXPECT_FALSE(a_.get("mail", "acme").connected);
  EXPECT_EQ(number("SELECT COUNT(*) AS value FROM event"), 0);
}

TEST_F(DirectoryTest, DisconnectingWithdrawsTheTransmittersAndTellsOnce) {
  a_.put(mail_, mail_registration());
  EXPECT_FALSE(a_.disconnect(mail_));
  a_.connect(mail_, std::nullopt, {{"mail.arrived", {}}});
  EXPECT_TRUE(b_.disconnect(mail_));
  EXPECT_FALSE(a_.disconnect(mail_));
  const Service service = a_.get("mail", "acme");
  EXPECT_EQ(service.cause, Cause::kDisconnected);
  EXPECT_TRUE(service.events.empty());
  EXPECT_EQ(number("SELECT COUNT(*) AS value FROM event_declaration WHERE live = 1"), 0);
  EXPECT_EQ(
      told("service.unavailable"),
      std::vector<std::string>{kMailUnavailable + std::string("DISCONNECTED</cause></ServiceUnavailable>")});
  a_.connect(mail_);
  EXPECT_EQ(a_.get("mail", "acme").events, std::vector<std::string>{"mail.arrived"});
}

TEST_F(DirectoryTest, ALostLeaseIsToldExactlyOnceHoweverManyLook) {
  a_.put(mail_, mail_registration());
  a_.put(calls_, plain("calls", "bell"));
  for (int round = 1; round <= 5; ++round) {
    a_.connect(mail_, std::nullopt, {{"mail.arrived", {}}});
    a_.connect(calls_);
    let_lease_end(3);
    std::thread one([&] { a_.directory.expire(*a_.pool); });
    std::thread other([&] { b_.directory.expire(*b_.pool); });
    one.join();
    other.join();
    EXPECT_EQ(told("service.unavailable").size(), 2u * static_cast<unsigned>(round));
  }
  const Service service = a_.get("mail", "acme");
  EXPECT_FALSE(service.connected);
  EXPECT_EQ(service.cause, Cause::kLeaseLost);
  EXPECT_TRUE(service.events.empty());
  const auto all = told("service.unavailable");
  EXPECT_EQ(
      std::ranges::count(all, kMailUnavailable + std::string("LEASE_LOST</cause></ServiceUnavailable>")), 5);
}

// The database refuses to disconnect acme-mail.
class OneBadService : public DirectoryTest {
 protected:
  void SetUp() override {
    testing::database().run(
        "CREATE TRIGGER bad_service BEFORE UPDATE ON service FOR EACH ROW "
        "IF NEW.account_id = 11 AND NEW.connected = 0 THEN SIGNAL SQLSTATE '45000'; END IF");
  }
  void TearDown() override { testing::database().run("DROP TRIGGER bad_service"); }
};

TEST_F(OneBadService, DoesNotKeepTheOthersConnected) {
  a_.put(mail_, mail_registration());
  a_.connect(mail_);
  std::vector<Caller> others;
  for (std::uint64_t id = 12; id < 20; ++id) {
    others.push_back(service(id, "s" + std::to_string(id)));
    a_.put(others.back(), plain("s" + std::to_string(id), "bell"));
    a_.connect(others.back());
  }
  let_lease_end(3);
  EXPECT_FALSE(a_.directory.expire(*a_.pool));
  EXPECT_EQ(a_.directory.expiry_failures(), 1U);
  EXPECT_TRUE(a_.get("mail", "acme").connected);
  EXPECT_EQ(number("SELECT COUNT(*) AS value FROM service WHERE connected = 1"), 1);
  EXPECT_EQ(told("service.unavailable").size(), others.size());
}

TEST_F(DirectoryTest, ALeaseThatSomebodyElseWritesFailsNoCall) {
  a_.put(mail_, mail_registration());
  a_.connect(mail_);
  testing::database().run("UPDATE service SET lease_until = UTC_TIMESTAMP(6) + INTERVAL 20 SECOND");
  b_.pool->in_transaction([&](db::Session& other) {
    other.execute("UPDATE service SET version = version + 1 WHERE account_id = 11");
    db::Lease lease = b_.pool->lease();
    lease.session().execute("SET innodb_lock_wait_timeout = 0");
    EXPECT_LE(b_.directory.renew(lease.session(), mail_).value(), seconds(20));
    lease.session().execute("SET innodb_lock_wait_timeout = 3");
  });
  // A second later it is written.
  EXPECT_TRUE(testing::eventually([&] { return b_.renew(mail_).value() > seconds(80); }, seconds(5)));
}

TEST_F(DirectoryTest, ALeaseEndsWithAGuardForOtherClocks) {
  a_.put(mail_, mail_registration());
  a_.connect(mail_);
  a_.directory.expire(*a_.pool);
  EXPECT_TRUE(a_.get("mail", "acme").connected);
  let_lease_end(1);
  a_.directory.expire(*a_.pool);
  EXPECT_TRUE(a_.get("mail", "acme").connected);
  let_lease_end(3);
  a_.directory.expire(*a_.pool);
  EXPECT_FALSE(a_.get("mail", "acme").connected);
}

TEST_F(DirectoryTest, ACallRenewsALeaseThatIsOverButNotYetTold) {
  a_.put(mail_, mail_registration());
  a_.connect(mail_);
  let_lease_end(3);
  EXPECT_GT(b_.renew(mail_).value(), seconds(88));
  EXPECT_GE(number(kSecondsLeft), 88);
  a_.directory.expire(*a_.pool);
  EXPECT_TRUE(a_.get("mail", "acme").connected);
}

TEST_F(DirectoryTest, ALeaseIsWrittenOnlyWhenAThirdIsUsedUp) {
  a_.put(mail_, mail_registration());
  a_.connect(mail_, 90);
  // Another replica that has not seen the service yet: 61 of 90 s are left, so nothing is written.
  testing::database().run("UPDATE service SET lease_until = UTC_TIMESTAMP(6) + INTERVAL 61 SECOND");
  EXPECT_LE(b_.renew(mail_).value(), seconds(61));
  EXPECT_LE(number(kSecondsLeft), 61);
  // And it looks again only when that much is over: what happens in between costs no query.
  const auto before = b_.pool->counts().statements;
  for (int i = 0; i < 100; ++i) b_.renew(mail_);
  EXPECT_EQ(b_.pool->counts().statements, before);
  ReplicaDirectory c;
  testing::database().run("UPDATE service SET lease_until = UTC_TIMESTAMP(6) + INTERVAL 59 SECOND");
  EXPECT_GT(c.renew(mail_).value(), seconds(88));
  EXPECT_GE(number(kSecondsLeft), 88);
  EXPECT_TRUE(testing::eventually([&] { return b_.renew(mail_).value() > seconds(80); }, seconds(3)));
}

TEST_F(DirectoryTest, OnlyAConnectedServiceHasALease) {
  a_.put(mail_, mail_registration());
  EXPECT_EQ(a_.renew(mail_), std::nullopt);
  Caller user;
  user.role = Role::kUser;
  user.account_id = mail_.account_id;
  a_.connect(mail_);
  EXPECT_EQ(b_.renew(user), std::nullopt);
  EXPECT_TRUE(a_.renew(mail_));
  a_.disconnect(mail_);
  EXPECT_EQ(b_.renew(mail_), std::nullopt);
  EXPECT_EQ(number("SELECT COUNT(*) AS value FROM service WHERE lease_until IS NULL"), 1);
}

TEST_F(DirectoryTest, AnOutageOfTheDatabaseEndsNoService) {
  a_.put(mail_, mail_registration());
  a_.connect(mail_);
  beat(*a_.pool, "one", seconds(90));
  testing::database().run("UPDATE db_pulse SET beat_at = beat_at - INTERVAL 11 SECOND");
  let_lease_end(30);
  a_.directory.expire(*a_.pool);  // comes before the first beat
  EXPECT_TRUE(a_.get("mail", "acme").connected);
  beat(*b_.pool, "two", seconds(90));
  a_.directory.expire(*a_.pool);
  EXPECT_TRUE(a_.get("mail", "acme").connected);
  testing::database().run("UPDATE db_pulse SET no_expire_before = UTC_TIMESTAMP(6)");
  a_.directory.expire(*a_.pool);
  EXPECT_FALSE(a_.get("mail", "acme").connected);
}

}  // namespace
}  // namespace whitebrick::directory
