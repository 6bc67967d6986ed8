#pragma once
// What a puller gives back to acknowledge: the fencing token of its lease, and the range and
// number of the leased events, so that the acknowledgement reads no more of the queue than
// that. Pure but for the random part. The range only says where to look: a row is
// acknowledged when it bears the fencing token.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whitebrick::events {

struct LeaseToken {
  std::string fence;  // 16 bytes
  std::uint64_t first_event = 0, last_event = 0;
  std::uint16_t deliveries = 0;

  static std::string random_fence();
  std::string text() const;  // 68 hexadecimal digits
  static std::optional<LeaseToken> parse(std::string_view text);
};

}  // namespace whitebrick::events
