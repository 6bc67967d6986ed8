// From rules to intervals, so that who asks reads a few rows by key and computes nothing.
#include <algorithm>
#include <set>

#include "modules/availability/availability.hpp"
#include "modules/availability/mode_changed.hpp"
#include "modules/availability/rules.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

using std::chrono::weeks;

constexpr std::chrono::days kHorizon{400};
constexpr std::size_t kMaxRows = 500;  // they go and come in one transaction
constexpr int kLeastWeeks = 2;         // whatever they have; no two weeks may have more than kMaxRows

int week_of(Time time) {
  return static_cast<int>(std::chrono::floor<weeks>(time.time_since_epoch()).count());
}
Time begin_of(int week) { return Time(weeks(week)); }

struct Row {
  int week;
  ModeInterval interval;
};

struct Plan {
  std::vector<Row> rows;
  int last_week = 0;
  std::size_t most_active = 0;        // modes at once
  std::size_t most_in_two_weeks = 0;  // rows
};

// Of intervals by their beginning.
std::size_t most_at_once(const std::vector<ModeInterval>& intervals) {
  std::multiset<Time> ends;
  std::size_t most = 0;
  for (const ModeInterval& interval : intervals) {
    ends.erase(ends.begin(), ends.upper_bound(interval.begin));
    ends.insert(interval.end.value_or(Time::max()));
    most = std::max(most, ends.size());
  }
  return most;
}

// From the week of `now`; the last weeks are left out when there are too many rows.
Plan plan_of(const std::vector<PlacedRule>& rules, Time now) {
  Plan plan;
  const int first = week_of(now);
  plan.last_week = week_of(now + kHorizon);
  const Time end = begin_of(plan.last_week + 1);
  std::vector<std::size_t> per_week(static_cast<std::size_t>(plan.last_week - first + 1));
  const auto intervals = compile(rules, now, end);
  plan.most_active = most_at_once(intervals);
  for (const ModeInterval& interval : intervals) {
    const Time last = interval.end ? std::min(*interval.end - Time::duration(1), end - Time::duration(1))
                                   : end - Time::duration(1);
    for (int week = std::max(first, week_of(interval.begin)); week <= week_of(last); ++week) {
      plan.rows.push_back({week, interval});
      ++per_week[static_cast<std::size_t>(week - first)];
    }
  }
  for (auto week = per_week.begin(); week + 1 != per_week.end(); ++week)
    plan.most_in_two_weeks = std::max(plan.most_in_two_weeks, *week + *(week + 1));
  std::size_t rows = 0;
  for (int week = first; week <= plan.last_week; ++week) {
    rows += per_week[static_cast<std::size_t>(week - first)];
    if (rows > kMaxRows && week >= first + kLeastWeeks) plan.last_week = week - 1;
  }
  std::erase_if(plan.rows, [&](const Row& row) { return row.week > plan.last_week; });
  return plan;
}

constexpr std::string_view kActiveNow = R"sql(
SELECT mode_id, begin_at, end_at FROM mode_interval
WHERE profile_id = ? AND week = FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7)
  AND begin_at <= UTC_TIMESTAMP(6) AND (end_at IS NULL OR end_at > UTC_TIMESTAMP(6)) ORDER BY mode_id)sql";
constexpr std::string_view kDropIntervals = "DELETE FROM mode_interval WHERE profile_id = ?";
constexpr std::string_view kNextChange = R"sql(
SELECT MIN(IF(begin_at > UTC_TIMESTAMP(6), begin_at, end_at)) AS change_at FROM mode_interval
WHERE profile_id = ? AND IF(begin_at > UTC_TIMESTAMP(6), begin_at, end_at) > UTC_TIMESTAMP(6))sql";
constexpr std::string_view kUntold = R"sql(
SELECT profile_id FROM mode_calendar WHERE profile_id = ? AND next_change_at <= UTC_TIMESTAMP(6))sql";
constexpr std::string_view kCompiled = R"sql(
UPDATE mode_calendar SET version = version + ?, compilation = compilation + 1, compile_at = ?, next_change_at = ?
WHERE profile_id = ?)sql";
// One that is over stays as long as the mode may be active since then: that began where the order ended.
constexpr std::string_view kDropOldOrders = R"sql(
DELETE FROM mode_rule WHERE profile_id = ? AND source = 3 AND end_local <= UTC_TIMESTAMP(6) - INTERVAL 366 DAY)sql";

std::vector<ModeInterval> active_now(db::Session& db, std::uint64_t profile_id) {
  return db.query(
      kActiveNow,
      [](const db::Row& row) {
        return ModeInterval{row.id("mode_id"), row.time("begin_at"), row.time_or_null("end_at")};
      },
      profile_id);
}

std::optional<Time> next_change(db::Session& db, std::uint64_t profile_id) {
  return db
      .query_one(
          kNextChange, [](const db::Row& row) { return row.time_or_null("change_at"); }, profile_id)
      .value_or(std::nullopt);
}

constexpr std::string_view kStoreIntervals = R"sql(
INSERT INTO mode_interval (profile_id, week, mode_id, begin_at, end_at)
SELECT ?, r.week, r.mode_id, r.begin_at, r.end_at
FROM JSON_TABLE(?, '$[*]' COLUMNS (week INT PATH '$[0]', mode_id BIGINT UNSIGNED PATH '$[1]',
  begin_at DATETIME(6) PATH '$[2]', end_at DATETIME(6) PATH '$[3]')) r)sql";

