#include "db/time.hpp"

#include <gtest/gtest.h>

#include "db/error.hpp"

namespace whitebrick::db {
namespace {

using namespace std::chrono;

constexpr Time kMoment = sys_days(2026y / November / 23) + 4h + 21min + 15s + 123456us;

TEST(Time, IsWrittenAsTheDatabaseReadsIt) {
  EXPECT_EQ(to_sql(kMoment), "2026-11-23 04:21:15.123456");
  EXPECT_EQ(to_sql(Time{}), "1970-01-01 00:00:00.000000");
  EXPECT_EQ(to_sql(Time{} - 1us), "1969-12-31 23:59:59.999999");
}

TEST(Time, IsReadBackWithAndWithoutFraction) {
  EXPECT_EQ(from_sql("2026-11-23 04:21:15.123456"), kMoment);
  EXPECT_EQ(from_sql("2026-11-23T04:21:15.123456"), kMoment);
  EXPECT_EQ(from_sql("2026-11-23 04:21:15.5"), floor<seconds>(kMoment) + 500ms);
  EXPECT_EQ(from_sql("2026-11-23 04:21:15"), floor<seconds>(kMoment));
  EXPECT_EQ(from_sql("9999-12-31 23:59:59.999999"), Time(sys_days(9999y / 12 / 31) + 24h - 1us));
  EXPECT_EQ(from_sql("2028-02-29 00:00:00"), Time(sys_days(2028y / 2 / 29)));
}

TEST(Time, OtherTextIsRefused) {
  for (const char* text :
       {"", "now", "2026-11-23", "2026-13-01 00:00:00", "2026-02-30 00:00:00", "0000-00-00 00:00:00",
        "2026-11-23 24:00:00", "2026-11-23 04:60:15", "2026-11-23 04:21:15.", "2026-11-23 04:21:15.1234567",
        "2026-11-23 04:21:15Z", "2026-11-23 0x:21:15", "-026-11-23 04:21:15"}) {
    EXPECT_THROW(from_sql(text), Error) << text;
  }
}

}  // namespace
}  // namespace whitebrick::db
