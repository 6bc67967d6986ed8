#include "modules/events/patterns.hpp"

#include <gtest/gtest.h>

#include "modules/events/events.hpp"

namespace whitebrick::events {
namespace {

TEST(Patterns, TypesAreLowerCaseWordsWithDots) {
  for (const char* good : {"call.incoming", "a.b", "a1_2.b.c_"}) EXPECT_TRUE(is_type(good)) << good;
  for (const char* bad :
       {"", "call", "Call.incoming", "call.", ".call", "call..x", "call.1x", "call.*", "*", "a b.c"}) {
    EXPECT_FALSE(is_type(bad)) << bad;
  }
  EXPECT_TRUE(is_type("a." + std::string(126, 'b')));
  EXPECT_FALSE(is_type("a." + std::string(127, 'b')));
}

TEST(Patterns, APatternIsATypeAPrefixOrAll) {
  for (const char* good : {"*", "call.*", "call.in.*", "call.incoming"})
    EXPECT_TRUE(is_pattern(good)) << good;
  for (const char* bad : {"", "call", "**", "*.call", "call*", "call.*.x", ".*"})
    EXPECT_FALSE(is_pattern(bad)) << bad;
}

TEST(Patterns, EveryPatternThatMatchesATypeCoversItAndNoOther) {
  const auto patterns = matching_patterns("call.in.loud");
  EXPECT_EQ(patterns, (std::vector<std::string>{"call.in.loud", "call.in.*", "call.*", "*"}));
  for (const auto& pattern : patterns) EXPECT_TRUE(covers(pattern, "call.in.loud")) << pattern;
  for (const char* other : {"call.in", "call.in.lou", "call.in.loud.*", "cal.*"}) {
    EXPECT_FALSE(covers(other, "call.in.loud")) << other;
  }
}

TEST(Patterns, ARangeHoldsExactlyThePrefixsTypes) {
  const TypeRange one = range_of("call.lost");
  EXPECT_TRUE(one.first <= "call.lost" && "call.lost" < one.second);
  EXPECT_FALSE("call.lost.again" < one.second);
  const TypeRange all = range_of("*");
  EXPECT_TRUE(all.first <= "a.b" && "z.z" < all.second);
  const TypeRange range = range_of("call.*");
  const auto holds = [&](const std::string& type) { return range.first <= type && type < range.second; };
  for (const char* in : {"call.a", "call.zz.z"}) EXPECT_TRUE(holds(in)) << in;
  for (const char* out : {"call", "calla.b", "call_x.y", "cal.l"}) EXPECT_FALSE(holds(out)) << out;
}

TEST(Patterns, PrefixesOfServerComponentsAreReserved) {
  for (const char* type :
       {"contact.state", "mode.changed", "event.available", "account.changed", "service.available",
        "session.ended", "authorisation.asked", "profile.changed", "call.incoming", "call.lost"}) {
    EXPECT_TRUE(is_reserved(type)) << type;
  }
  for (const char* type : {"call.rang", "contacts.added", "mail.mode"})
    EXPECT_FALSE(is_reserved(type)) << type;
  for (const char* pattern : {"*", "call.*", "call.taken", "mode.*"})
    EXPECT_TRUE(covers_reserved(pattern)) << pattern;
  for (const char* pattern : {"mail.*", "call.rang", "call.in.*"})
    EXPECT_FALSE(covers_reserved(pattern)) << pattern;
}

}  // namespace
}  // namespace whitebrick::events
