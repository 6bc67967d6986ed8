#include "modules/availability/calendar_zone.hpp"

#include <libical/ical.h>

#include <algorithm>

#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// The name becomes a file's path in libical.
bool is_zone_name(const std::string& name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  };
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, fits) && name.front() != '/';
}

// The zone is not set: the fields alone are read.
icaltimetype fields_of(sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  icaltimetype fields = icaltime_null_time();
  fields.year = static_cast<int>(date.year());
  fields.month = static_cast<int>(static_cast<unsigned>(date.month()));
  fields.day = static_cast<int>(static_cast<unsigned>(date.day()));
  fields.hour = static_cast<int>(clock.hours().count());
  fields.minute = static_cast<int>(clock.minutes().count());
  fields.second = static_cast<int>(clock.seconds().count());
  return fields;
}

}  // namespace

Zone::Zone(const std::string& name) : zone_(nullptr) {
  if (name == "UTC")
    zone_ = icaltimezone_get_utc_timezone();
  else if (is_zone_name(name))
    zone_ = icaltimezone_get_builtin_timezone(name.c_str());
  if (zone_ == nullptr) throw Fault(FaultCode::INVALID_ARGUMENT, "this is no IANA time zone", "timeZone");
}

seconds Zone::offset_at(sys_seconds time) const {
  icaltimetype fields = fields_of(time);
  return seconds(icaltimezone_get_utc_offset_of_utc_time(zone_, &fields, nullptr));
}

// libical's own way from local time takes the second of two, and earlier where there is none.
Time Zone::to_utc(LocalTime local) const {
  const sys_seconds naive(local.time_since_epoch());
  const seconds before = offset_at(naive - std::chrono::hours(24));
  const seconds after = offset_at(naive + std::chrono::hours(24));
  if (offset_at(naive - before) == before) return naive - before;
  if (offset_at(naive - after) == after) return naive - after;
  return naive - before;
}

LocalTime Zone::to_local(Time time) const {
  const auto whole = std::chrono::floor<seconds>(time);
  return LocalTime(whole.time_since_epoch() + offset_at(whole));
}

}  // namespace whitebrick::availability
