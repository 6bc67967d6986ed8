// What rules come to.
#include "modules/availability/calendar.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "modules/availability/calendar_recurrence.hpp"
#include "modules/availability/calendar_zone.hpp"

namespace whitebrick::availability {
namespace {

using std::chrono::hours;

constexpr Time kNever = Time::max();
constexpr std::chrono::days kLookBack{8};  // what recurs each week has its beginning in there
using Years = std::chrono::duration<int, std::ratio_multiply<std::ratio<366>, std::chrono::days::period>>;

// With an end always, kNever for none.
struct Span {
  Time begin, end;
};

std::vector<Interval> to_intervals(const std::vector<Span>& spans) {
  std::vector<Interval> intervals;
  for (const Span& span : spans) {
    intervals.push_back({span.begin, span.end == kNever ? std::nullopt : std::optional(span.end)});
  }
  return intervals;
}

// How long one lasts by the wall clock, at most.
std::chrono::seconds length_of(const Rule& rule) {
  if (rule.end) return *rule.end - rule.start;
  if (rule.duration) return *rule.duration;
  return kLongest;
}

Time end_of(const Rule& rule, const Zone& zone, LocalTime start, Time begin) {
  if (rule.end) return zone.to_utc(start + (*rule.end - rule.start));
  if (rule.duration) return begin + *rule.duration;
  return kNever;
}

bool in(const std::vector<LocalTime>& times, LocalTime time) {
  return std::ranges::find(times, time) != times.end();
}

// Starts in [from, to], of the recurrence alone.
std::vector<LocalTime> recurring_starts(const Rule& rule, const Zone& zone, LocalTime from, LocalTime to) {
  const Recurrence recurrence = Recurrence::parse(rule.recurrence.value());
  const auto first = std::chrono::floor<std::chrono::days>(rule.start);
  if (rule.last) to = std::min(to, *rule.last);
  if (recurrence.until) {
    to = std::min(to, recurrence.until_is_utc ? zone.to_local(Time(recurrence.until->time_since_epoch()))
                                              : *recurrence.until);
  }
  std::vector<LocalTime> starts;
  for (const auto day : recurring_days(recurrence, first, std::chrono::floor<std::chrono::days>(from),
                                       std::chrono::floor<std::chrono::days>(to))) {
    const LocalTime start = day + (rule.start - first);
    if (start >= from && start <= to) starts.push_back(start);
  }
  return starts;
}

// Of a rule without end, `end` is kNever and those count that begin in the kLongest before `from`:
// what they activate lasts no longer, and what ends that comes later.
std::vector<Span> spans_of(const Rule& rule, Time from, Time to) {
  const Zone zone(rule.zone);
  const bool once = !rule.recurrence && rule.extra.empty();
  // A day more on both sides: no zone is further from UTC.
  const LocalTime first = zone.to_local(from) - length_of(rule) - hours(24);
  const LocalTime last = zone.to_local(to) + hours(24);

  std::set<LocalTime> starts;
  if (rule.recurrence) {
    for (const LocalTime start : recurring_starts(rule, zone, first, last)) starts.insert(start);
  } else {
    starts.insert(rule.start);
  }
  for (const LocalTime start : rule.extra) {
    if (start >= first && start <= last) starts.insert(start);
  }
  std::vector<Span> spans;
  for (const LocalTime start : starts) {
    if (in(rule.except, start)) continue;
    const Time begin = zone.to_utc(start);
    const Time end = end_of(rule, zone, start, begin);
    const bool recent = once || begin + kLongest > from;
    if (begin < to && end > from && begin < end && (end != kNever || recent)) spans.push_back({begin, end});
  }
  std::ranges::sort(spans, {}, &Span::begin);
  return spans;
}

std::vector<Span> united(std::vector<Span> spans) {
  std::ranges::sort(spans, {}, &Span::begin);
  std::vector<Span> all;
  for (const Span& span : spans) {
    if (!all.empty() && span.begin <= all.back().end)
      all.back().end = std::max(all.back().end, span.end);
    else
      all.push_back(span);
  }
  return all;
}

// Both in order and without overlaps.
std::vector<Span> without(const std::vector<Span>& spans, const std::vector<Span>& off) {
  std::vector<Span> left;
  auto gap = off.begin();
  for (Span span : spans) {
    while (gap != off.end() && gap->end <= span.begin) ++gap;
    // The last of them may reach into the next span.
    for (auto next = gap; next != off.end() && next->begin < span.end; ++next) {
      if (next->begin > span.begin) left.push_back({span.begin, next->begin});
      span.begin = std::min(next->end, span.end);
    }
    if (span.begin < span.end) left.push_back(span);
  }
  return left;
}

// The first of these instants after `time`.
Time first_after(const std::vector<Time>& instants, Time time) {
  const auto found = std::ranges::upper_bound(instants, time);
  return found == instants.end() ? kNever : *found;
}

// What the rules say of one mode.
struct ModePlan {
  std::vector<Span> periods;      // of the mode itself
  std::vector<Span> activations;  // by the profile; kNever: without end
  std::vector<Span> off;
  std::vector<Time> ends;  // instants
};

struct Start {
  Time begin;
  std::uint64_t mode_id;
};

// Of those that begin before `from` nothing is sure but that they are active there.
std::vector<ModeInterval> intervals_of(const std::vector<PlacedRule>& rules, Time from, Time to) {
  std::map<std::uint64_t, ModePlan> plans;
  std::vector<Start> general_starts;
  for (const PlacedRule& placed : rules) {
    ModePlan& plan = plans[placed.mode_id];
    const bool endless = !placed.rule.end && !placed.rule.duration;
    // What ends after `to` may be ended by what comes later still.
    for (const Span& span : spans_of(placed.rule, from, placed.of_profile ? to + kLongest : to)) {
      if (placed.rule.action == RuleAction::kDeactivate) {
        if (endless)
          plan.ends.push_back(span.begin);
        else
          plan.off.push_back(span);
      } else if (placed.of_profile) {
        plan.activations.push_back(span);
        if (endless && placed.general) general_starts.push_back({span.begin, placed.mode_id});
      } else {
        plan.periods.push_back(span);
      }
    }
  }

  std::vector<ModeInterval> intervals;
  for (auto& [mode_id, plan] : plans) {
    std::vector<Time> others;
    for (const Start& start : general_starts) {
      if (start.mode_id != mode_id) others.push_back(start.begin);
    }
    const bool general =
        std::ranges::any_of(rules, [&](const PlacedRule& r) { return r.mode_id == mode_id && r.general; });
    std::ranges::sort(others);
    std::ranges::sort(plan.ends);
    for (Span span : plan.activations) {
      if (span.end == kNever) {
        span.end = span.begin + kLongest;
        if (general) span.end = std::min(span.end, first_after(others, span.begin));
      }
      span.end = std::min(span.end, first_after(plan.ends, span.begin));
      plan.periods.push_back(span);
    }
    for (const Span& span : without(united(plan.periods), united(plan.off))) {
      if (span.end <= from || span.begin >= to) continue;
      intervals.push_back({mode_id, span.begin, span.end == kNever ? std::nullopt : std::optional(span.end)});
    }
  }
  std::ranges::stable_sort(intervals, {}, &ModeInterval::begin);
  return intervals;
}

// From where on to look for the beginnings of what is active at `from`: from a little before, and where
// that is not enough from a day that is the same for all who look in the same year.
std::array<Time, 2> looks_back(Time from) {
  return {from - kLookBack,
          Time(kLongest * (std::chrono::floor<Years>(from.time_since_epoch()).count() - 1))};
}

}  // namespace

std::vector<Interval> occurrences(const Rule& rule, Time from, Time to) {
  return to_intervals(spans_of(rule, from, to));
}

// Who wins rests on beginnings: they are the same whenever one looks.
std::vector<ModeInterval> compile(const std::vector<PlacedRule>& rules, Time from, Time to) {
  std::vector<ModeInterval> intervals;
  for (const Time start : looks_back(from)) {
    intervals = intervals_of(rules, start, to);
    std::erase_if(intervals, [&](const ModeInterval& i) { return i.end && *i.end <= from; });
    const auto is_sure = [&](const ModeInterval& i) { return i.begin > start; };
    if (std::ranges::all_of(intervals, is_sure)) break;
  }
  return intervals;
}

}  // namespace whitebrick::availability
