#include "server/tag_scan.hpp"

namespace whitebrick {

namespace {

// The position behind `end`, or the end of the text.
std::size_t behind(std::string_view xml, std::string_view end, std::size_t from) {
  const std::size_t found = xml.find(end, from);
  return found == std::string_view::npos ? xml.size() : found + end.size();
}

}  // namespace

bool has_attribute_flood(std::string_view xml, std::size_t limit) {
  std::size_t at = 0;
  while ((at = xml.find('<', at)) != std::string_view::npos) {
    const std::string_view rest = xml.substr(at);
    if (rest.starts_with("<!--")) {
      at = behind(xml, "-->", at + 4);
      continue;
    }
    if (rest.starts_with("<![CDATA[")) {
      at = behind(xml, "]]>", at + 9);
      continue;
    }
    std::size_t attributes = 0;
    for (++at; at < xml.size() && xml[at] != '>'; ++at) {
      if (xml[at] == '=' && ++attributes > limit) return true;
      if (xml[at] == '"' || xml[at] == '\'') at = behind(xml, xml.substr(at, 1), at + 1) - 1;
    }
  }
  return false;
}

}  // namespace whitebrick
