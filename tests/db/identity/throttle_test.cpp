#include <atomic>
#include <functional>
#include <future>
#include <thread>
#include <vector>

#include "server/worker_pool.hpp"
#include "tests/db/identity/identity_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace whitebrick::identity {
namespace {

constexpr const char* kHome = "198.51.100.7";
constexpr const char* kElsewhere = "198.51.100.8";

class ThrottleTest : public IdentityTest {
 protected:
  void guess(const std::string& account, const std::string& source) {
    EXPECT_EQ(fault_of([&] { a_.login(account, "wrong", source); }), "AUTHENTICATION_FAILED()") << source;
  }
  void guess_from_everywhere(const std::string& account, int times) {
    for (int i = 0; i < times; ++i) guess(account, "203.0.113." + std::to_string(i));
  }
  // With the right password, on a replica that remembers nothing.
  std::string login(const std::string& account, const std::string& source) {
    ReplicaIdentity replica;
    return fault_of([&] { replica.login(account, kPassword, source); });
  }
};

TEST_F(ThrottleTest, StrangersLockNobodyOutWhereHeUsuallyIs) {
  EXPECT_EQ(login("mail", kHome), "");
  guess_from_everywhere("mail", 20);
  testing::database().run(
      "INSERT INTO login_failure (subject, failed_at) SELECT subject, failed_at FROM login_failure");
  EXPECT_EQ(login("mail", kHome), "");
  try {
    b_.login("mail", kPassword, kElsewhere);
    FAIL() << "forty failures cost no pause";
  } catch (const Fault& fault) {
    EXPECT_EQ(fault.code(), FaultCode::TOO_MANY_ATTEMPTS);
    EXPECT_GE(fault.retry_after_seconds().value(), 1);
    EXPECT_LE(fault.retry_after_seconds().value(), 60);
  }
  EXPECT_EQ(login("alice-login", kElsewhere), "");
  testing::database().run("UPDATE login_failure SET failed_at = failed_at - INTERVAL 60 SECOND");
  EXPECT_EQ(login("mail", kElsewhere), "");
}

TEST_F(ThrottleTest, TenFailuresFromOneSourceStopItAloneAlsoWhereTheAccountIsKnown) {
  EXPECT_EQ(login("mail", kHome), "");
  for (int i = 0; i < 10; ++i) guess("mail", kHome);
  EXPECT_EQ(login("mail", kHome), "TOO_MANY_ATTEMPTS()");
  EXPECT_EQ(login("mail", kElsewhere), "");
  EXPECT_EQ(login("root", kHome), "");
}

TEST_F(ThrottleTest, AHundredFailuresOfASourceStopItForAccountsThatItDoesNotKnow) {
  EXPECT_EQ(login("mail", kHome), "");
  for (int i = 0; i < 100; ++i) guess("guess" + std::to_string(i), kHome);
  EXPECT_EQ(login("root", kHome), "TOO_MANY_ATTEMPTS()");
  EXPECT_EQ(login("nobody", kHome), "TOO_MANY_ATTEMPTS()");
  EXPECT_EQ(login("root", kElsewhere), "");
  EXPECT_EQ(login("mail", kHome), "");
  testing::database().run("UPDATE login_success SET succeeded_at = succeeded_at - INTERVAL 31 DAY");
  EXPECT_EQ(login("mail", kHome), "TOO_MANY_ATTEMPTS()");
}

TEST_F(ThrottleTest, AnIPv6HostIsItsWholeNetwork) {
  for (int i = 1; i <= 10; ++i) guess("mail", "2001:db8:1:1::" + std::to_string(i));
  EXPECT_EQ(login("mail", "2001:db8:1:1:ffff::1"), "TOO_MANY_ATTEMPTS()");
  EXPECT_EQ(login("mail", "2001:db8:1:2::1"), "");
}

TEST_F(ThrottleTest, ALoginIsWrittenDownOncePerSourceAndDay) {
  EXPECT_EQ(login("mail", kHome), "");
  const std::string first = stored("SELECT succeeded_at AS value FROM login_success");
  EXPECT_EQ(login("mail", kHome), "");
  EXPECT_EQ(stored("SELECT succeeded_at AS value FROM login_success"), first);
  testing::database().run("UPDATE login_success SET succeeded_at = succeeded_at - INTERVAL 25 HOUR");
  EXPECT_EQ(login("mail", kHome), "");
  EXPECT_GT(stored("SELECT succeeded_at AS value FROM login_success"), first);
  EXPECT_EQ(login("mail", kElsewhere), "");
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM login_success"), "2");
}

// Threads that guess without a pause, each time in another name from another place.
class Guessers {
 public:
  Guessers(int count, std::function<void(const std::string& account, const std::string& source)> attempt) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, attempt] {
        while (!stop_) {
          const int number = ++last_;
          attempt("guess" + std::to_string(number),
                  "10." + std::to_string(number / 250) + ".1." + std::to_string(number % 250));
        }
      });
    }
  }
  ~Guessers() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int> last_ = 0;
  std::vector<std::thread> threads_;
};

TEST_F(ThrottleTest, GuessersDoNotHoldTheWorkers) {
  ReplicaIdentity replica({}, 16);
  const std::string token = replica.login("mail").token;
  WorkerPool workers(16, 1000);
  workers.start();
  const auto on_a_worker = [&](const std::function<void()>& work) {
    std::promise<void> done;
    if (!workers.offer([&](int) {
          work();
          done.set_value();
        })) {
      return false;
    }
    done.get_future().wait();
    return true;
  };
  std::atomic<int> evaluated = 0, busy = 0;
  constexpr int kCalls = 20;
  {
    const Guessers guessers(60, [&](const std::string& account, const std::string& source) {
      on_a_worker([&] {
        const std::string fault = fault_of([&] { replica.with_password(account, "wrong", source); });
        if (fault == "AUTHENTICATION_FAILED()") ++evaluated;
        if (fault == "BUSY()") ++busy;
      });
    });
    EXPECT_TRUE(testing::eventually([&] { return evaluated >= 10; }));
    evaluated = 0;
    for (int i = 0; i < kCalls; ++i) {
      EXPECT_TRUE(on_a_worker([&] { EXPECT_EQ(replica.with_token(token).account, "mail"); }));
    }
    // Behind those who wait for a turn a call would wait for some fifty guesses, whatever the machine.
    EXPECT_LT(evaluated, kCalls * 15);
  }
  EXPECT_GT(busy, 0);
}

TEST_F(ThrottleTest, WhoIsRefusedAnywayTakesNoTurn) {
  for (int i = 0; i < 10; ++i) guess("mail", kHome);
  ReplicaIdentity replica({.waiting_passwords = 0}, 16);
  const Guessers guessers(4, [&](const std::string& account, const std::string& source) {
    fault_of([&] { replica.with_password(account, "wrong", source); });
  });
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(fault_of([&] { replica.with_password("mail", kPassword, kHome); }), "TOO_MANY_ATTEMPTS()");
  }
}

TEST_F(ThrottleTest, WhatWasRightBeforeMayWaitWhenNothingElseMay) {
  ReplicaIdentity replica({.waiting_passwords = 0}, 16);
  replica.with_password("mail", kPassword, kHome);
  const Guessers guessers(4, [&](const std::string& account, const std::string& source) {
    fault_of([&] { replica.with_password(account, "wrong", source); });
  });
  for (int i = 0; i < 5; ++i) {
    replica.set_password("mail", kPassword);  // what was remembered is void, the password is the same
    EXPECT_EQ(replica.with_password("mail", kPassword, kHome).account, "mail");
  }
}

}  // namespace
}  // namespace whitebrick::identity
