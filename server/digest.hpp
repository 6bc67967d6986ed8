#pragma once
// SHA-256 of a text: 32 bytes.

#include <string>
#include <string_view>

namespace whitebrick {

std::string sha256(std::string_view text);

}  // namespace whitebrick
