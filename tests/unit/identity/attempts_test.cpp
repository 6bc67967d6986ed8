#include "modules/identity/attempts.hpp"

#include <gtest/gtest.h>

namespace whitebrick::identity {
namespace {

TEST(Attempts, AnIPv6AddressIsItsNetwork) {
  EXPECT_EQ(source_group("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(source_group("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(source_group("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(source_group("2001:0db8:1:2::"), source_group("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  EXPECT_NE(source_group("2001:db8:1:2::1"), source_group("2001:db8:1:3::1"));
  EXPECT_EQ(source_group("fe80::1%1"), source_group("fe80::2%1"));
  EXPECT_EQ(source_group(""), "");
  EXPECT_EQ(source_group("somewhere"), "somewhere");
}

TEST(Attempts, ThePauseDoublesUpToAMinute) {
  EXPECT_EQ(pause_after(0).count(), 0);
  EXPECT_EQ(pause_after(19).count(), 0);
  EXPECT_EQ(pause_after(20).count(), 1);
  EXPECT_EQ(pause_after(21).count(), 2);
  EXPECT_EQ(pause_after(25).count(), 32);
  EXPECT_EQ(pause_after(26).count(), 60);
  EXPECT_EQ(pause_after(1'000'000'000).count(), 60);
}

}  // namespace
}  // namespace whitebrick::identity
