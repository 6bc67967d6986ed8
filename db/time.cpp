#include "db/time.hpp"

#include <array>
#include <charconv>
#include <cstdio>

#include "db/error.hpp"

namespace whitebrick::db {
namespace {

[[noreturn]] void refuse(std::string_view text) {
  throw Error(0, "not a date and time: '" + std::string(text.substr(0, 40)) + "'");
}

// Reads exactly `width` digits at `at`.
unsigned digits(std::string_view text, std::size_t at, std::size_t width) {
  unsigned value = 0;
  const char* first = text.data() + at;
  auto [end, problem] = std::from_chars(first, first + width, value);
  if (problem != std::errc{} || end != first + width) refuse(text);
  return value;
}

}  // namespace

std::string to_sql(Time time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::array<char, 40> text;
  const int length = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02u %02d:%02d:%02d.%06d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

Time from_sql(std::string_view text) {
  using namespace std::chrono;
  constexpr std::size_t kToSeconds = 19, kMaxFraction = 6;
  if (text.size() < kToSeconds || text[4] != '-' || text[7] != '-' || (text[10] != ' ' && text[10] != 'T') ||
      text[13] != ':' || text[16] != ':') {
    refuse(text);
  }
  const year_month_day date{year(static_cast<int>(digits(text, 0, 4))), month(digits(text, 5, 2)),
                            day(digits(text, 8, 2))};
  const unsigned hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) refuse(text);
  unsigned micro = 0;
  if (text.size() > kToSeconds) {
    const std::size_t width = text.size() - kToSeconds - 1;
    if (text[kToSeconds] != '.' || width == 0 || width > kMaxFraction) refuse(text);
    micro = digits(text, kToSeconds + 1, width);
    for (std::size_t i = width; i < kMaxFraction; ++i) micro *= 10;
  }
  return sys_days(date) + hours(hour) + minutes(minute) + seconds(second) + microseconds(micro);
}

}  // namespace whitebrick::db
