#include "modules/events/push_message.hpp"

#include <expat.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string_view>

#include "server/xml_text.hpp"

namespace whitebrick::events {
namespace {

constexpr std::string_view kNamespace = "urn:whitebrick:notify:1";

// "2026-11-23 04:21:15.123456" -> "2026-11-23T04:21:15.123456Z"
std::string wire_time(Time time) {
  std::string text = db::to_sql(time);
  text[text.find(' ')] = 'T';
  return text + 'Z';
}

XmlField transmitter_field(const Transmitter& transmitter) {
  std::vector<XmlField> inside;
  if (transmitter.service_id == 0) {
    inside.emplace_back("kind", "COMPONENT");
    inside.emplace_back("component", transmitter.component);
  } else {
    inside.emplace_back("kind", "SERVICE");
    if (!transmitter.service.empty()) {
      inside.emplace_back("service", std::vector<XmlField>{{"name", transmitter.service},
                                                           {"provider", transmitter.provider}});
    }
  }
  return {"transmitter", std::move(inside)};
}

XmlField event_field(const Event& event) {
  std::vector<XmlField> inside{{"eventId", std::to_string(event.id)},
                               {"type", event.type},
                               {"publishedAt", wire_time(event.published_at)},
                               transmitter_field(event.transmitter),
                               {"content", event.content}};
  for (const ProfileName& profile : event.profiles) {
    inside.emplace_back("profile",
                        std::vector<XmlField>{{"userId", profile.user}, {"profileId", profile.profile}});
  }
  inside.emplace_back("attempts", std::to_string(event.attempts));
  if (event.respond_before) inside.emplace_back("respondBefore", wire_time(*event.respond_before));
  if (event.sequence > 0) inside.emplace_back("sequence", std::to_string(event.sequence));
  if (event.replay) inside.emplace_back("replay", "true");
  if (event.coalesced > 0) inside.emplace_back("coalesced", std::to_string(event.coalesced));
  return {"event", std::move(inside)};
}

}  // namespace

std::string notify_message(const std::string& endpoint, const std::string& subscription,
                           std::span<const Event> events) {
  std::vector<XmlField> fields{{"subscription", subscription}};
  for (const Event& event : events) fields.push_back(event_field(event));
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
      "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\" "
      "xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">"
      "<S:Header><wsa:MessageID>urn:whitebrick:event:";
  text += std::to_string(events.front().id);
  text += "</wsa:MessageID><wsa:To>" + xml_escaped(endpoint) +
          "</wsa:To><wsa:Action>urn:whitebrick:notify:1/Notify</wsa:Action></S:Header><S:Body>";
  text += xml_text("Notify", kNamespace, fields);
  text += "</S:Body></S:Envelope>";
  return text;
}

std::string push_signature(const std::string& secret, Time now, const std::string& body) {
  const std::string seconds =
      std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  const std::string text = seconds + '.' + body;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length);
  std::string hex = "t=" + seconds + ",sha256=";
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (unsigned i = 0; i < length; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

namespace {

// Where in an envelope the parser is, and what it found there.
struct Found {
  int depth = 0;
  bool envelope = false, in_body = false, fault = false, foreign = false;
};

bool in_soap(std::string_view name, std::string_view local) {
  return name == "http://schemas.xmlsoap.org/soap/envelope/|" + std::string(local) ||
         name == "http://www.w3.org/2003/05/soap-envelope|" + std::string(local);
}

void begin_element(void* data, const XML_Char* name, const XML_Char**) {
  auto& found = *static_cast<Found*>(data);
  ++found.depth;
  if (found.depth == 1) found.envelope = in_soap(name, "Envelope");
  if (found.depth == 2) found.in_body = in_soap(name, "Body");
  if (found.depth == 3 && found.in_body && in_soap(name, "Fault")) found.fault = true;
}

void end_element(void* data, const XML_Char*) { --static_cast<Found*>(data)->depth; }

void begin_doctype(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  static_cast<Found*>(data)->foreign = true;
}

}  // namespace

PushReply read_reply(long http_status, const std::string& body) {
  const bool success = http_status >= 200 && http_status < 300;
  if (body.find_first_not_of(" \t\r\n") == std::string::npos)
    return success ? PushReply::kAccepted : PushReply::kNoAnswer;
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreateNS("UTF-8", '|'),
                                                                            XML_ParserFree);
  Found found;
  XML_SetUserData(parser.get(), &found);
  XML_SetElementHandler(parser.get(), begin_element, end_element);
  XML_SetStartDoctypeDeclHandler(parser.get(), begin_doctype);
  const bool parsed =
      XML_Parse(parser.get(), body.data(), static_cast<int>(body.size()), 1) == XML_STATUS_OK &&
      !found.foreign;
  if (!parsed || !found.envelope) return PushReply::kNoAnswer;
  if (found.fault) return PushReply::kRefused;
  return success ? PushReply::kAccepted : PushReply::kNoAnswer;
}

}  // namespace whitebrick::events
