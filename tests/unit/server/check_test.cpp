#include "server/check.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "server/fault.hpp"

namespace whitebrick {
namespace {

// The code and field of the fault that `body` throws; "" when it throws none.
std::string fault_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Fault& fault) {
    return std::string(name(fault.code())) + "(" + fault.field() + ")";
  }
  return "";
}

std::string identifier(const std::string& value) {
  return fault_of([&] { check::identifier(value, "f"); });
}

TEST(Check, IdentifiersAreWhatTheSchemaSays) {
  for (const char* good : {"a", "Z9", "0", "alice@example.org", "a.b_c:d+e-f"})
    EXPECT_EQ(identifier(good), "") << good;
  EXPECT_EQ(identifier(std::string(64, 'x')), "");
  for (const char* bad : {"", ".a", "-a", "a b", "a/b", "a\n", "\xC3\xA9", "a\xC3\xA9", "a'b"}) {
    EXPECT_EQ(identifier(bad), "INVALID_ARGUMENT(f)") << bad;
  }
  EXPECT_EQ(identifier(std::string("a\0b", 3)), "INVALID_ARGUMENT(f)");
  EXPECT_EQ(identifier(std::string(65, 'x')), "LIMIT_EXCEEDED(f)");
  EXPECT_TRUE(check::is_identifier("a"));
  EXPECT_FALSE(check::is_identifier(std::string(65, 'x')));
  EXPECT_FALSE(check::is_identifier("a b"));
}

TEST(Check, LengthCountsCharactersNotBytes) {
  EXPECT_EQ(fault_of([] { check::length(std::string_view("\xC3\xA9\xC3\xA9\xF0\x9F\x98\x80"), 3, "f"); }),
            "");
  EXPECT_EQ(fault_of([] { check::length(std::string_view("\xC3\xA9\xC3\xA9\xF0\x9F\x98\x80"), 2, "f"); }),
            "LIMIT_EXCEEDED(f)");
  EXPECT_EQ(fault_of([] { check::filled("", 2, "f"); }), "INVALID_ARGUMENT(f)");
}

TEST(Check, BoundsBelongToTheRange) {
  for (const int good : {5, 6, 3600}) EXPECT_EQ(fault_of([&] { check::range(good, 5, 3600, "f"); }), "");
  for (const int bad : {4, 3601, -5})
    EXPECT_EQ(fault_of([&] { check::range(bad, 5, 3600, "f"); }), "INVALID_ARGUMENT(f)");
  EXPECT_EQ(fault_of([] { check::count(1000, 1000, "f"); }), "");
  EXPECT_EQ(fault_of([] { check::count(1001, 1000, "f"); }), "LIMIT_EXCEEDED(f)");
}

TEST(Check, NowIsNotTheFuture) {
  const Time now{std::chrono::seconds(1000)};
  EXPECT_EQ(fault_of([&] { check::in_future(now + std::chrono::microseconds(1), now, "f"); }), "");
  EXPECT_EQ(fault_of([&] { check::in_future(now, now, "f"); }), "INVALID_ARGUMENT(f)");
}

TEST(Check, WhatIsLeftOutIsFine) {
  const std::optional<std::string> absent, bad("a b");
  EXPECT_EQ(fault_of([&] { check::identifier(absent, "f"); }), "");
  EXPECT_EQ(fault_of([&] { check::identifier(bad, "f"); }), "INVALID_ARGUMENT(f)");
  EXPECT_EQ(fault_of([&] { check::length(absent, 1, "f"); }), "");
}

TEST(Check, OneMoreThanTheMaximumIsRefused) {
  EXPECT_NO_THROW(check::room(49, 50, "profiles of a user", "profileId"));
  EXPECT_THROW(check::room(50, 50, "profiles of a user", "profileId"), Fault);
}

TEST(Check, ALongerListIsCutAndSaysSo) {
  std::vector<int> items{1, 2, 3};
  EXPECT_FALSE(check::cut(items, 3));
  EXPECT_TRUE(check::cut(items, 2));
  EXPECT_EQ(items, (std::vector<int>{1, 2}));
}

TEST(Check, AListIsCutBehindWhatFits) {
  const auto itself = [](int item) { return static_cast<std::size_t>(item); };
  std::vector<int> items{3, 4, 5};
  EXPECT_FALSE(check::cut_by_size(items, itself, 12));
  EXPECT_TRUE(check::cut_by_size(items, itself, 11));
  EXPECT_EQ(items, (std::vector<int>{3, 4}));
  EXPECT_TRUE(check::cut_by_size(items, itself, 2)) << "the first is answered whatever its size";
  EXPECT_EQ(items, (std::vector<int>{3}));
  items.clear();
  EXPECT_FALSE(check::cut_by_size(items, itself, 2));
}

}  // namespace
}  // namespace whitebrick
