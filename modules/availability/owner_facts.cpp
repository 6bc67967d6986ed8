#include "modules/availability/owner_facts.hpp"

#include <algorithm>

namespace whitebrick::availability {

std::vector<std::uint64_t> OwnerFacts::modes_for_some() const {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, mode] : modes) {
    if (mode.contacts > 0) ids.push_back(id);
  }
  return ids;
}

void AskerRights::add_list(profiles::ListKind kind) {
  (kind == profiles::ListKind::kRefused ? refused : authorised) = true;
}

void AskerRights::add_grant(std::uint64_t id, bool for_once, const std::optional<Time>& from,
                            const std::optional<Time>& until_at) {
  const auto& turn = from ? from : until_at;
  if (turn) until = std::min(until, *turn);
  if (from) return;
  if (for_once)
    grant_for_once = id;
  else
    granted = true;
}

View view_of(const OwnerFacts& owner, const AskerRights& rights, std::uint64_t asker_user_id,
             const std::string& number) {
  View view;
  view.number = number;
  if (owner.profile_id == 0) return view;
  view.owner = profiles::ProfileKey{owner.profile_id, owner.user_id, {}, {}, number};
  Facts& facts = view.facts;
  facts.registered = true;
  facts.asks_himself = asker_user_id != 0 && owner.user_id == asker_user_id;
  facts.policy = owner.policy;
  facts.default_state = owner.default_state;
  facts.connected = owner.connected;
  facts.authorised = rights.authorised;
  facts.refused = rights.refused;
  facts.granted = rights.granted;
  facts.grant_for_once = rights.grant_for_once;
  for (const auto& [id, mode] : owner.modes) {
    if (mode.contacts == 0 || std::ranges::find(rights.covered_by, id) != rights.covered_by.end())
      facts.covering.push_back(mode);
  }
  return view;
}

}  // namespace whitebrick::availability
