#include "modules/events/lease_token.hpp"

#include <sys/random.h>

#include <cerrno>
#include <charconv>
#include <system_error>

namespace whitebrick::events {
namespace {

constexpr std::size_t kFenceBytes = 16;
constexpr std::size_t kDigits = 2 * kFenceBytes + 16 + 16 + 4;
constexpr std::string_view kHex = "0123456789abcdef";

std::string hex(std::uint64_t value, std::size_t digits) {
  std::string text(digits, '0');
  for (std::size_t i = digits; i-- > 0; value >>= 4U) text[i] = kHex[value & 0xfU];
  return text;
}

std::uint64_t number(std::string_view digits) {
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

}  // namespace

std::string LeaseToken::random_fence() {
  std::string bytes(kFenceBytes, '\0');
  if (::getentropy(bytes.data(), bytes.size()) != 0)
    throw std::system_error(errno, std::generic_category(), "getentropy");
  return bytes;
}

std::string LeaseToken::text() const {
  std::string text;
  for (const char byte : fence) text += hex(static_cast<unsigned char>(byte), 2);
  return text + hex(first_event, 16) + hex(last_event, 16) + hex(deliveries, 4);
}

std::optional<LeaseToken> LeaseToken::parse(std::string_view text) {
  if (text.size() != kDigits || text.find_first_not_of(kHex) != std::string_view::npos) return std::nullopt;
  LeaseToken token;
  for (std::size_t i = 0; i < kFenceBytes; ++i)
    token.fence += static_cast<char>(number(text.substr(2 * i, 2)));
  text.remove_prefix(2 * kFenceBytes);
  token.first_event = number(text.substr(0, 16));
  token.last_event = number(text.substr(16, 16));
  token.deliveries = static_cast<std::uint16_t>(number(text.substr(32, 4)));
  return token;
}

}  // namespace whitebrick::events
