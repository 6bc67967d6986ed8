#include "modules/coordination/call_contents.hpp"

#include "server/xml_text.hpp"

namespace whitebrick::coordination {
namespace {

using profiles::TerminalKind;

// One line of a SIM Toolkit display; what is longer is cut by the handset, wherever it likes.
constexpr std::size_t kSimToolkitText = 80;

std::string cut(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U)
    --bytes;  // not inside a character
  text.resize(bytes);
  return text;
}

std::string text_for(Display display, const CallNews& news) {
  const std::string who = news.caller.display_name.value_or(news.caller.number.value_or("somebody"));
  const std::string text = "Call from " + who;
  return display == Display::kSimToolkit ? cut(text, kSimToolkitText) : text;
}

std::vector<XmlField> fields_of(const CallNews& news) {
  std::vector<XmlField> fields{{"callId", news.call_id}};
  if (news.caller.number) fields.emplace_back("caller", *news.caller.number);
  if (news.caller.display_name) fields.emplace_back("displayName", *news.caller.display_name);
  fields.emplace_back("type", std::string(wire_name(news.type)));
  return fields;
}

}  // namespace

Display display_of(TerminalKind kind) {
  switch (kind) {
    case TerminalKind::kFixed:
      return Display::kAnnouncement;
    case TerminalKind::kMobile:
      return Display::kSimToolkit;
    case TerminalKind::kVoip:
    case TerminalKind::kWeb:
    case TerminalKind::kPortal:
    case TerminalKind::kOther:
      break;
  }
  return Display::kPopUp;
}

std::string_view wire_name(Display display) {
  switch (display) {
    case Display::kPopUp:
      return "POP_UP";
    case Display::kSimToolkit:
      return "SIM_TOOLKIT";
    case Display::kAnnouncement:
      break;
  }
  return "ANNOUNCEMENT";
}

std::string call_incoming_content(const CallNews& news, const Announcement& announcement) {
  auto fields = fields_of(news);
  fields.emplace_back("authorised", announcement.authorised ? "true" : "false");
  fields.emplace_back("duringCall", announcement.during_call ? "true" : "false");
  fields.emplace_back("ringSeconds", std::to_string(announcement.ring_seconds));
  for (const auto& ring : announcement.rings) {
    const Display display = display_of(ring.kind);
    fields.emplace_back("terminal", std::vector<XmlField>{{"terminalId", ring.terminal},
                                                          {"display", std::string(wire_name(display))},
                                                          {"text", text_for(display, news)}});
  }
  return xml_text("CallIncoming", kCatalogueNamespace, fields);
}

std::string call_taken_content(const std::string& call_id, const std::optional<std::string>& terminal) {
  std::vector<XmlField> fields{{"callId", call_id}};
  if (terminal) fields.emplace_back("terminalId", *terminal);
  return xml_text("CallTaken", kCatalogueNamespace, fields);
}

std::string call_lost_content(const CallNews& news, std::string_view cause) {
  auto fields = fields_of(news);
  fields.emplace_back("cause", std::string(cause));
  return xml_text("CallLost", kCatalogueNamespace, fields);
}

std::string call_diverted_content(const CallNews& news, std::string_view reason,
                                  const availability::TransferTarget& target,
                                  const std::optional<profiles::ServiceRef>& messaging) {
  auto fields = fields_of(news);
  fields.emplace_back("reason", std::string(reason));
  if (target.number) fields.emplace_back("number", *target.number);
  if (target.terminal) fields.emplace_back("terminalId", *target.terminal);
  if (target.medium) fields.emplace_back("medium", std::string(wire_name(*target.medium)));
  if (messaging) {
    fields.emplace_back("messaging",
                        std::vector<XmlField>{{"name", messaging->name}, {"provider", messaging->provider}});
  }
  return xml_text("CallDiverted", kCatalogueNamespace, fields);
}

}  // namespace whitebrick::coordination
