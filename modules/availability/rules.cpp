// Rules as a user writes them (A5, A6), and the way back to them from an order by hand.
#include <algorithm>
#include <unordered_map>

#include "modules/availability/availability.hpp"
#include "modules/availability/mode_changed.hpp"
#include "modules/availability/rules.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

constexpr std::string_view kModeIds = "SELECT id, name, contacts FROM mode WHERE profile_id = ?";

struct KnownMode {
  std::uint64_t id;
  bool general;
};
using KnownModes = std::unordered_map<std::string, KnownMode>;

KnownModes known_modes(db::Session& db, std::uint64_t profile_id) {
  KnownModes modes;
  db.query(
      kModeIds,
      [&](const db::Row& row) {
        return modes.emplace(row.text("name"), KnownMode{row.id("id"), row.number("contacts") == 0}).second;
      },
      profile_id);
  return modes;
}

const KnownMode& mode_named(const KnownModes& modes, const std::string& name) {
  check::identifier(std::string_view(name), "modeId");
  const auto found = modes.find(name);
  if (found == modes.end()) throw Fault(FaultCode::NOT_FOUND, "the profile has no such mode", "modeId");
  return found->second;
}

// The rules together with those that stay, because what all cost is limited.
void check_with(const std::vector<StoredRule>& stored, const std::optional<std::string>& mode,
                std::vector<Rule>& rules) {
  std::vector<Rule> of_modes, of_profile;
  for (const StoredRule& old : stored) {
    if (old.source == RuleSource::kMode && old.placed.rule.mode != mode) of_modes.push_back(old.placed.rule);
    if (old.source == RuleSource::kProfile && mode) of_profile.push_back(old.placed.rule);
  }
  std::vector<Rule>& target = mode ? of_modes : of_profile;
  target.insert(target.begin(), rules.begin(), rules.end());  // first: a fault is about them
  check_rules(of_modes, of_profile);
  std::copy_n(target.begin(), rules.size(), rules.begin());
}

}  // namespace

profiles::Written Availability::put_rules(db::Session& db, const profiles::ProfileKey& key,
                                          const std::optional<std::string>& mode, std::vector<Rule> rules,
                                          std::optional<std::uint64_t> if_version) {
  check::count(rules.size(), kMaxRules, "rule");
  const auto version = lock_calendar(db, key.id);
  profiles::demand_version(version, if_version, "the calendar");
  const KnownModes modes = known_modes(db, key.id);
  const std::uint64_t mode_id = mode ? mode_named(modes, *mode).id : 0;
  for (Rule& rule : rules) {
    if (mode)
      rule.mode = *mode;
    else
      mode_named(modes, rule.mode);
  }
  check_with(stored_rules(db, key.id), mode, rules);

  if (mode)
    drop_rules(db, key.id, RuleSource::kMode, mode_id);
  else
    drop_rules(db, key.id, RuleSource::kProfile);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    store_rule(db, key.id, mode ? RuleSource::kMode : RuleSource::kProfile, modes.at(rules[i].mode).id, i,
               rules[i]);
  }
  if (recompile(db, key.id, true)) publish_mode_changed(db, events_, key);
  return {version.value_or(0) + 1, !version};
}

namespace {

constexpr std::string_view kEndOrders = R"sql(
DELETE FROM mode_activation WHERE profile_id = ?)sql";
constexpr std::string_view kCountOrders = R"sql(
SELECT COUNT(*) AS orders FROM mode_activation
WHERE profile_id = ? AND (until_at IS NULL OR until_at > UTC_TIMESTAMP(6)))sql";
constexpr std::string_view kCountOffs = R"sql(
SELECT COUNT(*) AS orders FROM mode_rule WHERE profile_id = ? AND source = 3 AND end_local > UTC_TIMESTAMP(6))sql";

}  // namespace

int Availability::resume_rules(db::Session& db, const profiles::ProfileKey& key) {
  const auto count = [&](std::string_view orders) {
    return db
        .query_one(
            orders, [](const db::Row& row) { return static_cast<int>(row.number("orders")); }, key.id)
        .value_or(0);
  };
  const int orders = count(kCountOrders);
  bool changed = db.execute(kEndOrders, key.id) > 0;
  const int offs = count(kCountOffs);
  if (offs > 0) {
    lock_calendar(db, key.id);
    drop_rules(db, key.id, RuleSource::kOrder);
    changed = recompile(db, key.id, false) || changed;
  }
  if (changed) publish_mode_changed(db, events_, key);
  return orders + offs;
}

std::vector<PlannedMode> Availability::preview_calendar(db::Session& db, const profiles::ProfileKey& key,
                                                        Time from, Time to) {
  if (to <= from) throw Fault(FaultCode::INVALID_ARGUMENT, "the end must be after the beginning", "to");
  const Time least(std::chrono::sys_days(std::chrono::year(1971) / 1 / 1));
  const Time most(std::chrono::sys_days(std::chrono::year(2100) / 1 / 1));
  if (from < least || from > most) throw Fault(FaultCode::INVALID_ARGUMENT, "from 1971 to 2100", "from");
  if (to - from > kLongest) throw Fault(FaultCode::LIMIT_EXCEEDED, "at most 366 days", "to");
  std::vector<PlacedRule> rules;
  std::unordered_map<std::uint64_t, std::string> names;
  for (StoredRule& stored : stored_rules(db, key.id)) {
    names.emplace(stored.placed.mode_id, stored.placed.rule.mode);
    rules.push_back(std::move(stored.placed));
  }
  std::vector<PlannedMode> planned;
  for (const ModeInterval& interval : compile(rules, from, to)) {
    planned.push_back({names.at(interval.mode_id), interval.begin, interval.end});
  }
  check::count(planned.size(), check::kMaxItems, "to");
  return planned;
}

namespace {

constexpr std::string_view kDeleteRow = "DELETE FROM mode WHERE id = ?";
constexpr std::string_view kDeleteContacts = "DELETE FROM mode_contact WHERE mode_id = ?";
constexpr std::string_view kDeleteActivation =
    "DELETE FROM mode_activation WHERE profile_id = ? AND mode_id = ?";
constexpr std::string_view kDeleteRules = "DELETE FROM mode_rule WHERE profile_id = ? AND mode_id = ?";
constexpr std::string_view kLockModeRow =
    "SELECT id, version FROM mode WHERE profile_id = ? AND name = ? FOR UPDATE";

}  // namespace

void Availability::delete_mode(db::Session& db, const profiles::ProfileKey& key, const std::string& mode,
                               std::optional<std::uint64_t> if_version) {
  check::identifier(std::string_view(mode), "modeId");
  const auto stored = db.query_one(
      kLockModeRow, [](const db::Row& row) { return std::pair(row.id("id"), row.id("version")); }, key.id,
      mode);
  if (!stored) throw Fault(FaultCode::NOT_FOUND, "the profile has no such mode", "modeId");
  profiles::demand_version(stored->second, if_version, "the mode");
  const std::uint64_t id = stored->first;
  bool changed = db.execute(kDeleteActivation, key.id, id) > 0;
  db.execute(kDeleteContacts, id);
  db.execute(kDeleteRow, id);
  if (db.execute(kDeleteRules, key.id, id) > 0) {
    lock_calendar(db, key.id);
    changed = recompile(db, key.id, true) || changed;
  }
  if (changed) publish_mode_changed(db, events_, key);
}

}  // namespace whitebrick::availability
