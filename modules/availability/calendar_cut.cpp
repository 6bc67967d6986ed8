#include <algorithm>

#include "modules/availability/calendar_recurrence.hpp"
#include "modules/availability/calendar_text.hpp"
#include "modules/availability/calendar_zone.hpp"

namespace whitebrick::availability {
namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr days kSearch{2922};  // between two 29ths of February there are at most so many

// [from, to) by the wall clock of a rule.
struct Window {
  LocalTime from;
  std::optional<LocalTime> to;
  bool holds(LocalTime time) const { return time >= from && (!to || time < *to); }
};

void move_to(Rule& rule, LocalTime start) {
  if (rule.end) *rule.end += start - rule.start;
  rule.start = start;
}

// What does not recur is cut at both sides.
bool cut_once(Rule& rule, const Zone& zone, const Window& window) {
  if (rule.start < window.from || (window.to && rule.duration)) {
    if (rule.duration) rule.end = zone.to_local(zone.to_utc(rule.start) + *rule.duration);
    rule.duration.reset();
  }
  rule.start = std::max(rule.start, window.from);
  if (window.to) rule.end = std::min(rule.end.value_or(*window.to), *window.to);
  return !rule.end || rule.start < *rule.end;
}

// An RRULE that ends in another way.
std::string ending(const std::string& recurrence, const std::string& end) {
  std::string text;
  for (std::size_t at = 0; at < recurrence.size();) {
    const std::size_t next = std::min(recurrence.find(';', at), recurrence.size());
    const std::string part = recurrence.substr(at, next - at);
    if (!part.starts_with("COUNT=") && !part.starts_with("UNTIL=")) text += part + ";";
    at = next + 1;
  }
  return text + end;
}

// "20270328T090000Z"
std::string utc_stamp(Time time) {
  std::string text = local_text(LocalTime(std::chrono::floor<seconds>(time.time_since_epoch())));
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text + "Z";
}

// Starts of the recurrence that are in the window: all that are counted, or the first.
std::vector<LocalTime> starts_in(const Rule& rule, const Recurrence& recurrence, const Window& window) {
  const auto first = std::chrono::floor<days>(rule.start);
  const auto from = recurrence.count ? first : std::max(first, std::chrono::floor<days>(window.from));
  auto to = from + kSearch;
  if (window.to) to = std::min(to, std::chrono::floor<days>(*window.to));
  const auto found =
      recurring_days(recurrence, first, from, to, static_cast<std::size_t>(recurrence.count.value_or(2)));
  std::vector<LocalTime> starts;
  for (const auto day : found) {
    const LocalTime start = day + (rule.start - first);
    if (window.holds(start)) starts.push_back(start);
  }
  return starts;
}

// False: it has no start in the window.
bool cut_recurrence(Rule& rule, const Zone& zone, Window window) {
  const Recurrence recurrence = Recurrence::parse(rule.recurrence.value());
  const auto starts = starts_in(rule, recurrence, window);
  if (starts.empty()) return false;
  move_to(rule, starts.front());
  if (recurrence.count) {
    if (starts.size() < static_cast<std::size_t>(*recurrence.count))
      rule.recurrence = ending(*rule.recurrence, "COUNT=" + std::to_string(starts.size()));
    return true;
  }
  if (!window.to) return true;
  const LocalTime last = *window.to - seconds(1);
  std::optional<LocalTime> until = recurrence.until;
  if (until && recurrence.until_is_utc) until = zone.to_local(Time(until->time_since_epoch()));
  if (!until || last < *until)
    rule.recurrence = ending(*rule.recurrence, "UNTIL=" + utc_stamp(zone.to_utc(last)));
  return true;
}

}  // namespace

bool cut(Rule& rule, const Interval& whole) {
  const Zone zone(rule.zone);
  const Window window{zone.to_local(whole.begin),
                      whole.end ? std::optional(zone.to_local(*whole.end)) : std::nullopt};
  if (!rule.recurrence && rule.extra.empty()) return cut_once(rule, zone, window);
  std::erase_if(rule.extra, [&](LocalTime start) { return !window.holds(start); });
  const bool begins = rule.recurrence ? cut_recurrence(rule, zone, window) : window.holds(rule.start);
  if (begins) return true;
  rule.recurrence.reset();
  if (rule.extra.empty()) return false;
  const auto first = std::ranges::min_element(rule.extra);
  move_to(rule, *first);
  rule.extra.erase(first);
  return true;
}

}  // namespace whitebrick::availability
