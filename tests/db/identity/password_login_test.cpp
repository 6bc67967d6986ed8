#include <thread>
#include <vector>

#include "tests/db/identity/identity_fixture.hpp"
#include "modules/identity/password.hpp"
#include "tests/support/eventually.hpp"

namespace whitebrick::identity {
namespace {

TEST_F(IdentityTest, ThePasswordIsStoredAsArgon2idOnly) {
  const std::string hash = stored("SELECT password_hash AS value FROM account WHERE name = 'mail'");
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=64,t=2,p=1$")) << hash;
  EXPECT_TRUE(matches(kPassword, hash));
  EXPECT_EQ(hash.find(kPassword), std::string::npos);
}

TEST_F(IdentityTest, LoginAnswersWhoItIs) {
  const Token user = a_.login("alice-login");
  EXPECT_EQ(user.role, Role::kUser);
  EXPECT_EQ(user.user, "alice");
  EXPECT_EQ(user.token.size(), 43u);
  const Token service = a_.login("mail");
  EXPECT_EQ(service.role, Role::kService);
  EXPECT_EQ(service.user, "");
  const Caller caller = b_.with_token(user.token);
  EXPECT_EQ(caller.account, "alice-login");
  EXPECT_EQ(caller.user, "alice");
  EXPECT_NE(caller.user_id, 0u);
  EXPECT_NE(caller.token_id, 0u);
  EXPECT_EQ(b_.with_password("mail").token_id, 0u);
}

TEST_F(IdentityTest, UnknownWrongAndDisabledAreOneFault) {
  a_.pool->in_transaction([&](db::Session& db) { a_.identity.disable_account(db, "mail"); });
  std::vector<std::string> answers;
  for (const auto& [name, password] :
       {std::pair("alice-login", "wrong"), {"nobody", kPassword}, {"mail", kPassword}}) {
    try {
      a_.login(name, password);
      FAIL() << name;
    } catch (const Fault& fault) {
      answers.push_back(std::string(whitebrick::name(fault.code())) + fault.message() + fault.field());
    }
  }
  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_EQ(answers[0], answers[2]);
  EXPECT_TRUE(answers[0].starts_with("AUTHENTICATION_FAILED"));
}

TEST_F(IdentityTest, NoPasswordOverAnOpenChannel) {
  db::Lease lease = a_.pool->lease();
  EXPECT_EQ(
      fault_of([&] {
        a_.identity.authenticate(
            lease.session(),
            {.token = {}, .name = "mail", .password = kPassword, .source = {}, .private_channel = false});
      }),
      "AUTHENTICATION_REQUIRED()");
}

TEST_F(IdentityTest, NothingShownIsAnonymous) {
  db::Lease lease = a_.pool->lease();
  EXPECT_EQ(a_.identity.authenticate(lease.session(), {}).role, Role::kAnonymous);
}

TEST_F(IdentityTest, OverLongAndStrangeNamesAreJustWrong) {
  EXPECT_EQ(fault_of([&] { a_.with_password("\xC3\xA9t\xC3\xA9", kPassword); }), "AUTHENTICATION_FAILED()");
  EXPECT_EQ(fault_of([&] { a_.with_password(std::string(5000, 'x'), kPassword); }),
            "AUTHENTICATION_FAILED()");
  EXPECT_EQ(fault_of([&] { a_.with_password("mail", std::string(5000, 'x')); }), "AUTHENTICATION_FAILED()");
  EXPECT_EQ(fault_of([&] { a_.with_password("mail' OR '1'='1", "x"); }), "AUTHENTICATION_FAILED()");
}

TEST_F(IdentityTest, TenFailuresFromOneSourceCountOverAllReplicasAndSurviveTheRollback) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(fault_of([&] { a_.login("mail", "wrong"); }), "AUTHENTICATION_FAILED()");
    EXPECT_EQ(fault_of([&] { b_.with_password("mail", "wrong"); }), "AUTHENTICATION_FAILED()");
  }
  for (ReplicaIdentity* replica : {&a_, &b_}) {
    try {
      replica->login("mail");  // the right one, too
      FAIL();
    } catch (const Fault& fault) {
      EXPECT_EQ(fault.code(), FaultCode::TOO_MANY_ATTEMPTS);
      EXPECT_GT(fault.retry_after_seconds().value(), 800);
      EXPECT_LE(fault.retry_after_seconds().value(), 900);
    }
  }
  EXPECT_EQ(fault_of([&] { a_.login("alice-login"); }), "");
  testing::database().run(
      "UPDATE login_failure SET failed_at = failed_at - INTERVAL 16 MINUTE ORDER BY id LIMIT 1");
  EXPECT_EQ(fault_of([&] { b_.login("mail"); }), "");
}

TEST_F(IdentityTest, AnUnknownAccountIsThrottledLikeAKnownOne) {
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(fault_of([&] { a_.login("nobody", "x"); }), "AUTHENTICATION_FAILED()");
  EXPECT_EQ(fault_of([&] { b_.login("nobody", "x"); }), "TOO_MANY_ATTEMPTS()");
}

TEST_F(IdentityTest, GuessesAtTheSameTimeAreCountedOneAfterTheOther) {
  std::vector<std::thread> guessers;
  std::atomic<int> evaluated = 0;
  for (int i = 0; i < 30; ++i) {
    guessers.emplace_back([&] {
      if (fault_of([&] { a_.with_password("mail", "wrong"); }) == "AUTHENTICATION_FAILED()") ++evaluated;
    });
  }
  for (std::thread& guesser : guessers) guesser.join();
  EXPECT_LE(evaluated, 10);
}

TEST_F(IdentityTest, AVerifiedPasswordIsRememberedAndVoidWhenItChanges) {
  EXPECT_EQ(a_.with_password("mail").account, "mail");
  EXPECT_EQ(b_.with_password("mail").account, "mail");
  // The second time nobody looks at the hash.
  testing::database().run("UPDATE account SET password_hash = 'none' WHERE name = 'mail'");
  EXPECT_EQ(a_.with_password("mail").account, "mail");

  a_.set_password("mail", "another password");
  EXPECT_EQ(fault_of([&] { a_.with_password("mail"); }), "AUTHENTICATION_FAILED()");
  EXPECT_EQ(a_.with_password("mail", "another password").account, "mail");
  EXPECT_TRUE(testing::eventually([&] { return fault_of([&] { b_.with_password("mail"); }) != ""; },
                                  std::chrono::milliseconds(1500)));
  EXPECT_EQ(b_.with_password("mail", "another password").account, "mail");
}

TEST_F(IdentityTest, AnOldHashIsMadeAnewWithWhatIsDemandedNow) {
  ReplicaIdentity stricter({.token_lifetime = std::chrono::hours(1), .argon2_memory_kib = 128});
  stricter.login("mail");
  const std::string hash = stored("SELECT password_hash AS value FROM account WHERE name = 'mail'");
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=128,t=2,p=1$")) << hash;
  EXPECT_TRUE(matches(kPassword, hash));
  a_.login("mail");  // a replica with the old setting leaves it alone
  EXPECT_EQ(stored("SELECT password_hash AS value FROM account WHERE name = 'mail'"), hash);
}

}  // namespace
}  // namespace whitebrick::identity
