// Speech of an urgent message may fill a whole bulk request; nothing else of its module may.

#include <gtest/gtest.h>

#include "tests/support/soap_harness.hpp"

namespace whitebrick::testing {
namespace {

constexpr const char* kNamespace = R"( xmlns="urn:whitebrick:coordination:1">)";

// 765 KiB, the most that is taken, in base64: 'A' is zero bits.
std::string speech() { return std::string(765 * 1024 / 3 * 4, 'A'); }

TEST(UrgentSize, SpeechOfTheFullLengthGoesThrough) {
  reset_to_cast();
  Replica replica;
  replica.call(
      "bob",
      std::string("<AllowUrgent") + kNamespace +
          "<profileId>work</profileId><contact>tel:+33100000001</contact><kind>VOICE</kind></AllowUrgent>");
  const Answer sent = replica.call("alice", std::string("<SendUrgent") + kNamespace +
                                                "<contact>tel:+33100000002</contact><voice>" + speech() +
                                                "</voice></SendUrgent>");
  ASSERT_FALSE(sent.is_fault()) << sent.fault_code();
  const std::string id = text_of(find(sent.content(), "urgentId"));
  const Answer read = replica.call(
      "bob", std::string("<GetUrgent") + kNamespace + "<urgentId>" + id + "</urgentId></GetUrgent>");
  EXPECT_TRUE(text_of(find(read.content(), "voice")) == speech());

  const Answer longer = replica.call("alice", std::string("<SendUrgent") + kNamespace +
                                                  "<contact>tel:+33100000002</contact><voice>" + speech() +
                                                  "AAAA</voice></SendUrgent>");
  EXPECT_EQ(longer.fault_code(), "INVALID_ARGUMENT") << "more than the schema takes";
  const Answer text = replica.call(
      "bob", std::string("<GetUrgent") + kNamespace + "<urgentId>" + speech() + "</urgentId></GetUrgent>");
  EXPECT_EQ(text.fault_code(), "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace whitebrick::testing
