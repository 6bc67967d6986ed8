// libical reads the text; what it says about time zones in VTIMEZONE is not heeded, because
// it may be anything: names are looked up in the system's own.
#include <libical/ical.h>

#include <algorithm>
#include <map>
#include <memory>

#include "modules/availability/calendar_text.hpp"
#include "modules/availability/calendar_zone.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr int kMaxLines = 2000;
constexpr int kMaxDepth = 4;
constexpr int kMaxParameters = 200;  // of a folded line; libical compares each with all
constexpr std::size_t kMaxZoneName = 200;

[[noreturn]] void refuse(const std::string& why) {
  throw Fault(FaultCode::INVALID_ARGUMENT, why, "calendar");
}

struct FreeComponent {
  void operator()(icalcomponent* component) const { icalcomponent_free(component); }
};
using Component = std::unique_ptr<icalcomponent, FreeComponent>;

// Before libical sees it: neither deep nor long.
void check_shape(const std::string& text) {
  if (text.size() > kMaxCalendarText) throw Fault(FaultCode::LIMIT_EXCEEDED, "at most 64 KiB", "calendar");
  int depth = 0, lines = 0, parameters = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (++lines > kMaxLines) throw Fault(FaultCode::LIMIT_EXCEEDED, "at most 2000 lines", "calendar");
    std::string word = text.substr(at, std::min<std::size_t>(end - at, 6));
    if (!word.starts_with(' ') && !word.starts_with('\t')) parameters = 0;
    for (std::size_t i = at; i < end; ++i) parameters += text[i] == ';' && (i == at || text[i - 1] != '\\');
    if (parameters > kMaxParameters)
      throw Fault(FaultCode::LIMIT_EXCEEDED, "at most 200 parameters", "calendar");
    std::ranges::transform(word, word.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
    if (word == "BEGIN:" && ++depth > kMaxDepth) refuse("components are nested too deep");
    if (word.starts_with("END:") && --depth < 0) refuse("a component ends that has not begun");
    at = end + 1;
  }
  if (depth != 0) refuse("a component has no end");
}

Component parse(const std::string& text) {
  check_shape(text);
  Component calendar(icalparser_parse_string(text.c_str()));
  if (!calendar || icalcomponent_isa(calendar.get()) != ICAL_VCALENDAR_COMPONENT)
    refuse("this is no VCALENDAR");
  if (icalcomponent_count_errors(calendar.get()) > 0) refuse("there are errors in the calendar");
  return calendar;
}

std::string zone_named(const std::string& name) {
  // Programs put something before: /freeassociation.sourceforge.net/Europe/Paris.
  for (std::size_t at = 0; at != std::string::npos && name.size() <= kMaxZoneName;
       at = name.find('/', at + 1)) {
    const std::string candidate = name.substr(at + (at < name.size() && name[at] == '/' ? 1 : 0));
    try {
      Zone zone(candidate);
      return candidate;
    } catch (const Fault&) {
      // The next may be one.
    }
  }
  throw Fault(FaultCode::INVALID_ARGUMENT, "a TZID is no IANA time zone", "timeZone");
}

struct Moment {
  LocalTime time;
  std::string zone;
  bool is_date = false;
};

LocalTime fields_of(const icaltimetype& time) {
  const auto date = std::chrono::year(time.year) / std::chrono::month(static_cast<unsigned>(time.month)) /
                    std::chrono::day(static_cast<unsigned>(time.day));
  if (!date.ok() || time.year < 1970 || time.year > 2100)
    refuse("there is a date that is none from 1970 to 2100");
  if (time.is_date) return std::chrono::local_days(date);
  return std::chrono::local_days(date) + std::chrono::hours(time.hour) + std::chrono::minutes(time.minute) +
         seconds(time.second);
}

Moment moment_of(icalproperty* property, const icaltimetype& time, const std::string& floating) {
  Moment moment{fields_of(time), floating, time.is_date != 0};
  if (icaltime_is_utc(time)) moment.zone = "UTC";
  icalparameter* const zone = icalproperty_get_first_parameter(property, ICAL_TZID_PARAMETER);
  if (zone != nullptr && !icaltime_is_utc(time)) moment.zone = zone_named(icalparameter_get_tzid(zone));
  return moment;
}

LocalTime in_zone(const Moment& moment, const Rule& rule) {
  if (moment.is_date || moment.zone == rule.zone) return moment.time;
  return Zone(rule.zone).to_local(Zone(moment.zone).to_utc(moment.time));
}

// A date among times is the occurrence of that day.
LocalTime occurrence(const Moment& moment, const Rule& rule) {
  if (!moment.is_date) return in_zone(moment, rule);
  return moment.time + (rule.start - std::chrono::floor<days>(rule.start));
}

// Of a VEVENT or AVAILABLE.
class Reader {
 public:
  Reader(icalcomponent* component, const std::string& floating)
      : component_(component), floating_(floating) {}

  icalproperty* first(icalproperty_kind kind) const {
    return icalcomponent_get_first_property(component_, kind);
  }

