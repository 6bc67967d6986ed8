#include "modules/availability/calendar_recurrence.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace whitebrick::availability {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::weekday;
using std::chrono::year_month_day;
using Frequency = Recurrence::Frequency;

bool has(const std::vector<int>& values, int value) {
  return std::ranges::find(values, value) != values.end();
}

// Counted from the front or, negative, from the back.
bool has_of(const std::vector<int>& values, int number, int total) {
  return has(values, number) || has(values, number - total - 1);
}

local_days year_begin(std::chrono::year year) { return local_days(year / 1 / 1); }

int days_of(std::chrono::year year) {
  return static_cast<int>((year_begin(year + std::chrono::years(1)) - year_begin(year)).count());
}

int days_of(std::chrono::year_month month) {
  return static_cast<int>(unsigned((month / std::chrono::last).day()));
}

struct Week {
  std::chrono::year year;
  int number, total;
};

// The first week of a year has at least four of its days.
int week_number(local_days fourth_day) {
  const std::chrono::year year = year_month_day(fourth_day).year();
  return static_cast<int>((fourth_day - year_begin(year)).count()) / 7 + 1;
}

local_days week_begin(local_days day, weekday begins) { return day - (weekday(day) - begins); }

Week week_of(local_days day, weekday begins) {
  const local_days fourth = week_begin(day, begins) + days(3);
  const std::chrono::year year = year_month_day(fourth).year();
  const local_days in_last = local_days(year / 12 / 28);  // always in the last week
  return {year, week_number(fourth), week_number(week_begin(in_last, begins) + days(3))};
}

// One day, and what the parts of a recurrence ask about it.
struct Asked {
  local_days day;
  year_month_day date;
  explicit Asked(local_days d) : day(d), date(d) {}

  int month() const { return static_cast<int>(unsigned(date.month())); }
  int month_day() const { return static_cast<int>(unsigned(date.day())); }
  int year_day() const { return static_cast<int>((day - year_begin(date.year())).count()) + 1; }
  int month_days() const { return days_of(date.year() / date.month()); }
};

bool in_phase(const Recurrence& rule, const Asked& asked, const Asked& first) {
  if (rule.interval == 1) return true;
  long distance = 0;
  switch (rule.frequency) {
    case Frequency::kDaily:
      distance = (asked.day - first.day).count();
      break;
    case Frequency::kWeekly:
      distance =
          (week_begin(asked.day, rule.week_begins) - week_begin(first.day, rule.week_begins)).count() / 7;
      break;
    case Frequency::kMonthly:
      distance = (asked.date.year() - first.date.year()).count() * 12L + asked.month() - first.month();
      break;
    case Frequency::kYearly:
      distance = rule.by_week.empty()
                     ? (asked.date.year() - first.date.year()).count()
                     : (week_of(asked.day, rule.week_begins).year - week_of(first.day, rule.week_begins).year)
                           .count();
      break;
  }
  return distance % rule.interval == 0;
}

bool on_week_day(const Recurrence& rule, const Asked& asked) {
  const bool in_year = rule.frequency == Frequency::kYearly && rule.by_month.empty();
  const int at = in_year ? asked.year_day() : asked.month_day();
  const int total = in_year ? days_of(asked.date.year()) : asked.month_days();
  return std::ranges::any_of(rule.by_day, [&](const Recurrence::Day& day) {
    if (day.weekday != weekday(asked.day)) return false;
    if (day.number == 0) return true;
    return day.number > 0 ? (at - 1) / 7 + 1 == day.number : (total - at) / 7 + 1 == -day.number;
  });
}

// What the start says where no part does.
bool as_first(const Recurrence& rule, const Asked& asked, const Asked& first) {
  if (!rule.by_day.empty() || !rule.by_month_day.empty() || !rule.by_year_day.empty()) return true;
  switch (rule.frequency) {
    case Frequency::kDaily:
      return true;
    case Frequency::kWeekly:
      return weekday(asked.day) == weekday(first.day);
    case Frequency::kMonthly:
      return asked.month_day() == first.month_day();
    case Frequency::kYearly:
      break;
  }
  if (!rule.by_week.empty()) return weekday(asked.day) == weekday(first.day);
  return asked.month_day() == first.month_day() && (!rule.by_month.empty() || asked.month() == first.month());
}

bool matches(const Recurrence& rule, local_days day, const Asked& first) {
  const Asked asked(day);
  if (!in_phase(rule, asked, first) || !as_first(rule, asked, first)) return false;
  if (!rule.by_month.empty() && !has(rule.by_month, asked.month())) return false;
  if (!rule.by_month_day.empty() && !has_of(rule.by_month_day, asked.month_day(), asked.month_days()))
    return false;
  if (!rule.by_year_day.empty() && !has_of(rule.by_year_day, asked.year_day(), days_of(asked.date.year())))
    return false;
  if (!rule.by_day.empty() && !on_week_day(rule, asked)) return false;
  if (rule.by_week.empty()) return true;
  const Week week = week_of(day, rule.week_begins);
  return has_of(rule.by_week, week.number, week.total);
}

// The month or year that a position counts in.
std::pair<local_days, local_days> period_of(const Recurrence& rule, local_days day) {
  const year_month_day date(day);
  if (rule.frequency == Frequency::kYearly) {
    return {year_begin(date.year()), year_begin(date.year() + std::chrono::years(1))};
  }
  const auto month = date.year() / date.month();
  return {local_days(month / 1), local_days((month + std::chrono::months(1)) / 1)};
}

}  // namespace

std::vector<local_days> recurring_days(const Recurrence& rule, local_days first, local_days from,
                                       local_days to, std::size_t most) {
  const Asked origin(first);
  from = std::max(from, first);
  std::vector<local_days> found;
  if (rule.by_position.empty()) {
    for (local_days day = from; day <= to && found.size() < most; day += days(1)) {
      if (matches(rule, day, origin)) found.push_back(day);
    }
    return found;
  }
  for (auto [begin, end] = period_of(rule, from); begin <= to && found.size() < most;
       std::tie(begin, end) = period_of(rule, end)) {
    std::vector<local_days> all;
    for (local_days day = begin; day < end; day += days(1)) {
      if (matches(rule, day, origin)) all.push_back(day);
    }
    for (std::size_t i = 0; i < all.size() && found.size() < most; ++i) {
      const bool chosen = has_of(rule.by_position, static_cast<int>(i) + 1, static_cast<int>(all.size()));
      if (chosen && all[i] >= from && all[i] <= to) found.push_back(all[i]);
    }
  }
  return found;
}

}  // namespace whitebrick::availability
