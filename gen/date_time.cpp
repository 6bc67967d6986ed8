// xs:dateTime <-> whitebrick::Time. gSOAP's own serializers keep whole seconds only.
// Writes UTC with a Z and a fraction of six digits where there is one; reads any offset
// and fractions down to microseconds (further digits are cut off). Without a zone: UTC.

#include <chrono>
#include <cstdio>
#include <new>
#include <optional>
#include <string_view>

#include "stdsoap2.h"

#include "db/time.hpp"

using whitebrick::Time;

namespace {

class Text {
 public:
  explicit Text(std::string_view rest) : rest_(rest) {}
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Exactly `digits` digits; -1 when there are not.
  int number(std::size_t digits) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const int digit = this->digit();
      if (digit < 0) return -1;
      value = value * 10 + digit;
    }
    return value;
  }
  int digit() {
    if (rest_.empty() || rest_.front() < '0' || rest_.front() > '9') return -1;
    const int digit = rest_.front() - '0';
    rest_.remove_prefix(1);
    return digit;
  }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

std::string_view trimmed(std::string_view s) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = s.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return s.substr(begin, s.find_last_not_of(kSpace) - begin + 1);
}

// -1 .. : the fraction in microseconds, 0 when there is none.
int fraction(Text& text) {
  if (!text.take('.')) return 0;
  int value = 0;
  int digits = 0;
  for (int digit = text.digit(); digit >= 0; digit = text.digit(), ++digits) {
    if (digits < 6) value = value * 10 + digit;
  }
  if (digits == 0) return -1;
  for (; digits < 6; ++digits) value *= 10;
  return value;
}

std::optional<std::chrono::minutes> offset(Text& text) {
  if (text.empty() || text.take('Z')) return std::chrono::minutes{0};
  const bool west = text.take('-');
  if (!west && !text.take('+')) return std::nullopt;
  const int hours = text.number(2);
  if (!text.take(':')) return std::nullopt;
  const int minutes = text.number(2);
  if (hours < 0 || minutes < 0 || minutes > 59 || hours * 60 + minutes > 14 * 60) return std::nullopt;
  const std::chrono::minutes offset{hours * 60 + minutes};
  return west ? -offset : offset;
}

std::optional<Time> parse(std::string_view s) {
  using namespace std::chrono;
  Text text(trimmed(s));
  const int y = text.number(4);
  if (y < 0 || !text.take('-')) return std::nullopt;
  const int m = text.number(2);
  if (m < 0 || !text.take('-')) return std::nullopt;
  const int d = text.number(2);
  if (d < 0 || !text.take('T')) return std::nullopt;
  const int h = text.number(2);
  if (h < 0 || !text.take(':')) return std::nullopt;
  const int min = text.number(2);
  if (min < 0 || !text.take(':')) return std::nullopt;
  const int sec = text.number(2);
  const int micro = fraction(text);
  const auto zone = offset(text);
  const year_month_day date{year{y}, month{static_cast<unsigned>(m)}, day{static_cast<unsigned>(d)}};
  if (sec < 0 || micro < 0 || !zone || !text.empty() || !date.ok() || h > 23 || min > 59 || sec > 59) {
    return std::nullopt;
  }
  return sys_days{date} + hours{h} + minutes{min} + seconds{sec} + microseconds{micro} - *zone;
}

}  // namespace

// The functions that the generated code calls for the type in date_time.h.

void soap_default_xsd__dateTime(struct soap*, Time* time) { *time = Time{}; }

void soap_serialize_xsd__dateTime(struct soap*, const Time*) {}

const char* soap_xsd__dateTime2s(struct soap* soap, Time time) {
  using namespace std::chrono;
  const auto midnight = floor<days>(time);
  const year_month_day date{midnight};
  const hh_mm_ss clock{time - midnight};
  const auto micro = static_cast<long>(clock.subseconds().count());
  int used =
      std::snprintf(soap->tmpbuf, sizeof soap->tmpbuf, "%04d-%02u-%02uT%02ld:%02ld:%02ld", int{date.year()},
                    unsigned{date.month()}, unsigned{date.day()}, static_cast<long>(clock.hours().count()),
                    static_cast<long>(clock.minutes().count()), static_cast<long>(clock.seconds().count()));
  const auto left = sizeof soap->tmpbuf - static_cast<std::size_t>(used);
  if (micro != 0) {
    std::snprintf(soap->tmpbuf + used, left, ".%06ldZ", micro);
  } else {
    std::snprintf(soap->tmpbuf + used, left, "Z");
  }
  return soap->tmpbuf;
}

int soap_out_xsd__dateTime(struct soap* soap, const char* tag, int id, const Time* time, const char* type) {
  if (soap_element_begin_out(soap, tag, id, type) ||
      soap_string_out(soap, soap_xsd__dateTime2s(soap, *time), 0)) {
    return soap->error;
  }
  return soap_element_end_out(soap, tag);
}

int soap_s2xsd__dateTime(struct soap* soap, const char* s, Time* time) {
  const auto parsed = s ? parse(s) : std::nullopt;
  if (!parsed) return soap->error = SOAP_TYPE;
  *time = *parsed;
  return SOAP_OK;
}

Time* soap_in_xsd__dateTime(struct soap* soap, const char* tag, Time* time, const char*) {
  if (soap_element_begin_in(soap, tag, 0, nullptr)) return nullptr;
  if (!time) {
    void* memory = soap_malloc(soap, sizeof(Time));
    if (!memory) return nullptr;
    time = new (memory) Time{};
  }
  if (soap_s2xsd__dateTime(soap, soap_value(soap), time)) return nullptr;
  if (soap->body && soap_element_end_in(soap, tag)) return nullptr;
  return time;
}
