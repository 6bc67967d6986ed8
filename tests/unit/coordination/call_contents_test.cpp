#include "modules/coordination/call_contents.hpp"

#include <gtest/gtest.h>

#include "modules/coordination/urgent_contents.hpp"

namespace whitebrick::coordination {
namespace {

using profiles::TerminalKind;

TEST(Display, FollowsTheClassOfTheTerminal) {
  EXPECT_EQ(wire_name(display_of(TerminalKind::kMobile)), "SIM_TOOLKIT");
  EXPECT_EQ(wire_name(display_of(TerminalKind::kFixed)), "ANNOUNCEMENT");
  for (const auto kind :
       {TerminalKind::kVoip, TerminalKind::kWeb, TerminalKind::kPortal, TerminalKind::kOther})
    EXPECT_EQ(wire_name(display_of(kind)), "POP_UP");
}

TEST(CallIncoming, TellsEachTerminalHowToShowIt) {
  const CallNews news{"c1", {"tel:+33100000001", "A & B"}, Communication::kVoiceImmediate};
  EXPECT_EQ(
      call_incoming_content(news, {.rings = {{"desk", TerminalKind::kWeb}},
                                   .ring_seconds = 30,
                                   .during_call = true,
                                   .authorised = false}),
      "<CallIncoming "
      "xmlns=\"urn:whitebrick:catalogue:1\"><callId>c1</callId><caller>tel:+33100000001</caller>"
      "<displayName>A &amp; B</displayName><type>VOICE_IMMEDIATE</type><authorised>false</authorised>"
      "<duringCall>true</duringCall><ringSeconds>30</ringSeconds><terminal><terminalId>desk</terminalId>"
      "<display>POP_UP</display><text>Call from A &amp; B</text></terminal></CallIncoming>");
}

TEST(CallIncoming, AnonymousCallersStayThat) {
  const auto content = call_incoming_content({"c1", {}, Communication::kWrittenImmediate},
                                             {.rings = {{"phone", TerminalKind::kFixed}}, .ring_seconds = 1});
  EXPECT_EQ(content.find("<caller>"), std::string::npos);
  EXPECT_NE(content.find("<text>Call from somebody</text>"), std::string::npos);
}

// "é" is two bytes: it is kept whole or left out.
TEST(CallIncoming, AHandsetGetsOneLineOfWholeCharacters) {
  std::string name(69, 'x');
  name += "\u00e9\u00e9";
  const auto text_of = [&](TerminalKind kind) {
    const auto content = call_incoming_content({"c1", {std::nullopt, name}, Communication::kVoiceImmediate},
                                               {.rings = {{"t", kind}}, .ring_seconds = 1});
    const auto begin = content.find("<text>") + 6;
    return content.substr(begin, content.find("</text>") - begin);
  };
  EXPECT_EQ(text_of(TerminalKind::kMobile), "Call from " + std::string(69, 'x'));
  EXPECT_EQ(text_of(TerminalKind::kWeb), "Call from " + name);
}

TEST(CallDiverted, NamesTheNumberOrTheMessagingSystem) {
  const CallNews news{"c1", {}, Communication::kVoiceImmediate};
  EXPECT_EQ(
      call_diverted_content(news, "TRANSFER", {.number = "tel:+33199999999", .terminal = {}, .medium = {}},
                            std::nullopt),
      "<CallDiverted xmlns=\"urn:whitebrick:catalogue:1\"><callId>c1</callId><type>VOICE_IMMEDIATE</type>"
      "<reason>TRANSFER</reason><number>tel:+33199999999</number></CallDiverted>");
  EXPECT_EQ(
      call_diverted_content(news, "NOT_CONNECTED", {}, profiles::ServiceRef{"box", "acme"}),
      "<CallDiverted xmlns=\"urn:whitebrick:catalogue:1\"><callId>c1</callId><type>VOICE_IMMEDIATE</type>"
      "<reason>NOT_CONNECTED</reason><messaging><name>box</name><provider>acme</provider></messaging>"
      "</CallDiverted>");
}

TEST(UrgentMessageContent, CarriesTextButNoSpeech) {
  EXPECT_EQ(
      urgent_message_content({.id = "u1", .sender = "tel:+33100000001", .text = "Come <now>", .repeat = 2}),
      "<UrgentMessage "
      "xmlns=\"urn:whitebrick:catalogue:1\"><urgentId>u1</urgentId><sender>tel:+33100000001</sender>"
      "<text>Come &lt;now&gt;</text><repeat>2</repeat></UrgentMessage>");
  EXPECT_EQ(urgent_message_content(
                {.id = "u1", .sender = "tel:+33100000001", .voice_type = "audio/wav", .voice_bytes = 9}),
            "<UrgentMessage "
            "xmlns=\"urn:whitebrick:catalogue:1\"><urgentId>u1</urgentId><sender>tel:+33100000001</sender>"
            "<voiceType>audio/wav</voiceType><voiceBytes>9</voiceBytes><repeat>0</repeat></UrgentMessage>");
}

}  // namespace
}  // namespace whitebrick::coordination
