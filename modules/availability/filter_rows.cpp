#include "modules/availability/filter_rows.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "modules/availability/means_row.hpp"
#include "modules/availability/rules.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

constexpr std::string_view kProfile = "SELECT policy, default_state FROM profile WHERE id = ?";
constexpr std::string_view kActive = R"sql(
SELECT a.mode_id AS mode_id, COALESCE(m.state, a.state) AS state, m.name AS mode, m.transfer_to AS transfer_to,
  m.transfer_terminal AS transfer_terminal, m.transfer_medium AS transfer_medium, m.offers AS offers,
  m.call_by AS call_by, m.notification AS notification, COALESCE(m.contacts, 0) AS contacts,
  COALESCE(m.priority, 0) AS priority, a.activated_at AS activated_at, a.until_at AS until_at
FROM mode_activation a LEFT JOIN mode m ON m.id = a.mode_id
WHERE a.profile_id = ? AND (a.until_at IS NULL OR a.until_at > ?) AND COALESCE(m.state, a.state) IS NOT NULL
ORDER BY a.slot)sql";

CoveringMode read_active(const db::Row& row) {
  CoveringMode mode = read_covering(row);
  mode.activated_at = row.time("activated_at");
  mode.until = row.time_or_null("until_at");
  return mode;
}

constexpr std::string_view kOfRules = R"sql(
SELECT m.id AS mode_id, m.state AS state, m.name AS mode, m.transfer_to AS transfer_to,
  m.transfer_terminal AS transfer_terminal, m.transfer_medium AS transfer_medium, m.offers AS offers,
  m.call_by AS call_by, m.notification AS notification, m.contacts AS contacts, m.priority AS priority,
  NULL AS until_at, UTC_TIMESTAMP(6) AS activated_at
FROM mode m WHERE m.id IN (SELECT mode_id FROM mode_rule WHERE profile_id = ?))sql";

// The periods that rules come to.
void add_of_rules(db::Session& db, std::uint64_t profile_id, Time from, Time to, LoadedRules& loaded) {
  std::vector<PlacedRule> rules;
  for (StoredRule& stored : stored_rules(db, profile_id)) rules.push_back(std::move(stored.placed));
  if (rules.empty()) return;
  std::unordered_map<std::uint64_t, CoveringMode> modes;
  db.query(
      kOfRules, [&](const db::Row& row) { return modes.emplace(row.id("mode_id"), read_active(row)).second; },
      profile_id);
  for (const ModeInterval& interval : compile(rules, from, to)) {
    const auto found = modes.find(interval.mode_id);
    if (found == modes.end()) continue;  // it was deleted meanwhile
    CoveringMode mode = found->second;
    mode.activated_at = interval.begin;
    if (interval.begin > from) mode.from = interval.begin;
    mode.until = interval.end;
    mode.by_rule = true;
    loaded.mode_ids.push_back(interval.mode_id);
    loaded.rules.modes.push_back(std::move(mode));
  }
}

}  // namespace

LoadedRules load_rules(db::Session& db, std::uint64_t profile_id, Time from, Time to) {
  LoadedRules loaded;
  const auto found = db.query_one(
      kProfile,
      [&](const db::Row& row) {
        loaded.rules.policy = static_cast<ProfilePolicy>(row.number("policy"));
        loaded.rules.default_state = static_cast<ModeState>(row.number("default_state"));
        return true;
      },
      profile_id);
  if (!found) throw Fault(FaultCode::NOT_FOUND, "the user has no such profile", "profileId");
  db.query(
      kActive,
      [&](const db::Row& row) {
        loaded.mode_ids.push_back(row.id("mode_id"));
        loaded.rules.modes.push_back(read_active(row));
        return true;
      },
      profile_id, from);
  add_of_rules(db, profile_id, from, to, loaded);
  return loaded;
}

namespace {

constexpr std::string_view kConnected = "SELECT 1 AS yes FROM access_session WHERE profile_id = ? LIMIT 1";
constexpr std::string_view kListed = R"sql(
SELECT l.kind AS kind FROM contact_list l
WHERE l.profile_id = ? AND l.kind IN (2, 3) AND (l.number = ? OR l.number IN
  (SELECT o.contact_number FROM profile p JOIN profile o ON o.user_id = p.user_id WHERE p.contact_number = ?)))sql";
constexpr std::string_view kGrants = R"sql(
SELECT g.id AS id, g.from_at AS from_at, g.until_at AS until_at
FROM profile p JOIN authorisation g ON g.asker_user_id = p.user_id
WHERE p.contact_number = ? AND g.owner_profile_id = ? AND g.state = 2 AND g.one_shot = 0)sql";
constexpr std::string_view kOwner = R"sql(
SELECT 1 AS yes FROM profile p JOIN profile o ON o.user_id = p.user_id WHERE p.id = ? AND o.contact_number = ?)sql";
constexpr std::string_view kCovering = R"sql(
SELECT c.mode_id AS mode_id FROM mode m JOIN mode_contact c ON c.mode_id = m.id
WHERE m.profile_id = ? AND (c.number = ? OR c.number IN
  (SELECT o.contact_number FROM profile p JOIN profile o ON o.user_id = p.user_id WHERE p.contact_number = ?)))sql";

bool yes(const db::Row&) { return true; }

}  // namespace

LoadedAsker load_asker(db::Session& db, std::uint64_t profile_id, const std::optional<std::string>& number,
                       const LoadedRules& loaded) {
  LoadedAsker asker;
  asker.connected = db.query_one(kConnected, yes, profile_id).has_value();
  asker.on_list.assign(loaded.rules.modes.size(), false);
  if (!number) return asker;
  asker.owner = db.query_one(kOwner, yes, profile_id, *number).has_value();
  for (const auto kind : db.query(
           kListed, [](const db::Row& row) { return row.number("kind"); }, profile_id, *number, *number)) {
    (kind == 2 ? asker.authorised : asker.refused) = true;
  }
  asker.grants = db.query(
      kGrants,
      [](const db::Row& row) {
        return Grant{row.id("id"), row.time_or_null("from_at"), row.time_or_null("until_at")};
      },
      *number, profile_id);
  const auto covering = db.query(
      kCovering, [](const db::Row& row) { return row.id("mode_id"); }, profile_id, *number, *number);
  const std::unordered_set<std::uint64_t> modes(covering.begin(), covering.end());
  for (std::size_t i = 0; i < loaded.mode_ids.size(); ++i)
    asker.on_list[i] = modes.contains(loaded.mode_ids[i]);
  return asker;
}

const Grant* LoadedAsker::grant_at(Time time) const {
  const auto found = std::ranges::find_if(grants, [&](const Grant& grant) { return grant.lives_at(time); });
  return found == grants.end() ? nullptr : &*found;
}

Asker LoadedAsker::at(Time time) const {
  Asker asker{.standing = Standing::kOther, .on_list = on_list, .connected = connected};
  if (owner)
    asker.standing = Standing::kOwner;
  else if (refused)
    asker.standing = Standing::kRefused;
  else if (authorised || grant_at(time) != nullptr)
    asker.standing = Standing::kKnown;
  return asker;
}

}  // namespace whitebrick::availability
