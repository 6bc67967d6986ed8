#include "modules/identity/secret.hpp"
#include "server/digest.hpp"
#include "tests/db/identity/identity_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace whitebrick::identity {
namespace {

using std::chrono::milliseconds;

// An ended token is void within a second on a replica that has just used it.
bool is_void_soon(ReplicaIdentity& replica, const std::string& token) {
  return testing::eventually(
      [&] { return fault_of([&] { replica.with_token(token); }) == "AUTHENTICATION_FAILED()"; },
      milliseconds(1200));
}

TEST_F(IdentityTest, ATokenIsStoredAsItsHashOnly) {
  const Token token = a_.login("mail");
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM token"), "1");
  const auto hash = testing::database().pool().lease().session().query_one(
      "SELECT hash FROM token", [](const db::Row& row) { return row.bytes("hash").value; });
  EXPECT_EQ(hash, sha256(token.token));
}

TEST_F(IdentityTest, LogoutOnOneReplicaVoidsTheTokenOnAll) {
  const Token token = a_.login("mail");
  const Caller caller = a_.with_token(token.token);
  b_.with_token(token.token);
  EXPECT_TRUE(a_.pool->in_transaction([&](db::Session& db) { return a_.identity.logout(db, caller); }));
  EXPECT_EQ(fault_of([&] { a_.with_token(token.token); }), "AUTHENTICATION_FAILED()");
  EXPECT_TRUE(is_void_soon(b_, token.token));
  EXPECT_FALSE(a_.pool->in_transaction([&](db::Session& db) { return a_.identity.logout(db, caller); }));
  const Caller by_password = a_.with_password("mail");
  EXPECT_FALSE(a_.pool->in_transaction([&](db::Session& db) { return a_.identity.logout(db, by_password); }));
}

TEST_F(IdentityTest, RenewingKeepsTheIdAndLeavesTheOldTextAMinute) {
  const Token old_token = a_.login("mail");
  const Caller caller = a_.with_token(old_token.token);
  b_.with_token(old_token.token);
  const Token token = a_.pool->in_transaction([&](db::Session& db) { return a_.identity.renew(db, caller); });
  EXPECT_NE(token.token, old_token.token);
  EXPECT_GE(token.expires_at, old_token.expires_at);
  EXPECT_EQ(b_.with_token(token.token).token_id, caller.token_id);
  ReplicaIdentity c;
  EXPECT_EQ(c.with_token(old_token.token).token_id, caller.token_id);
  testing::database().run("UPDATE former_token SET valid_until = UTC_TIMESTAMP(6)");
  for (ReplicaIdentity* replica : {&a_, &b_, &c}) EXPECT_TRUE(is_void_soon(*replica, old_token.token));
  EXPECT_EQ(a_.with_token(token.token).token_id, caller.token_id);
  a_.identity.expire_tokens(*a_.pool);
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM former_token"), "0");
}

TEST_F(IdentityTest, WhoLostTheAnswerRenewsAgainWithWhatHeHas) {
  const auto renew = [&](const std::string& text) {
    const Caller caller = a_.with_token(text);
    return a_.pool->in_transaction([&](db::Session& db) { return a_.identity.renew(db, caller); }).token;
  };
  const std::string first = a_.login("mail").token;
  const std::string lost = renew(first);
  const std::string second = renew(first);
  renew(second);  // lost, too
  const std::string third = renew(second);
  for (const std::string& text : {first, lost, second, third}) {
    EXPECT_EQ(b_.with_token(text).account, "mail");
  }
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM token"), "1");

  const Caller caller = a_.with_token(third);
  a_.with_token(first);
  EXPECT_TRUE(a_.pool->in_transaction([&](db::Session& db) { return a_.identity.logout(db, caller); }));
  for (const std::string& text : {first, lost, second, third}) {
    EXPECT_EQ(fault_of([&] { a_.with_token(text); }), "AUTHENTICATION_FAILED()");
    EXPECT_TRUE(is_void_soon(b_, text));
  }
}

TEST_F(IdentityTest, ANewPasswordEndsAlsoTheTextsBeforeARenewal) {
  const std::string first = a_.login("mail").token;
  const Caller caller = a_.with_token(first);
  a_.pool->in_transaction([&](db::Session& db) { return a_.identity.renew(db, caller); });
  a_.set_password("mail", "another password");
  EXPECT_EQ(fault_of([&] { a_.with_token(first); }), "AUTHENTICATION_FAILED()");
}

TEST_F(IdentityTest, ATokenBeyondAThousandEndsTheOneThatExpiresFirst) {
  const std::string first = a_.login("mail").token;
  const std::string second = a_.login("mail").token;
  testing::database().run(
      "INSERT INTO token (hash, account_id, account_version, created_at, expires_at) "
      "SELECT UNHEX(SHA2(seq, 256)), a.id, a.version, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL 2 DAY "
      "FROM account a, seq_1_to_998 WHERE a.name = 'mail'");
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM token"), "1000");
  const std::string last = a_.login("mail").token;
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM token"), "1000");
  EXPECT_EQ(fault_of([&] { b_.with_token(first); }), "AUTHENTICATION_FAILED()");
  EXPECT_EQ(b_.with_token(second).account, "mail");
  EXPECT_EQ(b_.with_token(last).account, "mail");
  EXPECT_EQ(a_.with_token(a_.login("alice-login").token).account, "alice-login");
}

TEST_F(IdentityTest, OnlyALiveTokenIsRenewed) {
  const Caller by_password = a_.with_password("mail");
  const auto renew = [&](const Caller& caller) {
    return fault_of(
        [&] { a_.pool->in_transaction([&](db::Session& db) { a_.identity.renew(db, caller); }); });
  };
  EXPECT_EQ(renew(by_password), "INVALID_ARGUMENT()");
  const Caller caller = a_.with_token(a_.login("mail").token);
  testing::database().run("UPDATE token SET expires_at = UTC_TIMESTAMP(6)");
  EXPECT_EQ(renew(caller), "AUTHENTICATION_FAILED()");
}

TEST_F(IdentityTest, AnExpiredTokenIsVoidAndLaterDeleted) {
  const Token token = a_.login("mail");
  const Token kept = a_.login("mail");
  testing::database().run(
      "UPDATE token SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND ORDER BY id LIMIT 1");
  EXPECT_EQ(fault_of([&] { b_.with_token(token.token); }), "AUTHENTICATION_FAILED()");
  EXPECT_FALSE(a_.identity.expire_tokens(*a_.pool));
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM token"), "1");
  EXPECT_EQ(b_.with_token(kept.token).account, "mail");
}

TEST_F(IdentityTest, OnlyCountedFailuresAreKept) {
  fault_of([&] { a_.login("mail", "wrong", "192.0.2.1"); });
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM login_failure"), "3");
  testing::database().run(
      "UPDATE login_failure SET failed_at = failed_at - INTERVAL 2 HOUR ORDER BY id LIMIT 1");
  a_.login("mail");
  a_.login("root");
  testing::database().run(
      "UPDATE login_success SET succeeded_at = succeeded_at - INTERVAL 31 DAY ORDER BY subject LIMIT 1");
  a_.identity.expire_tokens(*a_.pool);
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM login_failure"), "2");
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM login_success"), "1");
}

TEST_F(IdentityTest, ANewPasswordEndsTheTokensAndTellsWhoListens) {
  const Token token = a_.login("mail");
  const Token other = a_.login("alice-login");
  b_.with_token(token.token);
  a_.set_password("mail", "another password");
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM token"), "1");
  EXPECT_TRUE(is_void_soon(b_, token.token));
  EXPECT_EQ(b_.with_token(other.token).account, "alice-login");
  EXPECT_EQ(
      stored("SELECT content AS value FROM event WHERE type = 'account.changed' AND component = 'identity'"),
      "<AccountChanged "
      "xmlns=\"urn:whitebrick:catalogue:1\"><accountName>mail</accountName></AccountChanged>");
}

// A replica that has verified the old password a moment ago may still let it log in; the token is void.
TEST_F(IdentityTest, ATokenOfTheOldPasswordIsVoidFromTheStart) {
  std::string token, password = kPassword;
  for (int i = 0; i < 20 && token.empty(); ++i) {  // on a slow machine the moment may be over
    b_.with_password("mail", password);
    const std::string next = "another password " + std::to_string(i);
    a_.set_password("mail", next);
    fault_of([&] { token = b_.login("mail", password).token; });
    password = next;
  }
  ASSERT_NE(token, "");
  EXPECT_EQ(fault_of([&] { a_.with_token(token); }), "AUTHENTICATION_FAILED()");
  EXPECT_EQ(fault_of([&] { b_.with_token(token); }), "AUTHENTICATION_FAILED()");
}

TEST_F(IdentityTest, ADisabledAccountIsOut) {
  const Token token = a_.login("mail");
  a_.pool->in_transaction([&](db::Session& db) { a_.identity.disable_account(db, "mail"); });
  EXPECT_EQ(fault_of([&] { a_.with_token(token.token); }), "AUTHENTICATION_FAILED()");
  EXPECT_EQ(fault_of([&] { a_.with_password("mail"); }), "AUTHENTICATION_FAILED()");
}

TEST_F(IdentityTest, APortalShowsTokensOfUsersOnly) {
  db::Lease lease = a_.pool->lease();
  EXPECT_EQ(a_.identity.caller_of_token(lease.session(), a_.login("alice-login").token).user, "alice");
  for (const std::string& token : {a_.login("mail").token, a_.login("root").token, std::string("rubbish")}) {
    EXPECT_EQ(fault_of([&] { a_.identity.caller_of_token(lease.session(), token); }),
              "AUTHENTICATION_FAILED(userToken)");
  }
}

}  // namespace
}  // namespace whitebrick::identity
