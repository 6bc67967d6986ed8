#pragma once
// The rules of a profile as stored, and the intervals they are compiled to. Inside the module only.
//
// A profile with rules has a row in mode_calendar; who locks it may change its rules and
// intervals. Intervals lie in the weeks they touch, from this week on for up to kHorizon or
// kMaxRows rows, whichever is less; a job extends them when half of that is over.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/session.hpp"
#include "modules/availability/calendar.hpp"

namespace whitebrick::availability {

inline constexpr std::size_t kMaxActive = 32;  // of a profile at once: by orders, and by rules

enum class RuleSource { kMode = 1, kProfile = 2, kOrder = 3 };

struct StoredRule {
  RuleSource source = RuleSource::kMode;
  PlacedRule placed;  // its mode's name is placed.rule.mode
};

// Also locks; answers the version the calendar had, nothing when there was none.
std::optional<std::uint64_t> lock_calendar(db::Session&, std::uint64_t profile_id);
std::vector<StoredRule> stored_rules(db::Session&, std::uint64_t profile_id);
void drop_rules(db::Session&, std::uint64_t profile_id, RuleSource, std::uint64_t mode_id);
void drop_rules(db::Session&, std::uint64_t profile_id, RuleSource);
void store_rule(db::Session&, std::uint64_t profile_id, RuleSource, std::uint64_t mode_id,
                std::size_t position, const Rule&);
// Of the profile, which must have a locked calendar: `version` grows by one with `edited`. True when
// other modes are active now than before, or since or until another time, or a change had come that nobody
// was told of. Faults with `edited`: LIMIT_EXCEEDED(rule).
bool recompile(db::Session&, std::uint64_t profile_id, bool edited);
// The interval a mode is active in by rules now.
std::optional<Interval> active_interval(db::Session&, std::uint64_t profile_id, std::uint64_t mode_id);

}  // namespace whitebrick::availability
