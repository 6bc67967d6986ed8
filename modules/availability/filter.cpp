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

CallAction missed(const Means& means) {
  return means.notification == Notification::kNone ? CallAction::kReject : CallAction::kNotify;
}

// A mode's say, or that of the profile's default.
struct Say {
  std::optional<std::size_t> mode;  // place of the mode
  ModeState state = ModeState::kAvailable;
  TransferTarget transfer;
  Means means;
};

FilterEntry visible(std::optional<Standing> standing, const Say& say) {
  FilterEntry entry = hidden(standing, say.mode);
  entry.shown = Shown::kState;
  entry.state = say.state;
  entry.offers = offers_of(say.state, say.means);
  entry.immediate = entry.away = entry.otherwise = missed(say.means);
  if (say.state != ModeState::kTransfer) {
    entry.immediate = CallAction::kAccept;
  } else if (say.transfer.number) {
    entry.immediate = entry.away = CallAction::kForward;
  } else if (say.transfer.terminal || (say.transfer.medium && is_call_medium(*say.transfer.medium))) {
    entry.immediate = CallAction::kForward;
  }  // else to a medium of messages: nothing is put through
  return entry;
}

// Who has no right of his own to know.
FilterEntry by_policy(ProfilePolicy policy, const Say& say) {
  if (policy == ProfilePolicy::kOpen) return visible({}, say);
  FilterEntry entry = hidden({}, say.mode);
  if (policy == ProfilePolicy::kAsk) {
    entry.shown = Shown::kMustAsk;
    entry.otherwise = missed(say.means);
  }
  return entry;
}

void add_for_others(std::vector<FilterEntry>& entries, ProfilePolicy policy, const Say& say) {
  if (say.state == ModeState::kUnknown) {
    entries.push_back(hidden({}, say.mode));
    return;
  }
  if (policy != ProfilePolicy::kOpen) entries.push_back(visible(Standing::kKnown, say));
  entries.push_back(by_policy(policy, say));
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

  std::vector<Say> says;  // best first, the default last
  says.reserve(filter.modes.size() + 1);
  for (std::size_t i = 0; i < filter.modes.size(); ++i) {
    const CoveringMode& mode = filter.modes[i];
    says.push_back({i, mode.state, mode.transfer, mode.means});
  }
  says.push_back({{}, rules.default_state, {}, {}});
  auto& entries = filter.entries;
  entries.reserve(1 + 3 * says.size());
  for (const Say& say : says) entries.push_back(visible(Standing::kOwner, say));
  entries.push_back(hidden(Standing::kRefused, {}));
  for (const Say& say : says) add_for_others(entries, rules.policy, say);
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
  if (!holds(entry.offers, type) || !holds(kImmediate, type)) return entry.otherwise;
  return connected ? entry.immediate : entry.away;
}

// What is left of a type when it is not put through.
Communication delayed(Communication type) {
  const bool voice = type == Communication::kVoiceImmediate || type == Communication::kVoiceDelayed;
  return voice ? Communication::kVoiceDelayed : Communication::kWrittenDelayed;
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
    const bool immediate = asker.connected || found->state == ModeState::kTransfer;
    verdict.offers = immediate ? found->offers : found->offers & kDelayed;
    verdict.offered = holds(found->offers, type);
    verdict.messaging = holds(found->offers, delayed(type));
  }
  return verdict;
}

CallRule rule_for(const Filter& filter, Asker asker, Time now, Communication type) {
  asker.connected = true;
  const Verdict there = evaluate(filter, asker, now, type);
  asker.connected = false;
  return {type, there.action, evaluate(filter, asker, now, type).action, there.messaging};
}

}  // namespace whitebrick::availability
