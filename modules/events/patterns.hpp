#pragma once
// Event types and the patterns that select them. Pure.
//   type     call.incoming        lower case, at least two parts
//   pattern  call.incoming | call.* (all that begin with "call.") | *

#include <string>
#include <string_view>

namespace whitebrick::events {

bool is_type(std::string_view text);
bool is_pattern(std::string_view text);
bool covers(std::string_view pattern, std::string_view type);
// Types that only server components receive.
bool is_internal(std::string_view type);
// Server components always transmit; so a pattern that can select one of their types is
// always served.
bool covers_reserved(std::string_view pattern);

// The types that a pattern selects lie in [first, second): "call.*" -> "call.", "call/".
struct TypeRange {
  std::string first, second;
};
TypeRange range_of(std::string_view pattern);

}  // namespace whitebrick::events
