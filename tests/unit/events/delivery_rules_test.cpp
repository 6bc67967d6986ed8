#include "modules/events/delivery_rules.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace whitebrick::events {
namespace {

std::size_t size(const std::vector<unsigned>& attempts) { return batch_size(attempts); }

TEST(DeliveryRules, WhatFailedTwiceGoesAlone) {
  EXPECT_EQ(size({}), 0U);
  EXPECT_EQ(size({0, 1, 0, 1}), 4U);
  EXPECT_EQ(size({2, 0, 0}), 1U);
  EXPECT_EQ(size({9, 9}), 1U);
}

TEST(DeliveryRules, ABatchEndsBeforeWhatGoesAloneSoThatTheOrderIsKept) {
  EXPECT_EQ(size({0, 1, 2, 0}), 2U);
  EXPECT_EQ(size({1, 5}), 1U);
}

TEST(DeliveryRules, LargeContentsGoWithFewOthersButNoneIsTooLarge) {
  const auto fit = [](const std::vector<std::uint64_t>& sizes) { return fitting(sizes); };
  EXPECT_EQ(fit({}), 0U);
  EXPECT_EQ(fit({1, 2, 3}), 3U);
  EXPECT_EQ(fit({kMostBytes, 0}), 2U);
  EXPECT_EQ(fit({kMostBytes, 1}), 1U);
  EXPECT_EQ(fit({kMostBytes + 1, 1}), 1U);
  EXPECT_EQ(fit({1, kMostBytes, 1}), 1U);
}

TEST(DeliveryRules, AQueueIsCountedAgainWhenItMayBeFull) {
  EXPECT_EQ(next_measurement(100, 0, 10, 1), 111U);  // ten more fit: 101 to 110
  EXPECT_EQ(next_measurement(100, 9, 10, 1), 102U);
  EXPECT_EQ(next_measurement(100, 10, 10, 1), 101U);  // at every event
  EXPECT_EQ(next_measurement(100, 12, 10, 1), 101U);
  EXPECT_EQ(next_measurement(100, 99'999, 100'000, 1), 100U + 1562U + 1U);
  EXPECT_EQ(next_measurement(100, 0, 10, 3), 104U);  // three events fit
  EXPECT_EQ(next_measurement(100, 8, 10, 3), 101U);
  EXPECT_EQ(next_measurement(100, 0, 10, 1000), 101U);
}

}  // namespace
}  // namespace whitebrick::events
