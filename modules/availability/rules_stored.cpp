// The rules of a profile in the database.
#include "modules/availability/calendar_zone.hpp"
#include "modules/availability/rules.hpp"

namespace whitebrick::availability {
namespace {

Time as_utc(LocalTime time) { return Time(time.time_since_epoch()); }
LocalTime as_local(Time time) {
  return LocalTime(std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()));
}

std::optional<LocalTime> local_or_null(const db::Row& row, const char* column) {
  const auto time = row.time_or_null(column);
  return time ? std::optional(as_local(*time)) : std::nullopt;
}
std::optional<Time> utc_or_null(const std::optional<LocalTime>& time) {
  return time ? std::optional(as_utc(*time)) : std::nullopt;
}

std::string join(const std::vector<LocalTime>& times) {
  std::string text;
  for (const LocalTime time : times) text += (text.empty() ? "" : " ") + local_text(time);
  return text;
}

std::vector<LocalTime> split(const std::string& text) {
  std::vector<LocalTime> times;
  for (std::size_t at = 0; at < text.size(); at += 20)
    times.push_back(parse_local(text.substr(at, 19), "start"));
  return times;
}

constexpr std::string_view kLockCalendar =
    "SELECT version FROM mode_calendar WHERE profile_id = ? FOR UPDATE";
constexpr std::string_view kAddCalendar =
    "INSERT IGNORE INTO mode_calendar (profile_id, version, compile_at) VALUES (?, 0, UTC_TIMESTAMP(6))";
constexpr std::string_view kLoadRules = R"sql(
SELECT r.source AS source, r.mode_id AS mode_id, r.action AS action, r.zone AS zone, r.start_local AS start_local,
  r.end_local AS end_local, r.duration_minutes AS duration_minutes, r.recurrence AS recurrence,
  r.last_local AS last_local, r.except_local AS except_local, r.extra_local AS extra_local, m.name AS mode,
  m.contacts AS contacts
FROM mode_rule r JOIN mode m ON m.id = r.mode_id
WHERE r.profile_id = ? ORDER BY r.source, r.position, r.mode_id)sql";
constexpr std::string_view kDropRules =
    "DELETE FROM mode_rule WHERE profile_id = ? AND source = ? AND mode_id = ?";
constexpr std::string_view kDropSource = "DELETE FROM mode_rule WHERE profile_id = ? AND source = ?";
constexpr std::string_view kStoreRule = R"sql(
REPLACE INTO mode_rule (profile_id, source, mode_id, position, action, zone, start_local, end_local, duration_minutes,
  recurrence, last_local, except_local, extra_local)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))sql";

StoredRule read_rule(const db::Row& row) {
  StoredRule stored;
  stored.source = static_cast<RuleSource>(row.number("source"));
  stored.placed.mode_id = row.id("mode_id");
  stored.placed.general = row.number("contacts") == 0;
  stored.placed.of_profile = stored.source != RuleSource::kMode;
  Rule& rule = stored.placed.rule;
  rule.action = static_cast<RuleAction>(row.number("action"));
  rule.mode = row.text("mode");
  rule.zone = row.text("zone");
  rule.start = as_local(row.time("start_local"));
  rule.end = local_or_null(row, "end_local");
  const auto minutes = row.number_or_null("duration_minutes");
  if (minutes) rule.duration = std::chrono::minutes(*minutes);
  rule.recurrence = row.text_or_null("recurrence");
  rule.last = local_or_null(row, "last_local");
  rule.except = split(row.text("except_local"));
  rule.extra = split(row.text("extra_local"));
  return stored;
}

}  // namespace

std::optional<std::uint64_t> lock_calendar(db::Session& db, std::uint64_t profile_id) {
  const auto version = [&] {
    return db.query_one(
        kLockCalendar, [](const db::Row& row) { return row.id("version"); }, profile_id);
  };
  const auto stored = version();
  if (stored) return stored;
  db.execute(kAddCalendar, profile_id);
  const auto now = version();
  return now == 0 ? std::nullopt : now;  // 0: ours
}

std::vector<StoredRule> stored_rules(db::Session& db, std::uint64_t profile_id) {
  return db.query(kLoadRules, read_rule, profile_id);
}

void drop_rules(db::Session& db, std::uint64_t profile_id, RuleSource source, std::uint64_t mode_id) {
  db.execute(kDropRules, profile_id, static_cast<int>(source), mode_id);
}

void drop_rules(db::Session& db, std::uint64_t profile_id, RuleSource source) {
  db.execute(kDropSource, profile_id, static_cast<int>(source));
}

void store_rule(db::Session& db, std::uint64_t profile_id, RuleSource source, std::uint64_t mode_id,
                std::size_t position, const Rule& rule) {
  const auto minutes = rule.duration ? std::optional(rule.duration->count()) : std::nullopt;
  db.execute(kStoreRule, profile_id, static_cast<int>(source), mode_id, position,
             static_cast<int>(rule.action), rule.zone, as_utc(rule.start), utc_or_null(rule.end), minutes,
             rule.recurrence, utc_or_null(rule.last), join(rule.except), join(rule.extra));
}

}  // namespace whitebrick::availability
