#pragma once
// Rules as iCalendar texts: RFC 5545 VEVENT, RFC 7953 VAVAILABILITY. Pure. How they map is
// told in availability.wsdl, ImportCalendar and ExportCalendar.

#include <optional>
#include <string>
#include <vector>

#include "modules/availability/calendar.hpp"
#include "modules/availability/filter.hpp"

namespace whitebrick::availability {

inline constexpr std::size_t kMaxCalendarText = 65536;

// A mode that a text is about, as it is made when it is missing. Of one made by X-WHITEBRICK-MODE
// only the name is known.
struct CalendarMode {
  std::string mode;
  bool named = false;  // must exist
  std::string activity;
  ModeState state = ModeState::kNotAvailable;
  int priority = 0;
  std::vector<Rule> rules;
};

struct CalendarContent {
  std::vector<CalendarMode> modes;
  std::optional<std::vector<Rule>> of_profile;
  int skipped = 0;
};

// Events without a name of their own go to `mode`, which must exist, or else to "ical-event".
// Faults: INVALID_ARGUMENT(calendar, timeZone), LIMIT_EXCEEDED(calendar).
CalendarContent read_calendar(const std::string& text, const std::optional<std::string>& mode);

// Leaves of a rule what begins in this interval; of what does not recur, also what reaches into it. False:
// that is nothing. Faults: INVALID_ARGUMENT and LIMIT_EXCEEDED(recurrence).
bool cut(Rule&, const Interval&);

// What a rule is written with.
struct WrittenRule {
  Rule rule;
  bool of_profile = false;
  bool as_availability = false;
  std::string summary;
  int priority = 0;
};
std::string write_calendar(const std::vector<WrittenRule>&);

}  // namespace whitebrick::availability
