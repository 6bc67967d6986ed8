#include "modules/availability/stamps.hpp"

#include <gtest/gtest.h>

#include "modules/availability/reach_cache.hpp"

namespace whitebrick::availability {
namespace {

std::string row(int bucket, char rights, char modes, char sessions) {
  return std::to_string(bucket) + " " + std::string(8, rights) + std::string(8, modes) +
         std::string(8, sessions);
}

constexpr Time kNow = Time(std::chrono::hours(1000));

TEST(StampsTest, RowsAreFoundByBucketWhateverTheirBytesAre) {
  const StampsRead read(row(4095, '9', ' ', '\0') + row(7, '7', '7', '7') + row(12, '\xff', '1', '2'), kNow);
  EXPECT_EQ(read.at(), kNow);
  ASSERT_TRUE(read.of(12));
  EXPECT_EQ(read.of(12)->rights, ~std::uint64_t{0});
  EXPECT_EQ(read.of(4095)->sessions, 0U);
  EXPECT_EQ(read.of(7)->rights, read.of(7)->sessions);
  EXPECT_FALSE(read.of(8));
  EXPECT_FALSE(read.of(4096));
}

TEST(StampsTest, WhatIsCutOffIsNotThere) {
  const std::string whole = row(3, 'a', 'b', 'c') + row(4, 'd', 'e', 'f');
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const StampsRead read(whole.substr(0, size), kNow);
    EXPECT_FALSE(read.of(4)) << size;
    EXPECT_EQ(read.of(3).has_value(), size >= whole.size() / 2) << size;
  }
}

TEST(StampsTest, BucketsAreThoseOfTheTriggers) {
  EXPECT_EQ(bucket_of_number("123456789"), 0xCBF43926U & 4095U) << "the check value of CRC-32";
  EXPECT_EQ(bucket_of_asker(5), 4096 + 5);
  EXPECT_EQ(bucket_of_asker(4096 * 3 + 5), 4096 + 5);
}

class ReachCacheTest : public ::testing::Test {
 protected:
  static constexpr ReachAsker kAsker{.user_id = 0, .service_id = 9};
  static std::string number(int n) { return "tel:+33" + std::to_string(100000000 + n); }
  static StampsRead stamps(int n, Time at = kNow, char sessions = 's') {
    return {row(bucket_of_number(number(n)), 'r', 'm', sessions), at};
  }
  void keep(int n, RestsOn rests_on = RestsOn::kSessions) {
    cache_.keep(kAsker, number(n), {Connectability::kConnectable, 3, {}}, rests_on, stamps(n),
                kNow + std::chrono::seconds(10));
  }
  bool found(int n, const StampsRead& read) {
    Reach reach;
    return cache_.find(kAsker, number(n), read, reach) && reach.offers == 3;
  }

  ReachCache cache_{64 << 10};
};

TEST_F(ReachCacheTest, HoldsForItsTimeAndStamps) {
  keep(1);
  keep(2, RestsOn::kModes);
  EXPECT_TRUE(found(1, stamps(1)));
  EXPECT_TRUE(found(1, stamps(1, kNow + std::chrono::seconds(9))));
  EXPECT_FALSE(found(1, stamps(1, kNow + std::chrono::seconds(10))));
  EXPECT_FALSE(found(1, stamps(1, kNow - std::chrono::microseconds(1)))) << "the clock was put back";
  EXPECT_FALSE(found(1, stamps(1, kNow, 'x')));
  EXPECT_TRUE(found(2, stamps(2, kNow, 'x'))) << "rests on no session";
  EXPECT_FALSE(found(1, StampsRead())) << "no stamp";
  EXPECT_FALSE(found(3, stamps(3)));
}

TEST_F(ReachCacheTest, IsBoundedAndForgetsWhatWasAskedForLongestAgo) {
  keep(0);
  for (int n = 1; n < 2000; ++n) {
    keep(n);
    ASSERT_TRUE(found(0, stamps(0))) << n;
    ASSERT_LE(cache_.bytes(), 64U << 10);
  }
  EXPECT_GT(cache_.bytes(), 48U << 10);
  EXPECT_FALSE(found(1, stamps(1)));
  EXPECT_TRUE(found(1999, stamps(1999)));
}

TEST_F(ReachCacheTest, OfNoSizeKeepsNothing) {
  ReachCache none(0);
  none.keep(kAsker, number(1), {}, RestsOn::kRights, stamps(1), kNow + std::chrono::seconds(10));
  EXPECT_FALSE(none.knows(kAsker, number(1)));
  EXPECT_EQ(none.bytes(), 0U);
}

}  // namespace
}  // namespace whitebrick::availability
