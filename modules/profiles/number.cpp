#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <string_view>

#include "modules/profiles/profiles.hpp"
#include "modules/profiles/sip_uri.hpp"
#include "server/fault.hpp"

namespace whitebrick::profiles {
namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

constexpr std::size_t kMaxNumber = 256;  // of the columns that hold one
constexpr std::size_t kMaxDigits = 15;   // E.164

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Numbers that were found to be in their one form already: libphonenumber takes 6 us for
// each, too much for a question about a thousand. Exact, as 15 digits fit into 64 bits;
// who comes later takes the place of who was there.
class KnownNumbers {
 public:
  // 0: not of the form that can be kept.
  static std::uint64_t key(std::string_view digits) {
    if (digits.empty() || digits.size() > kMaxDigits || digits.front() == '0') return 0;
    std::uint64_t key = 0;
    for (const char c : digits) {
      if (!is_digit(c)) return 0;
      key = key * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return key;
  }
  bool holds(std::uint64_t key) const { return slot(key).load(std::memory_order_relaxed) == key; }
  void add(std::uint64_t key) { slot(key).store(key, std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kSlots = 1 << 15;
  std::atomic<std::uint64_t>& slot(std::uint64_t key) { return slots_[(key * 0x9E3779B97F4A7C15ULL) >> 49]; }
  const std::atomic<std::uint64_t>& slot(std::uint64_t key) const {
    return slots_[(key * 0x9E3779B97F4A7C15ULL) >> 49];
  }
  std::array<std::atomic<std::uint64_t>, kSlots> slots_{};
};
constinit KnownNumbers known_numbers;

// "+33123456789", or nothing for what cannot be a number of any country.
std::optional<std::string> to_e164(const std::string& number) {
  const auto& rules = *PhoneNumberUtil::GetInstance();
  PhoneNumber parsed;
  if (rules.Parse(number, "ZZ", &parsed) != PhoneNumberUtil::NO_PARSING_ERROR) return std::nullopt;
  // Possible, not valid: numbering plans grow faster than the library's tables.
  if (!rules.IsPossibleNumber(parsed)) return std::nullopt;
  std::string out;
  rules.Format(parsed, PhoneNumberUtil::E164, &out);
  return out;
}

// The library looks for a number inside of any text; we take nothing but a number.
std::optional<std::string> normalise_e164(std::string_view number, std::string_view separators) {
  if (!number.starts_with('+')) return std::nullopt;
  const std::string_view rest = number.substr(1);
  const auto key = KnownNumbers::key(rest);
  if (key != 0 && known_numbers.holds(key)) return "tel:" + std::string(number);
  if (rest.empty() || !is_digit(rest.front()) || !is_digit(rest.back())) return std::nullopt;
  if (!std::ranges::all_of(
          rest, [&](char c) { return is_digit(c) || separators.find(c) != std::string_view::npos; })) {
    return std::nullopt;
  }
  const auto e164 = to_e164(std::string(number));
  if (!e164) return std::nullopt;
  if (key != 0 && *e164 == number) known_numbers.add(key);
  return "tel:" + *e164;
}

// RFC 3966. Local numbers are nobody's without their context; an extension or sub-address
// is somebody else than the number.
std::optional<std::string> normalise_tel(std::string_view rest) {
  const std::size_t end = rest.find(';');
  if (end != std::string_view::npos) {
    std::string parameters(rest.substr(end));
    std::ranges::transform(parameters, parameters.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    for (const char* refused : {";ext=", ";isub=", ";phone-context="}) {
      if (parameters.find(refused) != std::string::npos) return std::nullopt;
    }
  }
  return normalise_e164(rest.substr(0, end), "-.()");
}

// What follows "scheme:", when `number` begins so in any case.
std::optional<std::string_view> after_scheme(std::string_view number, std::string_view scheme) {
  if (number.size() <= scheme.size() || number[scheme.size()] != ':') return std::nullopt;
  const bool same = std::equal(scheme.begin(), scheme.end(), number.begin(),
                               [](char wanted, char c) { return wanted == c || wanted == (c | 0x20); });
  if (!same) return std::nullopt;
  return number.substr(scheme.size() + 1);
}

std::optional<std::string> normalise(std::string_view number) {
  if (auto rest = after_scheme(number, "tel")) return normalise_tel(*rest);
  for (const std::string_view scheme : {"sip", "sips"}) {
    if (auto rest = after_scheme(number, scheme)) {
      if (auto uri = normalise_sip(*rest)) return std::string(scheme) + ":" + *uri;
      return std::nullopt;
    }
  }
  return normalise_e164(number, " -./()");
}

}  // namespace

std::string normalise_number(const std::string& number, const std::string& field) {
  if (number.size() > kMaxNumber) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, field + " has more than 256 characters", field);
  }
  auto normalised = normalise(number);
  if (!normalised || normalised->size() > kMaxNumber) {
    throw Fault(FaultCode::INVALID_ARGUMENT,
                field + " must be a number with its country code (+33...), or a tel: or sip: URI", field);
  }
  return *std::move(normalised);
}

}  // namespace whitebrick::profiles
