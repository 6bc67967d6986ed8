// What rules may say, and how many.
#include <algorithm>
#include <cstdio>
#include <set>
#include <string_view>

#include "modules/availability/calendar.hpp"
#include "modules/availability/calendar_recurrence.hpp"
#include "modules/availability/calendar_zone.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

using std::chrono::days;

constexpr days kCounting{150000};  // that all rules together may be sought through for their COUNT

[[noreturn]] void refuse(const char* why, const char* field) {
  throw Fault(FaultCode::INVALID_ARGUMENT, why, field);
}

void check_length(const Rule& rule) {
  const bool recurs = rule.recurrence || !rule.extra.empty();
  if (rule.end && rule.duration) refuse("give either an end or a duration", "durationMinutes");
  if (rule.end) {
    if (*rule.end <= rule.start) refuse("the end must be after the start", "end");
    if (recurs && *rule.end - rule.start > kLongest) refuse("what recurs lasts at most 366 days", "end");
  }
  if (rule.duration)
    check::range(rule.duration->count(), 1, std::chrono::minutes(kLongest).count(), "durationMinutes");
}

void check_rule(Rule& rule, bool of_profile, days& counting) {
  const Zone zone(rule.zone);
  check_length(rule);
  const bool endless = !rule.end && !rule.duration;
  if (!of_profile) {
    if (rule.action != RuleAction::kActivate) refuse("a rule in a mode says when it is active", "action");
    if (endless && (rule.recurrence || !rule.extra.empty()))
      refuse("what recurs in a mode needs an end", "end");
  }
  check::count(rule.except.size(), kMaxDates, "except");
  check::count(rule.extra.size(), kMaxDates, "extra");
  rule.last.reset();
  if (!rule.recurrence) return;
  const Recurrence recurrence = Recurrence::parse(*rule.recurrence);
  if (!recurrence.count) return;
  const auto first = std::chrono::floor<days>(rule.start);
  const auto counted = recurring_days(recurrence, first, first, first + counting, *recurrence.count);
  if (counted.size() < static_cast<std::size_t>(*recurrence.count)) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "counting takes too long; give UNTIL", "recurrence");
  }
  counting -= counted.back() - first;
  rule.last = counted.back() + (rule.start - first);
}

}  // namespace

void check_rules(std::vector<Rule>& of_modes, std::vector<Rule>& of_profile) {
  check::count(of_modes.size() + of_profile.size(), kMaxRules, "rule");
  days counting = kCounting;
  std::set<std::string> zones;
  std::size_t recurring = 0, dates = 0;
  const auto check_all = [&](std::vector<Rule>& rules, bool in_profile) {
    for (Rule& rule : rules) {
      zones.insert(rule.zone);
      check::count(zones.size(), kMaxZones, "timeZone");
      if (rule.recurrence) check::count(++recurring, kMaxRecurring, "recurrence");
      dates += rule.except.size() + rule.extra.size();
      check_rule(rule, in_profile, counting);
      check::count(dates, kMaxAllDates, "extra");
    }
  };
  check_all(of_modes, false);
  check_all(of_profile, true);
}

LocalTime parse_local(const std::string& text, const std::string& field) {
  static constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  bool fits = text.size() == 16 || text.size() == kForm.size();
  for (std::size_t i = 0; fits && i < text.size(); ++i) {
    fits = kForm[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == kForm[i];
  }
  const auto part = [&](std::size_t at, std::size_t length) {
    return fits && at < text.size() ? std::stoi(text.substr(at, length)) : 0;
  };
  const auto date = std::chrono::year(part(0, 4)) / std::chrono::month(static_cast<unsigned>(part(5, 2))) /
                    std::chrono::day(static_cast<unsigned>(part(8, 2)));
  const int hour = part(11, 2), minute = part(14, 2), second = part(17, 2);
  if (!fits || !date.ok() || hour > 23 || minute > 59 || second > 59) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "a wall clock time is like 2027-03-28T09:00", field);
  }
  // Beyond, nobody knows when the clocks will change; before, nobody counts in zones of today.
  check::range(static_cast<int>(date.year()), 1970, 2100, field);
  return std::chrono::local_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

std::string local_text(LocalTime time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

}  // namespace whitebrick::availability
