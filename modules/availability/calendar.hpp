#pragma once
// Calendar rules (A5, A6): what they say, and what they come to. Pure: no database, no clock.
//
// A rule says when it applies by wall clock in a time zone, once or by an RFC 5545 recurrence
// (daily or slower), with exceptions. Where the clocks are put forward, a time that does not
// exist is as much later; where they are put back, a time that exists twice is the first.
// `end` is by wall clock too (22:00 to 06:00 ends at 06:00 in every night), `duration` is exact.
//
// A rule in a mode gives the periods in which the mode is active. A rule in the profile
//   activates its mode: for a period, or without end until a rule deactivates it, or, as a mode for
//     everybody, until a rule activates another one without end; at most kLongest;
//   deactivates its mode: at an instant, what rules of the profile have activated before; for a
//     period, everything.
// Of one instant deactivation comes first. What overlaps or touches is one interval.
//
// Failures: Fault INVALID_ARGUMENT or LIMIT_EXCEEDED naming the element.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/time.hpp"

namespace whitebrick::availability {

using LocalTime = std::chrono::local_seconds;

inline constexpr std::chrono::days kLongest{366};  // of what recurs, or is activated without end
inline constexpr std::size_t kMaxRules = 200;      // of a profile
inline constexpr std::size_t kMaxRecurring = 40;   // of these
inline constexpr std::size_t kMaxZones = 8;        // of these
inline constexpr std::size_t kMaxDates = 366;      // of exceptions, of extra dates of a rule
inline constexpr std::size_t kMaxAllDates = 2000;  // of both, of a profile

enum class RuleAction { kActivate = 1, kDeactivate = 2 };

struct Rule {
  RuleAction action = RuleAction::kActivate;
  std::string mode;  // in the profile: what it acts on
  std::string zone;  // IANA name
  LocalTime start{};
  std::optional<LocalTime> end;                  // not both; neither: see above, or once in a
  std::optional<std::chrono::minutes> duration;  // mode: for ever
  std::optional<std::string> recurrence;         // value of an RRULE
  std::vector<LocalTime> except, extra;          // starts
  std::optional<LocalTime> last;  // set by checked(): start of the last one, where COUNT says it
};

struct Interval {
  Time begin;
  std::optional<Time> end;
  friend bool operator==(const Interval&, const Interval&) = default;
};

// Checks the rules of one profile, what each says and what they cost; sets `last`.
void check_rules(std::vector<Rule>& of_modes, std::vector<Rule>& of_profile);

// "2027-03-28T09:00" or with seconds. Faults naming `field`.
LocalTime parse_local(const std::string& text, const std::string& field);
std::string local_text(LocalTime);  // "2027-03-28T09:00:00"

// Each time the rule applies that overlaps [from, to), by its beginning.
std::vector<Interval> occurrences(const Rule&, Time from, Time to);

// A rule, and what is known of the mode it acts on.
struct PlacedRule {
  std::uint64_t mode_id = 0;
  bool general = true;  // the mode is for everybody
  bool of_profile = false;
  Rule rule;
};

struct ModeInterval {
  std::uint64_t mode_id = 0;
  Time begin;
  std::optional<Time> end;
  friend bool operator==(const ModeInterval&, const ModeInterval&) = default;
};

// The intervals that overlap [from, to), by their beginning. What goes on for more than a year without a
// gap may be said to begin later than it did, at a time that is the same for a year.
std::vector<ModeInterval> compile(const std::vector<PlacedRule>&, Time from, Time to);

}  // namespace whitebrick::availability
