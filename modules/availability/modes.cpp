// Modes as a user writes them.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "db/list.hpp"
#include "modules/availability/availability.hpp"
#include "modules/availability/means_row.hpp"
#include "modules/availability/mode_changed.hpp"
#include "modules/availability/rules.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

// Of a profile: ListModes answers all.
constexpr std::size_t kMaxModes = 1000;
constexpr std::size_t kMaxModeContacts = 10000;
constexpr int kMaxPriority = 100;

void check_transfer(const profiles::ProfileKey& key, Mode& mode) {
  const auto refuse = [](const char* why, const char* field = "transferTo") {
    throw Fault(FaultCode::INVALID_ARGUMENT, why, field);
  };
  TransferTarget& to = mode.transfer;
  const int targets = (to.number ? 1 : 0) + (to.terminal ? 1 : 0) + (to.medium ? 1 : 0);
  if (mode.state != ModeState::kTransfer && targets > 0) {
    refuse("only the state TRANSFER has something to transfer to", to.number     ? "transferTo"
                                                                   : to.terminal ? "transferToTerminal"
                                                                                 : "transferToMedium");
  }
  if (mode.state != ModeState::kTransfer) return;
  if (targets == 0) refuse("the state TRANSFER needs a number, a terminal or a medium to transfer to");
  if (targets > 1) refuse("transfer to a number, to a terminal or to a medium: to one of them");
  check::identifier(to.terminal, "transferToTerminal");
  if (!to.number) return;
  to.number = profiles::normalise_number(*to.number, "transferTo");
  if (to.number == key.contact_number) refuse("a profile cannot transfer to itself");
}

// In its stored form: numbers normalised, each contact once.
Mode checked(const profiles::ProfileKey& key, Mode mode) {
  check::identifier(mode.mode, "modeId");
  check::length(mode.activity, 256, "activity");
  check::range(mode.priority, 0, kMaxPriority, "priority");
  check::count(mode.contacts.size(), check::kMaxItems, "contact");
  check_transfer(key, mode);
  std::unordered_set<std::string> contacts;
  for (const std::string& contact : mode.contacts)
    contacts.insert(profiles::normalise_number(contact, "contact"));
  mode.contacts.assign(contacts.begin(), contacts.end());
  return mode;
}

constexpr std::string_view kLockMode =
    "SELECT version, contacts FROM mode WHERE profile_id = ? AND name = ? FOR UPDATE";
constexpr std::string_view kPutMode = R"sql(
INSERT INTO mode (profile_id, name, activity, state, transfer_to, transfer_terminal, transfer_medium, offers,
  call_by, notification, priority, contacts, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
ON DUPLICATE KEY UPDATE activity = VALUES(activity), state = VALUES(state), transfer_to = VALUES(transfer_to),
  transfer_terminal = VALUES(transfer_terminal), transfer_medium = VALUES(transfer_medium),
  offers = VALUES(offers), call_by = VALUES(call_by), notification = VALUES(notification),
  priority = VALUES(priority), contacts = VALUES(contacts), version = version + 1
RETURNING id, version)sql";
constexpr std::string_view kCountModes = R"sql(
SELECT COUNT(*) AS modes, CAST(COALESCE(SUM(contacts), 0) AS UNSIGNED) AS contacts FROM mode WHERE profile_id = ?)sql";
constexpr std::string_view kDropContacts = "DELETE FROM mode_contact WHERE mode_id = ?";
constexpr std::string_view kAddContacts = R"sql(
INSERT INTO mode_contact (mode_id, number)
SELECT ?, contact.number FROM JSON_TABLE(?, '$[*]' COLUMNS (number VARCHAR(256) PATH '$')) contact)sql";
constexpr std::string_view kActiveSlot = R"sql(
SELECT slot FROM mode_activation
WHERE profile_id = ? AND mode_id = ? AND (until_at IS NULL OR until_at > UTC_TIMESTAMP(6)) FOR UPDATE)sql";
constexpr std::string_view kFreeSlot = "DELETE FROM mode_activation WHERE profile_id = ? AND slot = ?";
constexpr std::string_view kMoveSlot =
    "UPDATE mode_activation SET slot = ? WHERE profile_id = ? AND slot = ?";

