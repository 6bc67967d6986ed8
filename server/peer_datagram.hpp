#pragma once
// The wire form of "these keys may have something": magic, count, hashes, HMAC-SHA256
// over all of it. No time and no number: a copy sent again wakes somebody who looks and
// finds nothing, which is all that any copy can do.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whitebrick {

constexpr std::size_t kMaxDatagram = 1200;  // fits any path undivided
constexpr std::size_t kHashesPerDatagram = 145;

// At most kHashesPerDatagram hashes.
std::string write_datagram(std::string_view secret, std::span<const std::uint64_t> hashes);
// Nothing: not a datagram under this secret.
std::optional<std::vector<std::uint64_t>> read_datagram(std::string_view secret, std::string_view bytes);

// Another key for another use, from the one secret.
std::string derived_key(std::string_view secret, std::string_view purpose);

}  // namespace whitebrick
