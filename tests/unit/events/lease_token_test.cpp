#include "modules/events/lease_token.hpp"

#include <gtest/gtest.h>

namespace whitebrick::events {
namespace {

TEST(LeaseToken, ComesBackFromItsText) {
  LeaseToken token;
  token.fence = LeaseToken::random_fence();
  token.first_event = 1;
  token.last_event = 0xfedcba9876543210U;
  token.deliveries = 1000;
  const auto back = LeaseToken::parse(token.text());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->fence, token.fence);
  EXPECT_EQ(back->first_event, token.first_event);
  EXPECT_EQ(back->last_event, token.last_event);
  EXPECT_EQ(back->deliveries, token.deliveries);
  EXPECT_LE(token.text().size(), 128U);
}

TEST(LeaseToken, TwoFencesDiffer) { EXPECT_NE(LeaseToken::random_fence(), LeaseToken::random_fence()); }

TEST(LeaseToken, OtherTextIsNone) {
  EXPECT_FALSE(LeaseToken::parse(""));
  EXPECT_FALSE(LeaseToken::parse(std::string(67, '0')));
  EXPECT_FALSE(LeaseToken::parse(std::string(68, 'G')));
  EXPECT_TRUE(LeaseToken::parse(std::string(68, '0')));
}

}  // namespace
}  // namespace whitebrick::events
