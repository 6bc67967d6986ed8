// Rules from and to iCalendar texts.
#include <algorithm>

#include "modules/availability/availability.hpp"
#include "modules/availability/calendar_text.hpp"
#include "modules/availability/mode_changed.hpp"
#include "modules/availability/rules.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

constexpr std::string_view kModeId = "SELECT id FROM mode WHERE profile_id = ? AND name = ?";

std::optional<std::uint64_t> mode_id(db::Session& db, std::uint64_t profile_id, const std::string& name) {
  return db.query_one(
      kModeId, [](const db::Row& row) { return row.id("id"); }, profile_id, name);
}

std::uint64_t known_id(db::Session& db, std::uint64_t profile_id, const std::string& name) {
  const auto id = mode_id(db, profile_id, name);
  if (!id) throw Fault(FaultCode::NOT_FOUND, "the profile has no such mode", "modeId");
  return *id;
}

// Those that stay and those that come, because what all cost is limited; sets what checked rules have.
void check_all(const std::vector<StoredRule>& stored, CalendarContent& content) {
  std::vector<Rule> of_modes, of_profile;
  for (const CalendarMode& mode : content.modes)
    of_modes.insert(of_modes.end(), mode.rules.begin(), mode.rules.end());
  if (content.of_profile) of_profile = *content.of_profile;
  for (const StoredRule& old : stored) {
    const bool written =
        std::ranges::find(content.modes, old.placed.rule.mode, &CalendarMode::mode) != content.modes.end();
    if (old.source == RuleSource::kMode && !written) of_modes.push_back(old.placed.rule);
    if (old.source == RuleSource::kProfile && !content.of_profile) of_profile.push_back(old.placed.rule);
  }
  check_rules(of_modes, of_profile);
  auto checked = of_modes.begin();
  for (CalendarMode& mode : content.modes) {
    for (Rule& rule : mode.rules) rule = *checked++;
  }
  if (content.of_profile)
    std::copy_n(of_profile.begin(), content.of_profile->size(), content.of_profile->begin());
}

}  // namespace

ImportedCalendar Availability::import_calendar(db::Session& db, const profiles::ProfileKey& key,
                                               const std::string& text,
                                               const std::optional<std::string>& mode,
                                               std::optional<std::uint64_t> if_version) {
  check::identifier(mode, "modeId");
  CalendarContent content = read_calendar(text, mode);
  if (mode) known_id(db, key.id, *mode);
  const auto version = lock_calendar(db, key.id);
  profiles::demand_version(version, if_version, "the calendar");
  check_all(stored_rules(db, key.id), content);

  ImportedCalendar imported{
      .version = version.value_or(0) + 1, .modes = {}, .rules = 0, .skipped = content.skipped};
  const auto store = [&](RuleSource source, std::uint64_t id, const Rule& rule, std::size_t place) {
    store_rule(db, key.id, source, id, place, rule);
    ++imported.rules;
  };
  for (const CalendarMode& given : content.modes) {
    if (!given.named && !mode_id(db, key.id, given.mode)) {
      Mode made;
      made.mode = given.mode;
      made.activity = given.activity;
      made.state = given.state;
      made.priority = given.priority;
      put_mode(db, key, made, {});
    }
    const std::uint64_t id = known_id(db, key.id, given.mode);
    drop_rules(db, key.id, RuleSource::kMode, id);
    for (std::size_t i = 0; i < given.rules.size(); ++i) store(RuleSource::kMode, id, given.rules[i], i);
    imported.modes.push_back(given.mode);
  }
  if (content.of_profile) {
    drop_rules(db, key.id, RuleSource::kProfile);
    for (std::size_t i = 0; i < content.of_profile->size(); ++i) {
      const Rule& rule = (*content.of_profile)[i];
      store(RuleSource::kProfile, known_id(db, key.id, rule.mode), rule, i);
    }
  }
  if (recompile(db, key.id, true)) publish_mode_changed(db, events_, key);
  return imported;
}

std::string Availability::export_calendar(db::Session& db, const profiles::ProfileKey& key) {
  const Modes modes = list_modes(db, key);
  std::vector<WrittenRule> rules;
  const auto add = [&](const Mode& mode, Rule rule, bool of_profile) {
    rule.mode = mode.mode;
    const bool available = !of_profile && mode.state == ModeState::kAvailable && mode.contacts.empty();
    rules.push_back(
        {std::move(rule), of_profile, available, mode.activity.value_or(mode.mode), mode.priority});
  };
  for (const Mode& mode : modes.modes) {
    for (const Rule& rule : mode.rules) add(mode, rule, false);
  }
  for (const Rule& rule : modes.rules) {
    const auto mode = std::ranges::find(modes.modes, rule.mode, &Mode::mode);
    if (mode != modes.modes.end()) add(*mode, rule, true);
  }
  std::string text = write_calendar(rules);
  if (text.size() > kMaxCalendarText) throw Fault(FaultCode::LIMIT_EXCEEDED, "more than 64 KiB", "profileId");
  return text;
}

}  // namespace whitebrick::availability
