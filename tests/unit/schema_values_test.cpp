// What gSOAP leaves to us: times with microseconds and offsets, and xs:pattern.

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "db/time.hpp"
#include "envH.h"
#include "gen/patterns.hpp"

int soap_s2xsd__dateTime(struct soap*, const char*, whitebrick::Time*);
const char* soap_xsd__dateTime2s(struct soap*, whitebrick::Time);

namespace whitebrick {
namespace {

class SchemaValues : public ::testing::Test {
 protected:
  ~SchemaValues() override { soap_free(soap_); }
  // Read and written again; nothing when refused.
  std::optional<std::string> again(const char* text) {
    Time time;
    if (soap_s2xsd__dateTime(soap_, text, &time) != SOAP_OK) return std::nullopt;
    return soap_xsd__dateTime2s(soap_, time);
  }
  bool matches(const char* pattern, const std::string& text) {
    return check_pattern(soap_, pattern, text.c_str()) == SOAP_OK;
  }

  struct soap* soap_ = soap_new();
};

TEST_F(SchemaValues, TimesKeepMicrosecondsAndAreWrittenInUtc) {
  EXPECT_EQ(again("2026-11-23T04:21:15Z"), "2026-11-23T04:21:15Z");
  EXPECT_EQ(again("2026-11-23T04:21:15.000001Z"), "2026-11-23T04:21:15.000001Z");
  EXPECT_EQ(again("2026-11-23T04:21:15.5"), "2026-11-23T04:21:15.500000Z");
  EXPECT_EQ(again("2026-11-23T04:21:15.1234569Z"), "2026-11-23T04:21:15.123456Z");
  EXPECT_EQ(again("2026-11-23T00:21:15+02:00"), "2026-11-22T22:21:15Z");
  EXPECT_EQ(again("2024-02-28T23:30:00.25-00:45"), "2024-02-29T00:15:00.250000Z");
  EXPECT_EQ(again(" \n1969-12-31T23:59:59.999999Z "), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(soap_xsd__dateTime2s(soap_, Time{std::chrono::microseconds{1700000000123456}}),
            std::string("2023-11-14T22:13:20.123456Z"));
}

TEST_F(SchemaValues, TextThatIsNoTimeIsRefused) {
  for (const char* text :
       {"", "now", "2026-11-23", "2026-11-23T04:21Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-11-23T24:00:00Z", "2026-11-23T23:60:00Z", "2026-11-23T23:59:60Z", "2026-11-23T04:21:15.Z",
        "2026-11-23T04:21:15+15:00", "2026-11-23T04:21:15+0200", "2026-11-23T04:21:15Zx",
        "-0001-01-01T00:00:00Z", "20261-01-01T00:00:00Z", "2026-11-23t04:21:15z"}) {
    EXPECT_EQ(again(text), std::nullopt) << text;
  }
}

TEST_F(SchemaValues, PatternsMatchTheWholeText) {
  constexpr const char* kIdentifier = "[A-Za-z0-9][A-Za-z0-9._:@+\\-]{0,63}";
  for (const char* text : {"a", "0", "alice@example.org", "a.b_c:d+e-f"})
    EXPECT_TRUE(matches(kIdentifier, text)) << text;
  EXPECT_TRUE(matches(kIdentifier, std::string(64, 'a')));
  for (const char* text : {"", "-a", "a b", "a\n", "\xC3\xA9", "a/b"})
    EXPECT_FALSE(matches(kIdentifier, text)) << text;
  EXPECT_FALSE(matches(kIdentifier, std::string(65, 'a')));
  EXPECT_FALSE(matches(kIdentifier, std::string(1 << 20, 'a')));
}

}  // namespace
}  // namespace whitebrick
