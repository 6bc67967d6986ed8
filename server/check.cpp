#include "server/check.hpp"

#include <algorithm>

#include "server/fault.hpp"

namespace whitebrick::check {
namespace {

constexpr std::size_t kMaxIdentifier = 64;

// Not <cctype>: no locale decides what a letter is.
bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_identifier_character(char c) {
  return is_alphanumeric(c) || std::string_view("._:@+-").find(c) != std::string_view::npos;
}

// Every byte of UTF-8 but the continuation bytes begins a code point.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

bool is_identifier(std::string_view value) {
  return !value.empty() && value.size() <= kMaxIdentifier && is_alphanumeric(value.front()) &&
         std::ranges::all_of(value, is_identifier_character);
}

void identifier(std::string_view value, const std::string& field) {
  length(value, kMaxIdentifier, field);
  if (value.empty() || !is_alphanumeric(value.front()) ||
      !std::ranges::all_of(value, is_identifier_character)) {
    throw Fault(FaultCode::INVALID_ARGUMENT,
                field + " must begin with a letter or digit and hold letters, digits and . _ : @ + - only",
                field);
  }
}

void length(std::string_view value, std::size_t max, const std::string& field) {
  if (characters(value) > max) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, field + " has more than " + std::to_string(max) + " characters",
                field);
  }
}

void filled(std::string_view value, std::size_t max, const std::string& field) {
  if (value.empty()) throw Fault(FaultCode::INVALID_ARGUMENT, field + " must not be empty", field);
  length(value, max, field);
}

void range(std::int64_t value, std::int64_t least, std::int64_t most, const std::string& field) {
  if (value < least || value > most) {
    throw Fault(FaultCode::INVALID_ARGUMENT,
                field + " must be from " + std::to_string(least) + " to " + std::to_string(most), field);
  }
}

void count(std::size_t items, std::size_t max, const std::string& field) {
  if (items > max) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, field + " has more than " + std::to_string(max) + " items", field);
  }
}

void room(std::size_t held, std::size_t max, const std::string& what, const std::string& field) {
  if (held >= max) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "there are at most " + std::to_string(max) + " " + what, field);
  }
}

void in_future(Time value, Time now, const std::string& field) {
  if (value <= now) throw Fault(FaultCode::INVALID_ARGUMENT, field + " must be in the future", field);
}

}  // namespace whitebrick::check
