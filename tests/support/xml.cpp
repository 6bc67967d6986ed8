#include "tests/support/xml.hpp"

#include <libxml/parser.h>
#include <libxml/tree.h>

#include <stdexcept>

namespace whitebrick::testing {
namespace {

std::string trimmed(const std::string& s) {
  const auto from = s.find_first_not_of(" \t\r\n");
  if (from == std::string::npos) return {};
  return s.substr(from, s.find_last_not_of(" \t\r\n") - from + 1);
}

}  // namespace

Xml::Xml(const std::string& text)
    : document_(xmlReadMemory(text.data(), static_cast<int>(text.size()), nullptr, nullptr,
                              XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_HUGE),
                xmlFreeDoc) {
  if (!document_) throw std::runtime_error("not well-formed: " + text.substr(0, 300));
}

_xmlNode* Xml::root() const { return xmlDocGetRootElement(document_.get()); }

std::string local_name(const _xmlNode* n) { return reinterpret_cast<const char*>(n->name); }

std::string namespace_of(const _xmlNode* n) {
  return n->ns != nullptr ? reinterpret_cast<const char*>(n->ns->href) : std::string();
}

std::string attribute(const _xmlNode* n, const char* name) {
  xmlChar* value = xmlGetProp(n, reinterpret_cast<const xmlChar*>(name));
  std::string s = value != nullptr ? reinterpret_cast<char*>(value) : "";
  xmlFree(value);
  return s;
}

std::string text_of(const _xmlNode* n) {
  xmlChar* value = xmlNodeGetContent(n);
  std::string s = value != nullptr ? reinterpret_cast<char*>(value) : "";
  xmlFree(value);
  return s;
}

std::vector<_xmlNode*> children(const _xmlNode* n) {
  std::vector<_xmlNode*> found;
  for (_xmlNode* c = n->children; c != nullptr; c = c->next) {
    if (c->type == XML_ELEMENT_NODE) found.push_back(c);
  }
  return found;
}

_xmlNode* find(_xmlNode* n, const std::string& name) {
  if (local_name(n) == name) return n;
  for (_xmlNode* c : children(n)) {
    if (_xmlNode* hit = find(c, name)) return hit;
  }
  return nullptr;
}

std::string serialise(_xmlNode* n) {
  // A copy carries the namespace declarations it needs with it.
  xmlDocPtr document = xmlNewDoc(reinterpret_cast<const xmlChar*>("1.0"));
  xmlNodePtr copy = xmlDocCopyNode(n, document, 1);
  xmlDocSetRootElement(document, copy);
  xmlReconciliateNs(document, copy);
  xmlBufferPtr buffer = xmlBufferCreate();
  xmlNodeDump(buffer, document, copy, 0, 0);
  std::string s(reinterpret_cast<const char*>(xmlBufferContent(buffer)));
  xmlBufferFree(buffer);
  xmlFreeDoc(document);
  return s;
}

std::string difference(const _xmlNode* expected, const _xmlNode* actual) {
  const std::string name = local_name(expected);
  if (name != local_name(actual)) return "expected <" + name + ">, got <" + local_name(actual) + ">";
  if (namespace_of(expected) != namespace_of(actual)) {
    return "<" + name + ">: expected namespace " + namespace_of(expected) + ", got " + namespace_of(actual);
  }
  const auto want = children(expected);
  const auto have = children(actual);
  if (want.empty()) {
    const std::string text = trimmed(text_of(expected));
    if (text == "*") return {};
    if (!have.empty()) return "<" + name + ">: expected text, got elements";
    if (text != trimmed(text_of(actual)))
      return "<" + name + ">: expected '" + text + "', got '" + text_of(actual) + "'";
    return {};
  }
  for (std::size_t i = 0; i < std::max(want.size(), have.size()); ++i) {
    if (i >= have.size()) return "<" + name + ">: <" + local_name(want[i]) + "> is missing";
    if (i >= want.size()) return "<" + name + ">: <" + local_name(have[i]) + "> was not expected";
    if (auto d = difference(want[i], have[i]); !d.empty()) return "<" + name + ">/" + d;
  }
  return {};
}

}  // namespace whitebrick::testing
