// The internal events.
#include <charconv>
#include <stdexcept>

#include "modules/profiles/profiles.hpp"
#include "server/xml_text.hpp"

namespace whitebrick::profiles {
namespace {

// Text of an element that change_content() wrote. What it escapes in a normalised number is '&'.
std::optional<std::string> element(const std::string& content, const std::string& name) {
  const std::string open = "<" + name + ">", close = "</" + name + ">";
  const std::size_t begin = content.find(open);
  if (begin == std::string::npos) return std::nullopt;
  const std::size_t from = begin + open.size();
  const std::size_t end = content.find(close, from);
  if (end == std::string::npos) return std::nullopt;
  std::string text = content.substr(from, end - from);
  for (std::size_t at = 0; (at = text.find("&amp;", at)) != std::string::npos; ++at) text.replace(at, 5, "&");
  return text;
}

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, value).ptr != end) {
    throw std::runtime_error("no number in an event: " + text);
  }
  return value;
}

}  // namespace

std::string change_content(const Change& change) {
  std::vector<XmlField> fields{{"profile", std::to_string(change.profile_id)}};
  if (change.former_number) fields.emplace_back("formerNumber", *change.former_number);
  return xml_text("ProfileChanged", kCatalogueNamespace, fields);
}

Change read_change(const std::string& content) {
  const auto profile = element(content, "profile");
  if (!profile) throw std::runtime_error("no content of profile.changed: " + content);
  Change change;
  change.profile_id = number(*profile);
  change.former_number = element(content, "formerNumber");
  return change;
}

std::string removal_content(const std::string& type, const Removal& removal) {
  std::vector<XmlField> fields{{"removed", std::to_string(removal.id)}};
  if (removal.service_id) fields.emplace_back("service", std::to_string(*removal.service_id));
  if (removal.former_number) fields.emplace_back("formerNumber", *removal.former_number);
  if (removal.user_id) fields.emplace_back("user", std::to_string(*removal.user_id));
  const bool of_service = type == "profile.service_removed", of_terminal = type == "profile.terminal_deleted";
  return xml_text(of_service    ? "ProfileServiceRemoved"
                  : of_terminal ? "ProfileTerminalDeleted"
                                : "ProfileDeleted",
                  kCatalogueNamespace, fields);
}

Removal read_removal(const std::string& content) {
  const auto id = element(content, "removed");
  if (!id) throw std::runtime_error("no content of a removal: " + content);
  Removal removal{.id = number(*id), .service_id = {}, .former_number = element(content, "formerNumber")};
  if (const auto service = element(content, "service")) removal.service_id = number(*service);
  if (const auto user = element(content, "user")) removal.user_id = number(*user);
  return removal;
}

void Profiles::removed(db::Session& db, const std::string& type, const Removal& removal) {
  events_.publish(
      db, "profiles",
      {.type = type, .content = removal_content(type, removal), .profiles = {}, .wait_for_terminal = false});
}

void Profiles::changed(db::Session& db, const Change& change) {
  events_.publish(db, "profiles",
                  {.type = "profile.changed",
                   .content = change_content(change),
                   .profiles = {},
                   .wait_for_terminal = false});
}

}  // namespace whitebrick::profiles
