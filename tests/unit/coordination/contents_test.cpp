#include "modules/coordination/contents.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "modules/coordination/coordination.hpp"
#include "modules/coordination/session_id.hpp"

namespace whitebrick::coordination {
namespace {

TEST(CoordinationContents, TellAContactStateByItsWireName) {
  EXPECT_EQ(contact_state_content(
                {.profile = "work", .contact = "tel:+33100000001", .reach = {Connectability::kUnknown, 0}}),
            "<ContactState xmlns=\"urn:whitebrick:catalogue:1\"><contact>tel:+33100000001</contact>"
            "<state>UNKNOWN</state><profileId>work</profileId></ContactState>");
  EXPECT_EQ(contact_state_content({.profile = "work",
                                   .contact = "tel:+33100000001",
                                   .reach = {Connectability::kInTransfer, 1 | 8},
                                   .display_name = "A & B"}),
            "<ContactState xmlns=\"urn:whitebrick:catalogue:1\"><contact>tel:+33100000001</contact>"
            "<state>IN_TRANSFER</state><profileId>work</profileId><displayName>A &amp; B</displayName>"
            "<offers>VOICE_IMMEDIATE</offers><offers>WRITTEN_DELAYED</offers></ContactState>");
}

TEST(CoordinationContents, TellOnlyTheIdsOfWhatEnded) {
  const std::string content = session_ended_content({.access_session = "a1",
                                                     .service_session = {},
                                                     .terminal = "phone",
                                                     .cause = Cause::kLeaseLost,
                                                     .cause_id = "c1"});
  EXPECT_EQ(content,
            "<SessionEnded xmlns=\"urn:whitebrick:catalogue:1\"><accessSessionId>a1</accessSessionId>"
            "<terminalId>phone</terminalId><cause>LEASE_LOST</cause><causeId>c1</causeId></SessionEnded>");
  EXPECT_EQ(element_text(content, "cause"), "LEASE_LOST");
  EXPECT_EQ(element_text(content, "serviceSessionId"), std::nullopt);
}

TEST(CoordinationContents, AnUnfinishedElementHasNoText) {
  EXPECT_EQ(element_text("<accountName>alice", "accountName"), std::nullopt);
  EXPECT_EQ(element_text("", "accountName"), std::nullopt);
}

TEST(CoordinationContents, WhoHasStillToBeToldIsReadBack) {
  const WatchersToTell watchers{"sip:a&b <c>@example.org", 18446744073709551615U};
  EXPECT_EQ(read_watchers(watchers_content(watchers)), watchers);
  EXPECT_THROW(read_watchers("tel:+33100000001"), std::runtime_error);
  EXPECT_THROW(read_watchers("12"), std::runtime_error);
}

TEST(CoordinationContents, WhichSessionsAreStillToBeComparedIsReadBack) {
  const SessionsToRefresh sessions{21, 18446744073709551615U};
  EXPECT_EQ(read_refresh(refresh_content(sessions)), sessions);
  EXPECT_EQ(read_refresh("21"), (SessionsToRefresh{21, 0})) << "all, as it was told once";
  for (const char* other : {"", "x", "21 ", "21 x", "21 5 5"})
    EXPECT_THROW(read_refresh(other), std::runtime_error);
}

TEST(SessionId, Is128RandomBitsInHex) {
  const std::string one = random_session_id();
  EXPECT_EQ(one.size(), 32U);
  EXPECT_EQ(one.find_first_not_of("0123456789abcdef"), std::string::npos) << one;
  EXPECT_NE(one, random_session_id());
}

}  // namespace
}  // namespace whitebrick::coordination
