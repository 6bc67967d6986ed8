#include "modules/events/push_message.hpp"

#include <gtest/gtest.h>

#include "tests/support/xml.hpp"

namespace whitebrick::events {
namespace {

Event an_event() {
  Event event;
  event.id = 42;
  event.type = "mail.received";
  event.content = "<a>&\"'</a>\r\n \xE2\x82\xAC";
  event.published_at = db::from_sql("2026-11-23 04:21:15.123456");
  event.transmitter = {11, "mail", "acme", ""};
  event.profiles = {{"alice", "work"}};
  event.attempts = 2;
  return event;
}

TEST(NotifyMessage, SaysAllThatAPullWouldSay) {
  std::vector<Event> events{an_event(), an_event()};
  events[1].id = 43;
  events[1].transmitter = {0, "", "", "events"};
  events[1].respond_before = db::from_sql("2026-11-23 05:00:00.000000");
  events[1].sequence = 7;
  events[1].replay = true;
  events[1].coalesced = 3;
  const testing::Xml message(notify_message("https://crm.example/a?b=1&c=2", "inbox", events));
  const auto text = [&](const char* name) { return testing::text_of(testing::find(message.root(), name)); };
  EXPECT_EQ(testing::namespace_of(testing::find(message.root(), "Notify")), "urn:whitebrick:notify:1");
  EXPECT_EQ(text("MessageID"), "urn:whitebrick:event:42");
  EXPECT_EQ(text("To"), "https://crm.example/a?b=1&c=2");
  EXPECT_EQ(text("subscription"), "inbox");
  EXPECT_EQ(text("eventId"), "42");
  EXPECT_EQ(text("content"), events[0].content);
  EXPECT_EQ(text("publishedAt"), "2026-11-23T04:21:15.123456Z");
  EXPECT_EQ(text("provider"), "acme");
  EXPECT_EQ(text("profileId"), "work");
  EXPECT_EQ(text("attempts"), "2");
  EXPECT_EQ(text("component"), "events");
  EXPECT_EQ(text("respondBefore"), "2026-11-23T05:00:00.000000Z");
  EXPECT_EQ(text("sequence"), "7");
  EXPECT_EQ(text("replay"), "true");
  EXPECT_EQ(text("coalesced"), "3");
}

// openssl dgst -sha256 -hmac "correct horse battery" , over: 1700000000.<x/>
TEST(PushSignature, IsAnHmacOverTimeAndBody) {
  const Time then = db::from_sql("2023-11-14 22:13:20.500000");
  EXPECT_EQ(push_signature("correct horse battery", then, "<x/>"),
            "t=1700000000,sha256=f0bde7b5b11e20b120442e1caab969fb7269dc3cd1f3f281acf9d283dbab9fe9");
  EXPECT_NE(push_signature("correct horse battery", then, "<y/>"),
            push_signature("correct horse battery", then, "<x/>"));
}

std::string envelope(const std::string& body, const char* ns = "http://schemas.xmlsoap.org/soap/envelope/") {
  return std::string("<s:Envelope xmlns:s=\"") + ns + "\"><s:Header/><s:Body>" + body +
         "</s:Body></s:Envelope>";
}

TEST(PushReply, OnlyASuccessWithoutAFaultAccepts) {
  EXPECT_EQ(read_reply(200, ""), PushReply::kAccepted);
  EXPECT_EQ(read_reply(202, " \r\n"), PushReply::kAccepted);
  EXPECT_EQ(read_reply(204, ""), PushReply::kAccepted);
  EXPECT_EQ(read_reply(200, envelope("<NotifyResponse xmlns=\"urn:whitebrick:notify:1\"/>")),
            PushReply::kAccepted);
  EXPECT_EQ(read_reply(200, envelope("", "http://www.w3.org/2003/05/soap-envelope")), PushReply::kAccepted);
  EXPECT_EQ(read_reply(500, envelope("<s:Fault><faultcode>s:Client</faultcode></s:Fault>")),
            PushReply::kRefused);
  EXPECT_EQ(read_reply(200, envelope("<s:Fault/>")), PushReply::kRefused);
  EXPECT_EQ(read_reply(400, envelope("<s:Fault/>", "http://www.w3.org/2003/05/soap-envelope")),
            PushReply::kRefused);
  // The word alone is no fault.
  EXPECT_EQ(read_reply(200, envelope("<a><s:Fault/></a>")), PushReply::kAccepted);
  EXPECT_EQ(read_reply(200, envelope("<Fault xmlns=\"urn:x\"/>")), PushReply::kAccepted);
}

TEST(PushReply, WhatIsNotSoapIsNobody) {
  EXPECT_EQ(read_reply(200, "<html><body>Welcome to the hotel</body></html>"), PushReply::kNoAnswer);
  EXPECT_EQ(read_reply(200, "{}"), PushReply::kNoAnswer);
  EXPECT_EQ(read_reply(200, envelope("<a>")), PushReply::kNoAnswer);
  EXPECT_EQ(read_reply(200, "<!DOCTYPE a [<!ENTITY b \"c\">]>" + envelope("<a>&b;</a>")),
            PushReply::kNoAnswer);
  EXPECT_EQ(read_reply(302, ""), PushReply::kNoAnswer);
  EXPECT_EQ(read_reply(302, envelope("")), PushReply::kNoAnswer);
  EXPECT_EQ(read_reply(404, ""), PushReply::kNoAnswer);
  EXPECT_EQ(read_reply(503, "<html/>"), PushReply::kNoAnswer);
  EXPECT_EQ(read_reply(500, envelope("<a/>")), PushReply::kNoAnswer);
}

}  // namespace
}  // namespace whitebrick::events
