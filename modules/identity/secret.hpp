#pragma once
// Random secrets and the forms in which they are kept. Byte strings in, byte strings out.

#include <cstddef>
#include <string>
#include <string_view>

namespace whitebrick::identity {

std::string random_bytes(std::size_t count);  // from the operating system's generator
std::string hmac_sha256(std::string_view key, std::string_view text);
std::string base64url(std::string_view bytes);  // RFC 4648 section 5, without padding

// 256 random bits as the wire carries them.
std::string generate_token();

}  // namespace whitebrick::identity
