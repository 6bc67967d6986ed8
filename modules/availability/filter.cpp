#include "modules/availability/filter.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

namespace whitebrick::availability {
namespace {

// Greater comes before: narrower, then by order and not by rule, then of higher priority, then
// activated later.
auto rank(const CoveringMode& mode) {
  const int width = mode.contacts == 0 ? std::numeric_limits<int>::max() : mode.contacts;
  return std::tuple(-width, !mode.by_rule, mode.priority, mode.activated_at);
}

Offers offers_of(ModeState state, const Means& means) {
  if (means.offers) return *means.offers;
  return state == ModeState::kNotAvailable ? kDelayed : kAllCommunications;
}

FilterEntry hidden(std::optional<Standing> standing, std::optional<std::size_t> mode) {
  return {.standing = standing, .mode = mode};
}

FilterEntry visible(std::optional<Standing> standing, std::optional<std::size_t> mode, ModeState state,
                    const Means& means) {
  const bool forwards = state == ModeState::kTransfer;
  return {.standing = standing,
          .mode = mode,
          .shown = Shown::kState,
          .state = state,
          .offers = offers_of(state, means),
          .offered = CallAction::kAccept,
          .immediate = forwards ? CallAction::kForward : CallAction::kAccept,
          .otherwise = means.notification == Notification::kNone ? CallAction::kReject : CallAction::kNotify};
}

// Who has no right of his own to know.
FilterEntry by_policy(ProfilePolicy policy, std::optional<std::size_t> mode, ModeState state,
                      const Means& means) {
  switch (policy) {
    case ProfilePolicy::kOpen:
      return visible({}, mode, state, means);
    case ProfilePolicy::kAsk: {
      FilterEntry entry = hidden({}, mode);
      entry.shown = Shown::kMustAsk;
      entry.otherwise = means.notification == Notification::kNone ? CallAction::kReject : CallAction::kNotify;
      return entry;
    }
    case ProfilePolicy::kClosed:
      break;
  }
  return hidden({}, mode);
}

void add_for_others(std::vector<FilterEntry>& entries, ProfilePolicy policy, std::optional<std::size_t> mode,
                    ModeState state, const Means& means) {
  if (state == ModeState::kUnknown) {
    entries.push_back(hidden({}, mode));
    return;
  }
  if (policy != ProfilePolicy::kOpen) entries.push_back(visible(Standing::kKnown, mode, state, means));
  entries.push_back(by_policy(policy, mode, state, means));
}

}  // namespace

Filter compile(const OwnerRules& rules) {
  Filter filter;
  filter.sources.resize(rules.modes.size());
  std::iota(filter.sources.begin(), filter.sources.end(), 0U);
  std::ranges::stable_sort(filter.sources, [&](std::size_t a, std::size_t b) {
    return rank(rules.modes[a]) > rank(rules.modes[b]);
  });
  filter.modes.reserve(rules.modes.size());
  for (const std::size_t source : filter.sources) filter.modes.push_back(rules.modes[source]);

  auto& entries = filter.entries;
  entries.reserve(4 + 3 * filter.modes.size());
  for (std::size_t i = 0; i < filter.modes.size(); ++i) {
    entries.push_back(visible(Standing::kOwner, i, filter.modes[i].state, filter.modes[i].means));
  }
  entries.push_back(visible(Standing::kOwner, {}, rules.default_state, {}));
  entries.push_back(hidden(Standing::kRefused, {}));
  for (std::size_t i = 0; i < filter.modes.size(); ++i) {
    add_for_others(entries, rules.policy, i, filter.modes[i].state, filter.modes[i].means);
  }
  add_for_others(entries, rules.policy, {}, rules.default_state, {});
  return filter;
}

namespace {

bool fits(const Filter& filter, const FilterEntry& entry, const Asker& asker, Time now) {
  if (entry.standing && *entry.standing != asker.standing) return false;
  if (!entry.mode) return true;
  const CoveringMode& mode = filter.modes[*entry.mode];
  if (mode.from && now < *mode.from) return false;
  if (mode.until && now >= *mode.until) return false;
  return mode.contacts == 0 || asker.on_list.empty() || asker.on_list[filter.sources[*entry.mode]];
}

CallAction action_of(const FilterEntry& entry, bool connected, Communication type) {
  if (!holds(entry.offers, type)) return entry.otherwise;
  if (!holds(kImmediate, type)) return entry.offered;
  return entry.immediate == CallAction::kAccept && !connected ? entry.otherwise : entry.immediate;
}

}  // namespace

Verdict evaluate(const Filter& filter, const Asker& asker, Time now, Communication type) {
  const auto found = std::ranges::find_if(
      filter.entries, [&](const FilterEntry& entry) { return fits(filter, entry, asker, now); });
  if (found == filter.entries.end()) return {};
  Verdict verdict{.entry = static_cast<std::size_t>(found - filter.entries.begin()), .shown = found->shown};
  verdict.action = action_of(*found, asker.connected, type);
  if (found->shown == Shown::kState) {
    verdict.state = found->state;
    const bool immediate = asker.connected || found->immediate == CallAction::kForward;
    verdict.offers = immediate ? found->offers : found->offers & kDelayed;
  }
  return verdict;
}

}  // namespace whitebrick::availability
