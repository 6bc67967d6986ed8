#pragma once
// XML for tests, by libxml2: parse, find by local name, compare with wildcards.

#include <memory>
#include <string>
#include <vector>

struct _xmlDoc;
struct _xmlNode;

namespace whitebrick::testing {

class Xml {
 public:
  explicit Xml(const std::string& text);  // throws std::runtime_error when not well-formed
  _xmlNode* root() const;

 private:
  std::shared_ptr<_xmlDoc> document_;
};

std::string local_name(const _xmlNode*);
std::string namespace_of(const _xmlNode*);
std::string attribute(const _xmlNode*, const char* name);
std::string text_of(const _xmlNode*);
std::vector<_xmlNode*> children(const _xmlNode*);
// The first element of that local name, the node itself included; nullptr when there is none.
_xmlNode* find(_xmlNode*, const std::string& name);
std::string serialise(_xmlNode*);

// "" when they are the same, else where and how they differ. An element whose expected
// text is "*" matches any content; white space around text does not count.
std::string difference(const _xmlNode* expected, const _xmlNode* actual);

}  // namespace whitebrick::testing
