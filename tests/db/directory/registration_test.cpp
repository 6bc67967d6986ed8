#include "tests/db/directory/directory_fixture.hpp"

namespace whitebrick::directory {
namespace {

TEST_F(DirectoryTest, WhatIsRegisteredIsFound) {
  EXPECT_EQ(a_.put(mail_, mail_registration()), 1u);
  const Service service = b_.get("mail", "acme");
  EXPECT_EQ(service.id, mail_.account_id);
  EXPECT_EQ(service.version, 1u);
  EXPECT_FALSE(service.connected);
  EXPECT_EQ(service.cause, Cause::kRegistered);
  EXPECT_EQ(service.registration.description, "Letters");
  EXPECT_EQ(service.registration.service_class, "messaging");
  EXPECT_EQ(service.registration.endpoint, "https://acme.example/mail");
  EXPECT_EQ(service.registration.wsdl, "https://acme.example/mail?wsdl");
  EXPECT_EQ(service.registration.actions, (std::vector<std::string>{"read", "send"}));
  EXPECT_EQ(fault_of([&] { a_.get("mail", "bell"); }), "NOT_FOUND(name)");
}

TEST_F(DirectoryTest, RegisteringAgainReplacesAll) {
  a_.put(mail_, mail_registration());
  EXPECT_EQ(b_.put(mail_, plain("letters", "acme")), 2u);
  EXPECT_EQ(fault_of([&] { a_.get("mail", "acme"); }), "NOT_FOUND(name)");
  const Service service = a_.get("letters", "acme");
  EXPECT_EQ(service.version, 2u);
  EXPECT_EQ(service.registration.description, std::nullopt);
  EXPECT_TRUE(service.registration.actions.empty());
}

TEST_F(DirectoryTest, OnlyTheStoredVersionIsReplaced) {
  EXPECT_EQ(fault_of([&] { a_.put(mail_, mail_registration(), 1); }), "STALE_VERSION(ifVersion)");
  a_.put(mail_, mail_registration());
  EXPECT_EQ(a_.put(mail_, mail_registration(), 1), 2u);
  EXPECT_EQ(fault_of([&] { a_.put(mail_, mail_registration(), 1); }), "STALE_VERSION(ifVersion)");
}

TEST_F(DirectoryTest, AReferenceBelongsToOneAccount) {
  a_.put(mail_, mail_registration());
  EXPECT_EQ(fault_of([&] { a_.put(calls_, plain("mail", "acme")); }), "ALREADY_EXISTS(name)");
  a_.put(calls_, plain("mail", "bell"));
  EXPECT_EQ(fault_of([&] { a_.put(calls_, plain("mail", "acme")); }), "ALREADY_EXISTS(name)");
}

TEST_F(DirectoryTest, TheReferenceStaysWhileConnected) {
  a_.put(mail_, mail_registration());
  a_.connect(mail_);
  EXPECT_EQ(fault_of([&] { a_.put(mail_, plain("letters", "acme")); }), "INVALID_ARGUMENT(name)");
  EXPECT_EQ(a_.put(mail_, plain("mail", "acme")), 2u);
  EXPECT_TRUE(a_.get("mail", "acme").connected);
}

TEST_F(DirectoryTest, BadValuesAreNamed) {
  Registration bad = mail_registration();
  bad.actions.push_back("a b");
  EXPECT_EQ(fault_of([&] { a_.put(mail_, bad); }), "INVALID_ARGUMENT(action)");
  bad = mail_registration();
  bad.description = std::string(1001, 'x');
  EXPECT_EQ(fault_of([&] { a_.put(mail_, bad); }), "LIMIT_EXCEEDED(description)");
  bad = mail_registration();
  bad.wsdl = std::string(2001, 'x');
  EXPECT_EQ(fault_of([&] { a_.put(mail_, bad); }), "LIMIT_EXCEEDED(wsdl)");
  EXPECT_EQ(number("SELECT COUNT(*) AS value FROM service"), 0);
}

TEST_F(DirectoryTest, ServicesAreFoundByEachCriterion) {
  a_.put(mail_, mail_registration());
  Registration calls = plain("calls", "bell");
  calls.actions = {"call"};
  a_.put(calls_, calls);
  a_.connect(calls_, std::nullopt, {{"phone.rang", std::nullopt}});
  using Names = std::vector<std::string>;
  const auto search = [](auto set) {
    Search wanted{.name = {}, .provider = {}, .action = {}, .service_class = {}};
    set(wanted);
    return wanted;
  };
  EXPECT_EQ(b_.find(search([](Search&) {})), (Names{"calls", "mail"}));
  EXPECT_EQ(b_.find(search([](Search& s) { s.name = "mail"; })), Names{"mail"});
  EXPECT_EQ(b_.find(search([](Search& s) { s.provider = "bell"; })), Names{"calls"});
  EXPECT_EQ(b_.find(search([](Search& s) { s.action = "send"; })), Names{"mail"});
  EXPECT_EQ(b_.find(search([](Search& s) { s.service_class = "messaging"; })), Names{"mail"});
  EXPECT_EQ(b_.find(search([](Search& s) { s.connected_only = true; })), Names{"calls"});
  EXPECT_EQ(b_.find(search([](Search& s) { s.name = "mail", s.provider = "bell"; })), Names{});
  EXPECT_EQ(b_.get("calls", "bell").events, Names{"phone.rang"});
  EXPECT_EQ(fault_of([&] { b_.find(search([](Search& s) { s.action = "a b"; })); }),
            "INVALID_ARGUMENT(action)");
}

TEST_F(DirectoryTest, DeregisteringLeavesNothing) {
  EXPECT_FALSE(a_.deregister(mail_));
  a_.put(mail_, mail_registration());
  a_.connect(mail_, std::nullopt, {{"mail.arrived", "A letter"}},
             {{.name = "inbox", .patterns = {"phone.*"}, .profile_id = {}, .transmitter_id = {}}});
  EXPECT_TRUE(b_.deregister(mail_));
  EXPECT_FALSE(b_.deregister(mail_));
  EXPECT_EQ(fault_of([&] { a_.get("mail", "acme"); }), "NOT_FOUND(name)");
  EXPECT_EQ(number("SELECT COUNT(*) AS value FROM service_action"), 0);
  EXPECT_EQ(number("SELECT COUNT(*) AS value FROM event_declaration"), 0);
  EXPECT_EQ(number("SELECT COUNT(*) AS value FROM subscription"), 0);
  EXPECT_EQ(
      told("service.unavailable"),
      std::vector<std::string>{kMailUnavailable + std::string("DEREGISTERED</cause></ServiceUnavailable>")});
}

}  // namespace
}  // namespace whitebrick::directory
