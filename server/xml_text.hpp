#pragma once
// Small XML documents as text: the contents of the server's own events (wsdl/events.xsd).
// Values are escaped; names are the program's own.

#include <string>
#include <string_view>
#include <vector>

namespace whitebrick {

struct XmlField {
  // An element with text, or with elements inside (then `text` is not used).
  XmlField(std::string_view name, std::string text) : name(name), text(std::move(text)) {}
  XmlField(std::string_view name, std::vector<XmlField> inside) : name(name), inside(std::move(inside)) {}

  std::string_view name;
  std::string text;
  std::vector<XmlField> inside;
};

// `<element xmlns="ns"><name>value</name>...</element>`. Characters that XML 1.0 cannot
// hold become U+FFFD.
std::string xml_text(std::string_view element, std::string_view ns, const std::vector<XmlField>& fields);

// The same for one piece of character data.
std::string xml_escaped(std::string_view text);

// Namespace of wsdl/events.xsd.
inline constexpr std::string_view kCatalogueNamespace = "urn:whitebrick:catalogue:1";

}  // namespace whitebrick
