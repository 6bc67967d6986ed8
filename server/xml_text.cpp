#include "server/xml_text.hpp"

namespace whitebrick {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\r':
        out += "&#13;";
        break;  // a parser would turn it into a line feed
      case '\t':
      case '\n':
        out += c;
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += kReplacement;
        else
          out += c;
    }
  }
}

void append_fields(std::string& out, const std::vector<XmlField>& fields) {
  for (const XmlField& field : fields) {
    out.append("<").append(field.name).append(">");
    if (field.inside.empty())
      append_escaped(out, field.text);
    else
      append_fields(out, field.inside);
    out.append("</").append(field.name).append(">");
  }
}

}  // namespace

std::string xml_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_escaped(out, text);
  return out;
}

std::string xml_text(std::string_view element, std::string_view ns, const std::vector<XmlField>& fields) {
  std::string out;
  out.append("<").append(element).append(" xmlns=\"");
  append_escaped(out, ns);
  out.append("\">");
  append_fields(out, fields);
  out.append("</").append(element).append(">");
  return out;
}

}  // namespace whitebrick
