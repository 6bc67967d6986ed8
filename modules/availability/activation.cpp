// Modes and levels go on and off by the user's order (12.a), and off by the clock.
//
// A profile has one slot for a general mode or level, so that two of them cannot be active at
// once whoever writes them where; a mode for some contacts has a slot of its own.
#include "modules/availability/availability.hpp"
#include "modules/availability/mode_changed.hpp"
#include "modules/availability/rules.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

// What is to be active, as its row says it.
struct Target {
  std::uint64_t slot = 0;
  std::uint64_t mode_id = 0;
  std::optional<int> level;
};

// Locked, because its slot is another one when its contacts come or go.
constexpr std::string_view kFindMode =
    "SELECT id, contacts FROM mode WHERE profile_id = ? AND name = ? LOCK IN SHARE MODE";

Target find_target(db::Session& db, std::uint64_t profile_id, const Activation& wanted) {
  if (wanted.mode.has_value() == wanted.level.has_value()) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "give either a mode or a level", "modeId");
  }
  if (wanted.level) {
    if (*wanted.level == ModeState::kTransfer) {
      throw Fault(FaultCode::INVALID_ARGUMENT, "a transfer needs a mode, which knows the number", "level");
    }
    return {.slot = 0, .mode_id = 0, .level = static_cast<int>(*wanted.level)};
  }
  check::identifier(wanted.mode, "modeId");
  const auto target = db.query_one(
      kFindMode,
      [](const db::Row& row) {
        const std::uint64_t id = row.id("id");
        return Target{.slot = row.number("contacts") == 0 ? 0 : id, .mode_id = id, .level = {}};
      },
      profile_id, *wanted.mode);
  if (!target) throw Fault(FaultCode::NOT_FOUND, "the profile has no such mode", "modeId");
  return *target;
}

struct Active {
  std::uint64_t mode_id;
  std::optional<int> level;
  Time activated_at;
  std::optional<Time> until;
  bool live;    // its time is not over
  bool latest;  // no other mode for some contacts was activated later
};

constexpr std::string_view kLockSlot = R"sql(
SELECT a.mode_id AS mode_id, a.state AS state, a.activated_at AS activated_at, a.until_at AS until_at,
  (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6)) AS live,
  (a.slot = 0 OR NOT EXISTS (SELECT 1 FROM mode_activation o
    WHERE o.profile_id = a.profile_id AND o.slot > 0 AND o.activated_at > a.activated_at)) AS latest
FROM mode_activation a WHERE a.profile_id = ? AND a.slot = ? FOR UPDATE)sql";
constexpr std::string_view kActivate = R"sql(
INSERT INTO mode_activation (profile_id, slot, mode_id, state, activated_at, until_at)
VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6), ?)
ON DUPLICATE KEY UPDATE mode_id = VALUES(mode_id), state = VALUES(state), activated_at = VALUES(activated_at),
  until_at = VALUES(until_at)
RETURNING activated_at)sql";
constexpr std::string_view kDeactivate =
    "DELETE FROM mode_activation WHERE profile_id = ? AND mode_id = ? AND state <=> ?";

std::optional<Active> lock_slot(db::Session& db, std::uint64_t profile_id, std::uint64_t slot) {
  return db.query_one(
      kLockSlot,
      [](const db::Row& row) {
        const auto level = row.number_or_null("state");
        return Active{.mode_id = row.id("mode_id"),
                      .level = level ? std::optional(static_cast<int>(*level)) : std::nullopt,
                      .activated_at = row.time("activated_at"),
                      .until = row.time_or_null("until_at"),
                      .live = row.flag("live"),
                      .latest = row.flag("latest")};
      },
      profile_id, slot);
}

// What is active at once multiplies what each who asks about the profile reads.
void check_room(db::Session& db, std::uint64_t profile_id) {
  constexpr std::string_view kCountActive = R"sql(
SELECT COUNT(*) AS active FROM mode_activation
WHERE profile_id = ? AND (until_at IS NULL OR until_at > UTC_TIMESTAMP(6)))sql";
  const auto active = db.query_one(
      kCountActive, [](const db::Row& row) { return row.id("active"); }, profile_id);
  if (active.value_or(0) >= kMaxActive)
    throw Fault(FaultCode::LIMIT_EXCEEDED, "too many modes are active; end one first", "modeId");
}

// What rules have activated is off from now to the end of that, or to `until`.
bool switch_off(db::Session& db, std::uint64_t profile_id, std::uint64_t mode_id, std::optional<Time> until) {
  const auto interval = active_interval(db, profile_id, mode_id);
  if (!interval) return false;
  lock_calendar(db, profile_id);
  using std::chrono::seconds;
  const auto to_utc = [](Time time) {
    return LocalTime(std::chrono::floor<seconds>(time.time_since_epoch()));
  };
  Rule off{.action = RuleAction::kDeactivate,
           .mode = {},
           .zone = "UTC",
           .start = to_utc(db.now()),
           .end = {},
           .duration = {},
           .recurrence = {},
           .except = {},
           .extra = {},
           .last = {}};
  const auto end = until ? until : interval->end;
  off.end = end ? to_utc(*end + seconds(1) - Time::duration(1)) : off.start + kLongest;
  store_rule(db, profile_id, RuleSource::kOrder, mode_id, 0, off);
  return recompile(db, profile_id, false);
}