  std::string text(icalproperty_kind kind) const {
    icalproperty* const property = first(kind);
    const char* const value = property == nullptr ? nullptr : icalproperty_get_value_as_string(property);
    return value == nullptr ? "" : value;
  }

  std::string own(const char* name) const {
    for (icalproperty* p = first(ICAL_X_PROPERTY); p;
         p = icalcomponent_get_next_property(component_, ICAL_X_PROPERTY)) {
      const char* const value = icalproperty_get_value_as_string(p);
      if (std::string_view(icalproperty_get_x_name(p)) == name) return value == nullptr ? "" : value;
    }
    return "";
  }

  std::optional<Moment> moment(icalproperty_kind kind) const {
    icalproperty* const property = first(kind);
    if (property == nullptr) return std::nullopt;
    return moment_of(property, icalvalue_get_datetimedate(icalproperty_get_value(property)), floating_);
  }

  Rule rule() const {
    const auto start = moment(ICAL_DTSTART_PROPERTY);
    if (!start) refuse("DTSTART is missing");
    Rule rule;
    rule.zone = start->zone;
    rule.start = start->time;
    read_end(rule, *start);
    if (first(ICAL_RRULE_PROPERTY) != nullptr) {
      rule.recurrence = text(ICAL_RRULE_PROPERTY);
      if (icalcomponent_count_properties(component_, ICAL_RRULE_PROPERTY) > 1)
        refuse("there is more than one RRULE");
    }
    read_dates(rule);
    return rule;
  }

 private:
  void read_end(Rule& rule, const Moment& start) const {
    const auto end = moment(ICAL_DTEND_PROPERTY);
    if (end) {
      rule.end = in_zone(*end, rule);
    } else if (icalproperty* const property = first(ICAL_DURATION_PROPERTY)) {
      const icaldurationtype length = icalproperty_get_duration(property);
      if (length.is_neg) refuse("a duration is negative");
      const int whole = icaldurationtype_as_int(length);
      if (length.hours == 0 && length.minutes == 0 && length.seconds == 0)
        rule.end = rule.start + seconds(whole);
      else
        rule.duration = std::chrono::ceil<std::chrono::minutes>(seconds(whole));
    } else if (start.is_date) {
      rule.end = rule.start + days(1);
    }
  }

  void read_dates(Rule& rule) const {
    for (icalproperty* p = first(ICAL_EXDATE_PROPERTY); p;
         p = icalcomponent_get_next_property(component_, ICAL_EXDATE_PROPERTY)) {
      rule.except.push_back(occurrence(moment_of(p, icalproperty_get_exdate(p), floating_), rule));
    }
    for (icalproperty* p = first(ICAL_RDATE_PROPERTY); p;
         p = icalcomponent_get_next_property(component_, ICAL_RDATE_PROPERTY)) {
      const icaldatetimeperiodtype date = icalproperty_get_rdate(p);
      if (icaltime_is_null_time(date.time)) refuse("RDATE with periods is not understood");
      rule.extra.push_back(occurrence(moment_of(p, date.time, floating_), rule));
    }
  }

  icalcomponent* component_;
  const std::string& floating_;
};

class Content {
 public:
  explicit Content(const std::optional<std::string>& mode) : mode_(mode) {}

  void add_event(const Reader& event) {
    const Rule rule = event.rule();
    const std::string uid = event.text(ICAL_UID_PROPERTY);
    if (const auto replaced = event.moment(ICAL_RECURRENCEID_PROPERTY)) replaced_[uid].push_back(*replaced);
    const std::string name = event.own("X-WHITEBRICK-MODE"), action = event.own("X-WHITEBRICK-ACTION");
    const bool says_nothing =
        event.text(ICAL_STATUS_PROPERTY) == "CANCELLED" ||
        (name.empty() && (event.text(ICAL_TRANSP_PROPERTY) == "TRANSPARENT" || is_empty(rule)));
    if (says_nothing) {
      ++content_.skipped;
      return;
    }
    if (!action.empty()) {
      add_of_profile(rule, name, action);
      return;
    }
    CalendarMode& target = !name.empty() ? named(name)
                           : mode_       ? named(*mode_)
                                         : made("ical-event", "Event", ModeState::kNotAvailable, 100);
    if (event.moment(ICAL_RECURRENCEID_PROPERTY) == std::nullopt)
      masters_.push_back({uid, target.mode, target.rules.size()});
    target.rules.push_back(rule);
  }