struct Stored {
  std::uint64_t version;
  std::size_t contacts;
};

// `before`: nothing for a new mode; `contacts`: how many it is to have.
void check_room(db::Session& db, std::uint64_t profile_id, const std::optional<Stored>& before,
                std::size_t contacts) {
  const std::size_t had = before ? before->contacts : 0;
  if (before && contacts <= had) return;
  const auto [modes, all] =
      db.query_one(
            kCountModes, [](const db::Row& row) { return std::pair(row.id("modes"), row.id("contacts")); },
            profile_id)
          .value();
  if (!before && modes >= kMaxModes)
    throw Fault(FaultCode::LIMIT_EXCEEDED, "the profile has too many modes", "modeId");
  if (all - had + contacts > kMaxModeContacts)
    throw Fault(FaultCode::LIMIT_EXCEEDED, "the modes of the profile have too many contacts", "contact");
}

// An active mode that was for some contacts becomes the general one, or the other way round.
void move_activation(db::Session& db, std::uint64_t profile_id, std::uint64_t from, std::uint64_t to) {
  if (from == to) return;
  db.execute(kFreeSlot, profile_id, to);
  db.execute(kMoveSlot, to, profile_id, from);
}

}  // namespace

profiles::Written Availability::put_mode(db::Session& db, const profiles::ProfileKey& key, const Mode& given,
                                         std::optional<std::uint64_t> if_version) {
  const Mode mode = checked(key, given);
  if (mode.transfer.terminal && !profiles_.find_terminal(db, key.user_id, *mode.transfer.terminal)) {
    throw Fault(FaultCode::NOT_FOUND, "the user has no such terminal", "transferToTerminal");
  }
  const auto stored = db.query_one(
      kLockMode,
      [](const db::Row& row) {
        return Stored{row.id("version"), static_cast<std::size_t>(row.number("contacts"))};
      },
      key.id, mode.mode);
  profiles::demand_version(stored ? std::optional(stored->version) : std::nullopt, if_version, "the mode");
  check_room(db, key.id, stored, mode.contacts.size());

  const auto [id, version] =
      db.query_one(
            kPutMode, [](const db::Row& row) { return std::pair(row.id("id"), row.id("version")); }, key.id,
            mode.mode, mode.activity, static_cast<int>(mode.state), mode.transfer.number,
            mode.transfer.terminal, stored_number(mode.transfer.medium), mode.means.offers,
            mode.means.call_by, stored_number(mode.means.notification), mode.priority, mode.contacts.size())
          .value();
  if (version > 1) db.execute(kDropContacts, id);
  if (!mode.contacts.empty()) db.execute(kAddContacts, id, db::json_list(mode.contacts));

  const auto slot = db.query_one(
      kActiveSlot, [](const db::Row& row) { return row.id("slot"); }, key.id, id);
  if (slot) move_activation(db, key.id, *slot, mode.contacts.empty() ? 0 : id);
  bool changed = slot || active_interval(db, key.id, id);
  // A mode for everybody that is activated by rules ends another.
  const bool becomes_another = stored && (stored->contacts == 0) != mode.contacts.empty();
  if (becomes_another && !stored_rules(db, key.id).empty()) {
    lock_calendar(db, key.id);
    changed = recompile(db, key.id, false) || changed;
  }
  if (changed) publish_mode_changed(db, events_, key);
  return {version, version == 1};
}

namespace {

constexpr std::string_view kListModes = R"sql(
SELECT m.id AS id, m.name AS mode, m.activity AS activity, m.state AS state, m.transfer_to AS transfer_to,
  m.transfer_terminal AS transfer_terminal, m.transfer_medium AS transfer_medium, m.offers AS offers,
  m.call_by AS call_by, m.notification AS notification,
  m.priority AS priority, m.version AS version, a.activated_at AS activated_at, a.until_at AS until_at
FROM mode m LEFT JOIN mode_activation a ON a.profile_id = m.profile_id
  AND a.slot = IF(m.contacts = 0, 0, m.id) AND a.mode_id = m.id
  AND (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6))