// An order that it be off is over when it is ordered on.
void forget_off(db::Session& db, std::uint64_t profile_id, std::uint64_t mode_id) {
  constexpr std::string_view kForget = R"sql(
DELETE FROM mode_rule WHERE profile_id = ? AND source = 3 AND mode_id = ? AND end_local > UTC_TIMESTAMP(6))sql";
  if (mode_id == 0 || db.execute(kForget, profile_id, mode_id) == 0) return;
  lock_calendar(db, profile_id);
  recompile(db, profile_id, false);
}

}  // namespace

Time Availability::activate(db::Session& db, const profiles::ProfileKey& key, const Activation& wanted) {
  if (wanted.until) check::in_future(*wanted.until, db.now(), "until");
  const Target target = find_target(db, key.id, wanted);
  if (!wanted.active) {
    const bool ordered = db.execute(kDeactivate, key.id, target.mode_id, target.level) > 0;
    const bool by_rules = target.mode_id != 0 && switch_off(db, key.id, target.mode_id, wanted.until);
    if (ordered || by_rules) publish_mode_changed(db, events_, key);
    return db.now();
  }
  forget_off(db, key.id, target.mode_id);
  const auto active = lock_slot(db, key.id, target.slot);
  if (active && active->live && active->latest && active->mode_id == target.mode_id &&
      active->level == target.level && active->until == wanted.until) {
    return active->activated_at;
  }
  if (!active || !active->live) check_room(db, key.id);
  const Time since = db.query_one(
                           kActivate, [](const db::Row& row) { return row.time("activated_at"); }, key.id,
                           target.slot, target.mode_id, target.level, wanted.until)
                         .value();
  publish_mode_changed(db, events_, key);
  return since;
}

namespace {

constexpr int kChunk = 100;  // each is a few rows of events

constexpr std::string_view kDueActivations = R"sql(
SELECT a.profile_id AS id, a.slot AS slot, p.user_id AS user_id, u.name AS user, p.name AS profile
FROM mode_activation a JOIN profile p ON p.id = a.profile_id JOIN user u ON u.id = p.user_id
WHERE a.until_at <= UTC_TIMESTAMP(6) ORDER BY a.until_at LIMIT ?)sql";
// Conditional: activated again meanwhile, or ended by another replica, it is none of ours.
constexpr std::string_view kEndActivation =
    "DELETE FROM mode_activation WHERE profile_id = ? AND slot = ? AND until_at <= UTC_TIMESTAMP(6)";

struct DueActivation {
  profiles::ProfileKey key;
  std::uint64_t slot;
};

std::size_t end_activations(db::Session& db, events::Events& events) {
  const auto due = db.query(
      kDueActivations,
      [](const db::Row& row) {
        return DueActivation{{row.id("id"), row.id("user_id"), row.text("user"), row.text("profile"), {}},
                             row.id("slot")};
      },
      kChunk);
  for (const DueActivation& activation : due) {
    if (db.execute(kEndActivation, activation.key.id, activation.slot) > 0) {
      publish_mode_changed(db, events, activation.key);
    }
  }
  return due.size();
}

struct DueGrant {
  std::uint64_t id, owner_profile_id;
};

DueGrant read_due_grant(const db::Row& row) { return {row.id("id"), row.id("owner_profile_id")}; }

constexpr std::string_view kBegunGrants = R"sql(
SELECT id, owner_profile_id FROM authorisation
WHERE untold_from_at <= UTC_TIMESTAMP(6) ORDER BY untold_from_at LIMIT ?)sql";
constexpr std::string_view kBegin =
    "UPDATE authorisation SET untold_from_at = NULL WHERE id = ? AND untold_from_at <= UTC_TIMESTAMP(6)";
constexpr std::string_view kOverGrants = R"sql(
SELECT id, owner_profile_id FROM authorisation
WHERE until_at <= UTC_TIMESTAMP(6) ORDER BY until_at LIMIT ?)sql";
constexpr std::string_view kEnd = "DELETE FROM authorisation WHERE id = ? AND until_at <= UTC_TIMESTAMP(6)";

// Those that are due, and what is done with one: whoever does it tells.
std::size_t turn_grants(db::Session& db, profiles::Profiles& profiles, std::string_view due,
                        std::string_view turn) {
  const auto grants = db.query(due, read_due_grant, kChunk);
  for (const DueGrant& grant : grants) {
    if (db.execute(turn, grant.id) > 0)
      profiles.changed(db, {.profile_id = grant.owner_profile_id, .former_number = {}});
  }
  return grants.size();
}

}  // namespace

bool Availability::expire(db::Pool& pool) {
  const auto activations = pool.in_transaction([&](db::Session& db) { return end_activations(db, events_); });
  const auto begun =
      pool.in_transaction([&](db::Session& db) { return turn_grants(db, profiles_, kBegunGrants, kBegin); });
  const auto over =
      pool.in_transaction([&](db::Session& db) { return turn_grants(db, profiles_, kOverGrants, kEnd); });
  return activations == kChunk || begun == kChunk || over == kChunk;
}

}  // namespace whitebrick::availability
