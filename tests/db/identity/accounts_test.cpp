#include "tests/db/identity/identity_fixture.hpp"

namespace whitebrick::identity {
namespace {

TEST_F(IdentityTest, AnAccountIsMadeOnceAndOnlyWithWhatItsRoleNeeds) {
  EXPECT_EQ(fault_of([&] {
              a_.create({"mail", kPassword, Role::kService, std::nullopt});
            }),
            "ALREADY_EXISTS(accountName)");
  EXPECT_EQ(fault_of([&] {
              a_.create({"x", kPassword, Role::kUser, std::nullopt});
            }),
            "INVALID_ARGUMENT(userId)");
  EXPECT_EQ(fault_of([&] {
              a_.create({"x", kPassword, Role::kService, "alice"});
            }),
            "INVALID_ARGUMENT(userId)");
  EXPECT_EQ(fault_of([&] { a_.create({"x", kPassword, Role::kUser, "nobody"}); }), "NOT_FOUND(userId)");
  EXPECT_EQ(fault_of([&] {
              a_.create({"a b", kPassword, Role::kAdmin, std::nullopt});
            }),
            "INVALID_ARGUMENT(accountName)");
  EXPECT_EQ(fault_of([&] {
              a_.create({"x", "short", Role::kAdmin, std::nullopt});
            }),
            "INVALID_ARGUMENT(password)");
  EXPECT_EQ(fault_of([&] {
              a_.create({"x", std::string(257, 'p'), Role::kAdmin, std::nullopt});
            }),
            "LIMIT_EXCEEDED(password)");
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM account"), "3");
  EXPECT_EQ(stored("SELECT COUNT(*) AS value FROM service"), "0");  // an account is no registration
}

TEST_F(IdentityTest, TheLongestPasswordWorks) {
  std::string longest;
  for (int i = 0; i < 256; ++i) longest += "\xF0\x9F\x98\x80";
  a_.create({"emoji", longest, Role::kService, std::nullopt});
  EXPECT_EQ(b_.with_password("emoji", longest).account, "emoji");
  EXPECT_EQ(fault_of([&] { b_.with_password("emoji", longest + "x"); }), "AUTHENTICATION_FAILED()");
}

TEST_F(IdentityTest, OnlyAdministratorsAreAdministrators) {
  db::Lease lease = a_.pool->lease();
  EXPECT_TRUE(a_.identity.is_admin(lease.session(), "root"));
  EXPECT_FALSE(a_.identity.is_admin(lease.session(), "mail"));
  EXPECT_FALSE(a_.identity.is_admin(lease.session(), "nobody"));
}

TEST_F(IdentityTest, APasswordIsSetForAnAccountThatExists) {
  EXPECT_EQ(fault_of([&] { a_.set_password("nobody", kPassword); }), "NOT_FOUND(accountName)");
  EXPECT_EQ(fault_of([&] { a_.set_password("mail", "short"); }), "INVALID_ARGUMENT(password)");
}

TEST_F(IdentityTest, ANumberIsResolvedForWhoeverTheProfileSubscribesTo) {
  const Caller mail = a_.with_password("mail");
  const Caller root = a_.with_password("root");
  a_.pool->in_transaction([&](db::Session& db) {
    const auto alice = a_.profiles.find_user(db, "alice").value();
    a_.profiles.put_profile(db, alice,
                            {.profile = "work", .display_name = {}, .contact_number = "+33 1 23 45 67 89"},
                            true, std::nullopt);
  });
  const auto resolve = [&](const Caller& caller, const std::string& number) {
    db::Lease lease = a_.pool->lease();
    return a_.identity.resolve_contact_number(lease.session(), caller, number);
  };
  EXPECT_EQ(resolve(root, "+33123456789").profile, "work");
  EXPECT_EQ(resolve(root, "tel:+33123456789").contact_number, "tel:+33123456789");
  std::vector<std::string> hidden_and_nobody;
  for (const char* number : {"+33123456789", "+33199999999"}) {
    try {
      resolve(mail, number);
      FAIL() << number;
    } catch (const Fault& fault) {
      hidden_and_nobody.push_back(std::string(name(fault.code())) + fault.field() + fault.message());
    }
  }
  EXPECT_EQ(hidden_and_nobody[0], hidden_and_nobody[1]);
  EXPECT_TRUE(hidden_and_nobody[0].starts_with("NOT_FOUND"));
  EXPECT_EQ(fault_of([&] { resolve(root, "no number"); }), "INVALID_ARGUMENT(number)");

  testing::database().run(
      "INSERT INTO profile_service (profile_id, service_id) SELECT p.id, a.id FROM profile p, account a "
      "WHERE p.name = 'work' AND a.name = 'mail'");
  EXPECT_EQ(resolve(mail, "+33123456789").user, "alice");
}

}  // namespace
}  // namespace whitebrick::identity
