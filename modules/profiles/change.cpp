// The internal event profile.changed.
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

}  // namespace

std::string change_content(const Change& change) {
  std::vector<XmlField> fields{{"profile", std::to_string(change.profile_id)}};
  if (change.former_number) fields.emplace_back("formerNumber", *change.former_number);
  return xml_text("ProfileChanged", kCatalogueNamespace, fields);
}

Change read_change(const std::string& content) {
  const auto profile = element(content, "profile");
  Change change;
  if (!profile || std::from_chars(profile->data(), profile->data() + profile->size(), change.profile_id).ptr !=
                      profile->data() + profile->size()) {
    throw std::runtime_error("no content of profile.changed: " + content);
  }
  change.former_number = element(content, "formerNumber");
  return change;
}

void Profiles::changed(db::Session& db, const Change& change) {
  events_.publish(db, "profiles",
                  {.type = "profile.changed",
                   .content = change_content(change),
                   .profiles = {},
                   .wait_for_terminal = false});
}

}  // namespace whitebrick::profiles
