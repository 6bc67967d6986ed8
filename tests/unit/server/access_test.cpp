#include "server/access.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace whitebrick {
namespace {

constexpr Role kRoles[] = {Role::kAnonymous, Role::kUser, Role::kService, Role::kAdmin};

TEST(Access, EveryOperationIsListedOnceAndIsForSomebody) {
  std::set<std::string> seen;
  for (const OperationRule& rule : operation_rules()) {
    EXPECT_TRUE(seen.insert(std::string(rule.module) + "/" + std::string(rule.name)).second) << rule.name;
    bool somebody = false;
    for (const Role role : kRoles) somebody = somebody || rule.allows(role);
    EXPECT_TRUE(somebody) << rule.name;
  }
  EXPECT_GE(seen.size(), 40U);
}

TEST(Access, OnlyLoginIsForStrangers) {
  for (const OperationRule& rule : operation_rules()) {
    EXPECT_EQ(rule.allows(Role::kAnonymous), rule.name == "Login") << rule.name;
  }
}

TEST(Access, TheColumnsMeanWhatTheTableSays) {
  const OperationRule* publish = find_operation("events", "PublishEvents");
  ASSERT_NE(publish, nullptr);
  EXPECT_EQ(publish->kind, Kind::kMutation);
  EXPECT_TRUE(publish->allows(Role::kService));
  EXPECT_FALSE(publish->allows(Role::kUser));
  EXPECT_FALSE(publish->allows(Role::kAdmin));
  EXPECT_EQ(find_operation("events", "PullEvents")->kind, Kind::kPoll);
  EXPECT_EQ(find_operation("identity", "Login")->kind, Kind::kExempt);
  EXPECT_EQ(find_operation("directory", "FindServices")->kind, Kind::kQuery);
}

TEST(Access, NamesBelongToTheirModule) {
  EXPECT_EQ(find_operation("directory", "PublishEvents"), nullptr);
  EXPECT_EQ(find_operation("events", "publishEvents"), nullptr);
  EXPECT_EQ(find_operation("", ""), nullptr);
}

}  // namespace
}  // namespace whitebrick