  void add_availability(icalcomponent* component, const std::string& floating) {
    const Reader whole(component, floating);
    const Rule range = range_of(whole);
    const std::string name = whole.own("X-WHITEBRICK-MODE");
    const std::string number = whole.text(ICAL_PRIORITY_PROPERTY);
    const int priority = number.empty() ? 0 : std::stoi(number);
    if (priority < 0 || priority > 9) refuse("PRIORITY is from 0 to 9");
    const int rank = priority == 0 ? 0 : (10 - priority) * 10;
    std::string busy = whole.text(ICAL_BUSYTYPE_PROPERTY);
    if (busy.empty()) busy = "BUSY-UNAVAILABLE";
    if (name.empty()) {
      const bool known = busy == "BUSY" || busy == "BUSY-UNAVAILABLE" || busy == "BUSY-TENTATIVE";
      const std::string type = known ? busy : "BUSY-UNAVAILABLE";
      std::string lower = type;
      std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
      made("ical-" + lower + "-" + std::to_string(priority), type, ModeState::kNotAvailable, rank)
          .rules.push_back(range);
    }
    CalendarMode& open = name.empty() ? made("ical-available-" + std::to_string(priority), "Available",
                                             ModeState::kAvailable, rank + 5)
                                      : named(name);
    for (icalcomponent* part = icalcomponent_get_first_component(component, ICAL_XAVAILABLE_COMPONENT); part;
         part = icalcomponent_get_next_component(component, ICAL_XAVAILABLE_COMPONENT)) {
      const Reader reader(part, floating);
      Rule rule = reader.rule();
      const std::string uid = reader.text(ICAL_UID_PROPERTY);
      const auto replaced = reader.moment(ICAL_RECURRENCEID_PROPERTY);
      if (replaced) replaced_[uid].push_back(*replaced);
      if (!cut(rule, interval_of(range))) continue;
      if (!replaced) masters_.push_back({uid, open.mode, open.rules.size()});
      open.rules.push_back(std::move(rule));
    }
  }

  CalendarContent finished() {
    for (const Master& master : masters_) {
      const auto found = replaced_.find(master.uid);
      if (found == replaced_.end()) continue;
      const auto mode = std::ranges::find(content_.modes, master.mode, &CalendarMode::mode);
      Rule& rule = mode->rules[master.place];
      for (const Moment& moment : found->second) rule.except.push_back(occurrence(moment, rule));
    }
    return std::move(content_);
  }

 private:
  struct Master {
    std::string uid, mode;
    std::size_t place;
  };

  static bool is_empty(const Rule& rule) {
    return (!rule.end && !rule.duration) || (rule.end && *rule.end <= rule.start) ||
           (rule.duration && rule.duration->count() == 0);
  }

  // A VAVAILABILITY may have no beginning and no end.
  static Rule range_of(const Reader& whole) {
    if (whole.first(ICAL_DTSTART_PROPERTY) != nullptr) return whole.rule();
    Rule rule;
    rule.zone = "UTC";
    rule.start = std::chrono::local_days(std::chrono::year(1970) / 1 / 1);
    if (const auto end = whole.moment(ICAL_DTEND_PROPERTY)) rule.end = in_zone(*end, rule);
    return rule;
  }

  static Interval interval_of(const Rule& range) {
    const Zone zone(range.zone);
    Interval interval{zone.to_utc(range.start), std::nullopt};
    if (range.end) interval.end = zone.to_utc(*range.end);
    if (range.duration) interval.end = interval.begin + *range.duration;
    return interval;
  }

  CalendarMode& named(const std::string& name) {
    CalendarMode& mode = made(name, "", ModeState::kNotAvailable, 0);
    mode.named = true;
    return mode;
  }

  CalendarMode& made(const std::string& name, const std::string& activity, ModeState state, int priority) {
    check::identifier(std::string_view(name), "modeId");
    const auto found = std::ranges::find(content_.modes, name, &CalendarMode::mode);
    if (found != content_.modes.end()) return *found;
    content_.modes.push_back({name, false, activity, state, priority, {}});
    return content_.modes.back();
  }

  void add_of_profile(Rule rule, const std::string& name, const std::string& action) {
    if (action != "ACTIVATE" && action != "DEACTIVATE")
      refuse("X-WHITEBRICK-ACTION is ACTIVATE or DEACTIVATE");
    rule.action = action == "ACTIVATE" ? RuleAction::kActivate : RuleAction::kDeactivate;
    rule.mode = name;
    if (!content_.of_profile) content_.of_profile.emplace();
    content_.of_profile->push_back(std::move(rule));
  }

  const std::optional<std::string>& mode_;
  CalendarContent content_;
  std::vector<Master> masters_;
  std::map<std::string, std::vector<Moment>> replaced_;  // occurrences, by UID
};

}  // namespace

CalendarContent read_calendar(const std::string& text, const std::optional<std::string>& mode) {
  const Component calendar = parse(text);
  static const std::string kUtc = "UTC";
  const std::string named = Reader(calendar.get(), kUtc).own("X-WR-TIMEZONE");
  const std::string floating = named.empty() ? kUtc : zone_named(named);
  Content content(mode);
  for (icalcomponent* part = icalcomponent_get_first_component(calendar.get(), ICAL_ANY_COMPONENT); part;
       part = icalcomponent_get_next_component(calendar.get(), ICAL_ANY_COMPONENT)) {
    if (icalcomponent_isa(part) == ICAL_VEVENT_COMPONENT) content.add_event(Reader(part, floating));
    if (icalcomponent_isa(part) == ICAL_VAVAILABILITY_COMPONENT) content.add_availability(part, floating);
  }
  return content.finished();
}

}  // namespace whitebrick::availability
