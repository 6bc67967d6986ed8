#include "modules/identity/recent_map.hpp"

#include <gtest/gtest.h>

#include <string>

namespace whitebrick::identity {
namespace {

using std::chrono::seconds;
using Map = RecentMap<std::string, int>;
constexpr Map::Clock::time_point kStart{};

TEST(RecentMap, ForgetsAtTheAgeAndNotBefore) {
  Map map(seconds(60), 10);
  map.put("a", 1, kStart);
  EXPECT_EQ(map.find("a", kStart + seconds(59)), 1);
  EXPECT_EQ(map.find("a", kStart + seconds(60)), std::nullopt);
  EXPECT_EQ(map.find("b", kStart), std::nullopt);
}

TEST(RecentMap, TheOldestGoesFirstWhenThereAreTooMany) {
  Map map(seconds(60), 3);
  for (int i = 0; i < 5; ++i) map.put(std::to_string(i), i, kStart);
  EXPECT_EQ(map.size(), 3u);
  EXPECT_EQ(map.find("1", kStart), std::nullopt);
  EXPECT_EQ(map.find("2", kStart), 2);
  EXPECT_EQ(map.find("4", kStart), 4);
}

TEST(RecentMap, PuttingAgainMakesYoungAgain) {
  Map map(seconds(60), 10);
  map.put("a", 1, kStart);
  map.put("a", 2, kStart + seconds(50));
  map.put("b", 3, kStart + seconds(70));
  EXPECT_EQ(map.find("a", kStart + seconds(70)), 2);
  EXPECT_EQ(map.find("a", kStart + seconds(110)), std::nullopt);
}

TEST(RecentMap, SizeIsBoundedHoweverOftenOneKeyIsPut) {
  Map map(seconds(60), 3);
  map.put("kept", 0, kStart);
  for (int i = 0; i < 100; ++i) map.put("same", i, kStart);
  EXPECT_EQ(map.find("same", kStart), 99);
  EXPECT_LE(map.size(), 3u);
}

TEST(RecentMap, WhatIsErasedIsGone) {
  Map map(seconds(60), 3);
  map.put("a", 1, kStart);
  map.put("b", 2, kStart);
  map.erase("a");
  EXPECT_EQ(map.find("a", kStart), std::nullopt);
  EXPECT_EQ(map.find("b", kStart), 2);
  map.clear();
  EXPECT_EQ(map.find("b", kStart), std::nullopt);
}

}  // namespace
}  // namespace whitebrick::identity
