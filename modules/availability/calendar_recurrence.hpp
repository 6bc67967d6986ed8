#pragma once
// RFC 5545 recurrences, daily or slower. Pure.
//
// Not libical's iterator: its release in Debian 12 leaves out days (YEARLY;BYMONTHDAY=1 outside of
// the first month), and seeks what never comes (30 February) for half a second. A day is
// tested by itself here, so that the work is bounded by the days that are asked for.

#include <optional>
#include <string>
#include <vector>

#include "modules/availability/calendar.hpp"

namespace whitebrick::availability {

struct Recurrence {
  enum class Frequency { kDaily, kWeekly, kMonthly, kYearly };
  struct Day {
    int number = 0;  // 0: every one
    std::chrono::weekday weekday;
  };
  Frequency frequency = Frequency::kDaily;
  int interval = 1;
  std::optional<int> count;
  std::optional<LocalTime> until;  // as written: UTC with `until_is_utc`, else by wall clock
  bool until_is_utc = false;
  std::vector<Day> by_day;
  std::vector<int> by_month_day, by_month, by_year_day, by_week, by_position;
  std::chrono::weekday week_begins = std::chrono::Monday;

  // Faults: INVALID_ARGUMENT(recurrence), LIMIT_EXCEEDED(recurrence).
  static Recurrence parse(const std::string& text);
};

// The days in [from, to] of a recurrence that begins on `first`, COUNT and UNTIL aside; all, or the
// first `most`.
std::vector<std::chrono::local_days> recurring_days(const Recurrence&, std::chrono::local_days first,
                                                    std::chrono::local_days from, std::chrono::local_days to,
                                                    std::size_t most = ~std::size_t{0});

}  // namespace whitebrick::availability
