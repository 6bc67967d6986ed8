#pragma once
// XML parsers read a whole start tag before anybody may judge it, and spend time and
// memory on each attribute. This pass runs before them.

#include <cstddef>
#include <string_view>

namespace whitebrick {

// Whether a tag in this text has more than `limit` attributes (xmlns included). Linear;
// stops at the first such tag. Says nothing about well-formedness: the parser does.
bool has_attribute_flood(std::string_view xml, std::size_t limit);

}  // namespace whitebrick
