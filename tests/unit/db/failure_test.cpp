#include "db/failure.hpp"

#include <gtest/gtest.h>

namespace whitebrick::db {
namespace {

TEST(Failure, FollowsTheRetryTable) {
  for (const int code : {1213, 1205, 1020}) EXPECT_EQ(classify(code), Failure::kConflict) << code;
  for (const int code : {1047, 1180, 1290, 1836, 2002, 2003, 2006, 2013, 1053, 1927}) {
    EXPECT_EQ(classify(code), Failure::kUnavailable) << code;
  }
  EXPECT_EQ(classify(1062), Failure::kDuplicate);
  for (const int code : {0, 1064, 1146, 1969}) EXPECT_EQ(classify(code), Failure::kOther) << code;
}

TEST(Failure, OneKilledConnectionDoesNotCondemnTheOthers) {
  EXPECT_FALSE(suspects_server(1927));
  EXPECT_TRUE(suspects_server(2013));
}

TEST(Failure, TheViolatedKeyIsTakenFromTheEndOfTheMessage) {
  EXPECT_EQ(violated_key("Duplicate entry 'x' for key 'ux_number'"), "ux_number");
  EXPECT_EQ(violated_key("Duplicate entry ' for key 'PRIMARY' for key 'ux_name'"), "ux_name");
  EXPECT_EQ(violated_key("Duplicate entry 'x' for key 'account.ux_name'"), "ux_name");
  EXPECT_EQ(violated_key("something else"), "");
}

}  // namespace
}  // namespace whitebrick::db