WHERE m.profile_id = ? ORDER BY m.name)sql";
constexpr std::string_view kListContacts = R"sql(
SELECT c.mode_id AS mode_id, c.number AS number
FROM mode m JOIN mode_contact c ON c.mode_id = m.id
WHERE m.profile_id = ? ORDER BY c.mode_id, c.number)sql";
constexpr std::string_view kActiveByRules = R"sql(
SELECT i.mode_id AS mode_id, i.end_at AS end_at FROM mode_interval i JOIN mode m ON m.id = i.mode_id
WHERE i.profile_id = ? AND i.week = FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7)
  AND i.begin_at <= UTC_TIMESTAMP(6) AND (i.end_at IS NULL OR i.end_at > UTC_TIMESTAMP(6))
  AND (m.contacts > 0 OR NOT EXISTS (SELECT 1 FROM mode_activation a
    WHERE a.profile_id = i.profile_id AND a.slot = 0 AND (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6)))))sql";
constexpr std::string_view kCalendar = R"sql(
SELECT version, IF(next_change_at > UTC_TIMESTAMP(6), next_change_at, NULL) AS next_change_at
FROM mode_calendar WHERE profile_id = ?)sql";
constexpr std::string_view kActiveLevel = R"sql(
SELECT state, until_at FROM mode_activation
WHERE profile_id = ? AND slot = 0 AND mode_id = 0 AND (until_at IS NULL OR until_at > UTC_TIMESTAMP(6)))sql";

Mode read_mode(const db::Row& row) {
  return {.mode = row.text("mode"),
          .activity = row.text_or_null("activity"),
          .state = static_cast<ModeState>(row.number("state")),
          .transfer = read_transfer(row),
          .means = read_means(row),
          .contacts = {},
          .priority = static_cast<int>(row.number("priority")),
          .active = row.time_or_null("activated_at").has_value(),
          .by_rules = false,
          .until = row.time_or_null("until_at"),
          .version = row.id("version"),
          .rules = {}};
}

}  // namespace

// Several statements: what comes between them, of a mode that was not there before, is left out.
Modes Availability::list_modes(db::Session& db, const profiles::ProfileKey& key) {
  Modes modes;
  std::unordered_map<std::uint64_t, std::size_t> places;
  db.query(
      kListModes,
      [&](const db::Row& row) {
        places.emplace(row.id("id"), modes.modes.size());
        modes.modes.push_back(read_mode(row));
        return true;
      },
      key.id);
  db.query(
      kListContacts,
      [&](const db::Row& row) {
        const auto place = places.find(row.id("mode_id"));
        if (place != places.end()) modes.modes[place->second].contacts.push_back(row.text("number"));
        return true;
      },
      key.id);
  db.query(
      kActiveByRules,
      [&](const db::Row& row) {
        const auto place = places.find(row.id("mode_id"));
        if (place == places.end() || modes.modes[place->second].active) return false;
        Mode& mode = modes.modes[place->second];
        mode.active = mode.by_rules = true;
        mode.until = row.time_or_null("end_at");
        return true;
      },
      key.id);
  db.query(
      kCalendar,
      [&](const db::Row& row) {
        modes.rules_version = row.id("version");
        modes.next_change = row.time_or_null("next_change_at");
        return true;
      },
      key.id);
  if (modes.rules_version) {
    for (StoredRule& stored : stored_rules(db, key.id)) {
      if (stored.source == RuleSource::kProfile) modes.rules.push_back(std::move(stored.placed.rule));
      if (stored.source != RuleSource::kMode) continue;
      const auto place = places.find(stored.placed.mode_id);
      if (place != places.end()) modes.modes[place->second].rules.push_back(std::move(stored.placed.rule));
    }
  }
  db.query(
      kActiveLevel,
      [&](const db::Row& row) {
        modes.level = static_cast<ModeState>(row.number("state"));
        modes.level_until = row.time_or_null("until_at");
        return true;
      },
      key.id);
  return modes;
}

}  // namespace whitebrick::availability