void store_intervals(db::Session& db, std::uint64_t profile_id, const std::vector<Row>& rows) {
  if (rows.empty()) return;
  std::string json;
  for (const Row& row : rows) {
    const ModeInterval& interval = row.interval;
    json += (json.empty() ? "[[" : ",[") + std::to_string(row.week) + "," + std::to_string(interval.mode_id) +
            ",\"" + db::to_sql(interval.begin) + "\"," +
            (interval.end ? "\"" + db::to_sql(*interval.end) + "\"" : "null") + "]";
  }
  db.execute(kStoreIntervals, profile_id, json + "]");
}

}  // namespace

bool recompile(db::Session& db, std::uint64_t profile_id, bool edited) {
  const auto before = active_now(db, profile_id);
  const bool untold = db.query_one(
                            kUntold, [](const db::Row& row) { return row.id("profile_id"); }, profile_id)
                          .has_value();
  db.execute(kDropOldOrders, profile_id);
  std::vector<PlacedRule> rules;
  for (StoredRule& stored : stored_rules(db, profile_id)) rules.push_back(std::move(stored.placed));
  const Time now = db.now();
  const Plan plan = plan_of(rules, now);
  if (edited && plan.most_active > kMaxActive)
    throw Fault(FaultCode::LIMIT_EXCEEDED, "too many modes would be active at once", "rule");
  if (edited && plan.most_in_two_weeks > kMaxRows)
    throw Fault(FaultCode::LIMIT_EXCEEDED, "the rules come to too many periods in two weeks", "rule");
  db.execute(kDropIntervals, profile_id);
  store_intervals(db, profile_id, plan.rows);
  const Time half = now + (begin_of(plan.last_week + 1) - now) / 2;
  db.execute(kCompiled, edited ? 1 : 0, half, next_change(db, profile_id), profile_id);
  return untold || before != active_now(db, profile_id);
}

std::optional<Interval> active_interval(db::Session& db, std::uint64_t profile_id, std::uint64_t mode_id) {
  constexpr std::string_view kInterval = R"sql(
SELECT begin_at, end_at FROM mode_interval
WHERE profile_id = ? AND week = FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7) AND mode_id = ?
  AND begin_at <= UTC_TIMESTAMP(6) AND (end_at IS NULL OR end_at > UTC_TIMESTAMP(6)))sql";
  return db.query_one(
      kInterval,
      [](const db::Row& row) {
        return Interval{row.time("begin_at"), row.time_or_null("end_at")};
      },
      profile_id, mode_id);
}

namespace {

constexpr int kChunk = 100;

struct Due {
  profiles::ProfileKey key;
  Time change_at;
  std::uint64_t compilation;
};

constexpr std::string_view kDueChanges = R"sql(
SELECT c.profile_id AS id, c.next_change_at AS change_at, c.compilation AS compilation, p.user_id AS user_id,
  u.name AS user, p.name AS profile
FROM mode_calendar c JOIN profile p ON p.id = c.profile_id JOIN user u ON u.id = p.user_id
WHERE c.next_change_at <= UTC_TIMESTAMP(6) ORDER BY c.next_change_at LIMIT ?)sql";
// Conditional: told by another replica, or compiled anew meanwhile, it is none of ours.
constexpr std::string_view kTold = R"sql(
UPDATE mode_calendar SET next_change_at = ? WHERE profile_id = ? AND next_change_at = ? AND compilation = ?)sql";
constexpr std::string_view kDueCalendars = R"sql(
SELECT c.profile_id AS id, p.user_id AS user_id, u.name AS user, p.name AS profile
FROM mode_calendar c JOIN profile p ON p.id = c.profile_id JOIN user u ON u.id = p.user_id
WHERE c.compile_at <= UTC_TIMESTAMP(6) ORDER BY c.compile_at LIMIT ?)sql";
constexpr std::string_view kStillDue =
    "SELECT profile_id FROM mode_calendar WHERE profile_id = ? AND compile_at <= UTC_TIMESTAMP(6) FOR UPDATE";
// Behind the others: many of them would be all that a run sees.
constexpr std::string_view kPutOff = R"sql(
UPDATE mode_calendar SET compile_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR WHERE profile_id = ?)sql";

profiles::ProfileKey read_key(const db::Row& row) {
  return {row.id("id"), row.id("user_id"), row.text("user"), row.text("profile"), {}};
}

std::size_t tell_changes(db::Session& db, events::Events& events) {
  const auto due = db.query(
      kDueChanges,
      [](const db::Row& row) {
        return Due{read_key(row), row.time("change_at"), row.id("compilation")};
      },
      kChunk);
  for (const Due& change : due) {
    const auto next = next_change(db, change.key.id);
    if (db.execute(kTold, next, change.key.id, change.change_at, change.compilation) > 0) {
      publish_mode_changed(db, events, change.key);
    }
  }
  return due.size();
}

}  // namespace

bool Availability::follow_rules(db::Pool& pool) {
  const auto told = pool.in_transaction([&](db::Session& db) { return tell_changes(db, events_); });
  const auto due =
      pool.in_transaction([&](db::Session& db) { return db.query(kDueCalendars, read_key, kChunk); });
  const auto extend = [&](db::Session& db, const profiles::ProfileKey& key) {
    if (!db.query_one(
            kStillDue, [](const db::Row& row) { return row.id("profile_id"); }, key.id))
      return;
    if (recompile(db, key.id, false)) publish_mode_changed(db, events_, key);
  };
  for (const profiles::ProfileKey& key : due) {
    if (!compile_failures_.attempt(key.id,
                                   [&] { pool.in_transaction([&](db::Session& db) { extend(db, key); }); }))
      pool.in_transaction([&](db::Session& db) { db.execute(kPutOff, key.id); });
  }
  return told == kChunk || due.size() == kChunk;
}

}  // namespace whitebrick::availability
