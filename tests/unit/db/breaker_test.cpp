#include "db/breaker.hpp"

#include <gtest/gtest.h>

namespace whitebrick::db {
namespace {

using namespace std::chrono_literals;

TEST(Breaker, LetsOneProbeThroughEveryIntervalWhileOpen) {
  Breaker breaker(500ms);
  const Breaker::Clock::time_point start{};
  EXPECT_TRUE(breaker.admits(start));
  EXPECT_TRUE(breaker.admits(start));
  breaker.failed(start);
  EXPECT_TRUE(breaker.open());
  EXPECT_FALSE(breaker.admits(start));
  EXPECT_FALSE(breaker.admits(start + 499ms));
  EXPECT_TRUE(breaker.admits(start + 500ms));
  EXPECT_FALSE(breaker.admits(start + 501ms)) << "a second probe beside the first";
  EXPECT_TRUE(breaker.admits(start + 1000ms));
}

TEST(Breaker, ClosesWhenAProbeSucceeds) {
  Breaker breaker(500ms);
  breaker.failed({});
  breaker.succeeded();
  EXPECT_FALSE(breaker.open());
  EXPECT_TRUE(breaker.admits({}));
}

}  // namespace
}  // namespace whitebrick::db
