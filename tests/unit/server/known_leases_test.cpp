#include "server/known_leases.hpp"

#include <gtest/gtest.h>

#include "server/row_failures.hpp"

namespace whitebrick {
namespace {

using namespace std::chrono_literals;

TEST(KnownLeases, SaysHowLongItsHolderMayBeSilent) {
  KnownLeases leases;
  EXPECT_FALSE(leases.find(1)) << "never looked at";
  const auto silence = leases.remember(1, 1min, 90s);
  ASSERT_TRUE(silence);
  EXPECT_LE(*silence, 90s);
  EXPECT_GT(*silence, 80s);
  ASSERT_TRUE(leases.find(1));
  EXPECT_TRUE(*leases.find(1));
  leases.forget(1);
  EXPECT_FALSE(leases.find(1));
}

TEST(KnownLeases, KnowsThatThereIsNone) {
  KnownLeases leases;
  EXPECT_FALSE(leases.remember(1, 1min, std::nullopt));
  ASSERT_TRUE(leases.find(1)) << "and need not look";
  EXPECT_FALSE(*leases.find(1));
}

TEST(KnownLeases, LooksAgainWhenThePauseIsOver) {
  KnownLeases leases;
  leases.remember(1, 0s, 90s);
  EXPECT_FALSE(leases.find(1));
}

TEST(RowFailures, CountsEachAndPassesOnThatTheDatabaseIsAway) {
  RowFailures failures("row.failed");
  EXPECT_TRUE(failures.attempt(1, [] {}));
  EXPECT_FALSE(failures.attempt(1, [] { throw db::Error(1, "no"); }));
  EXPECT_FALSE(failures.attempt(1, [] { throw db::Conflict(1213, "no"); }));
  EXPECT_THROW(failures.attempt(1, [] { throw db::Unavailable(2006, "away"); }), db::Unavailable);
  EXPECT_EQ(failures.count(), 2U);
}

}  // namespace
}  // namespace whitebrick
