// Every look-up is one by a whole key or the front of one, row by row in the order written, which the
// optimizer is spared from finding again each time. The parts are as many as there are things that an owner
// may have several of: joined to one another they would multiply.
#include "modules/availability/view_rows.hpp"

#include <algorithm>

#include "db/list.hpp"
#include "modules/availability/marked_sql.hpp"
#include "modules/availability/means_row.hpp"

namespace whitebrick::availability {
namespace {

enum class Part { kStamps = 1, kProfile, kList, kGrant, kService, kOrder, kRule };

// In these, #n stands for the list of numbers, #u for the users, #b for the numbers' buckets, #a for the
// asker's, #s for the service.
constexpr std::string_view kStampPart = R"sql(
SELECT 1 AS part, GROUP_CONCAT(v.bucket, ' ', v.rights, v.modes, v.sessions SEPARATOR '') AS text,
  NULL AS id, NULL AS user_id, NULL AS state, UTC_TIMESTAMP(6) AS at, NULL AS until_at, NULL AS policy,
  NULL AS connected, NULL AS mode, NULL AS contacts, NULL AS priority, NULL AS transfer_to, NULL AS transfer_terminal,
  NULL AS transfer_medium, NULL AS offers, NULL AS call_by, NULL AS notification
FROM view_stamp v WHERE v.bucket IN (#a,#b))sql";

constexpr std::string_view kProfilePart = R"sql(
SELECT STRAIGHT_JOIN 2 AS part, p.contact_number AS text,
  p.id AS id, p.user_id AS user_id, p.default_state AS state, NULL AS at, NULL AS until_at, p.policy AS policy,
  s.id AS connected, NULL AS mode, NULL AS contacts, NULL AS priority, NULL AS transfer_to, NULL AS transfer_terminal,
  NULL AS transfer_medium, NULL AS offers, NULL AS call_by, NULL AS notification
FROM profile p LEFT JOIN access_session s ON s.profile_id = p.id
WHERE p.contact_number IN (#n))sql";

constexpr std::string_view kListPart = R"sql(
SELECT STRAIGHT_JOIN 3 AS part, p.contact_number AS text,
  NULL AS id, me.user_id AS user_id, l.kind AS state, NULL AS at, NULL AS until_at, NULL AS policy,
  NULL AS connected, NULL AS mode, NULL AS contacts, NULL AS priority, NULL AS transfer_to, NULL AS transfer_terminal,
  NULL AS transfer_medium, NULL AS offers, NULL AS call_by, NULL AS notification
FROM profile me JOIN profile p
JOIN contact_list l ON l.profile_id = p.id AND l.number = me.contact_number AND l.kind IN (2, 3)
WHERE me.user_id IN (#u) AND p.contact_number IN (#n))sql";

// One that is to live later on has `at`.
constexpr std::string_view kGrantPart = R"sql(
SELECT STRAIGHT_JOIN 4 AS part, p.contact_number AS text,
  g.id AS id, g.asker_user_id AS user_id, g.one_shot AS state, IF(g.from_at > UTC_TIMESTAMP(6), g.from_at, NULL) AS at,
  g.until_at AS until_at, NULL AS policy,
  NULL AS connected, NULL AS mode, NULL AS contacts, NULL AS priority, NULL AS transfer_to, NULL AS transfer_terminal,
  NULL AS transfer_medium, NULL AS offers, NULL AS call_by, NULL AS notification
FROM profile p JOIN authorisation g ON g.owner_profile_id = p.id AND g.asker_user_id IN (#u) AND g.state = 2
  AND (g.until_at IS NULL OR g.until_at > UTC_TIMESTAMP(6))
WHERE p.contact_number IN (#n))sql";

// A service in its own name is on no list and in no mode's; what it may know, it may because the
// profile subscribes to it.
constexpr std::string_view kServicePart = R"sql(
SELECT STRAIGHT_JOIN 5 AS part, p.contact_number AS text,
  NULL AS id, 0 AS user_id, NULL AS state, NULL AS at, NULL AS until_at, NULL AS policy,
  NULL AS connected, NULL AS mode, NULL AS contacts, NULL AS priority, NULL AS transfer_to, NULL AS transfer_terminal,
  NULL AS transfer_medium, NULL AS offers, NULL AS call_by, NULL AS notification
FROM profile p JOIN profile_service ps ON ps.profile_id = p.id AND ps.service_id = #s
WHERE p.contact_number IN (#n))sql";

// A mode for some contacts comes in a row for each number by which it covers a user, or in one without a
// user.
constexpr std::string_view kOrderPart = R"sql(
SELECT STRAIGHT_JOIN 6 AS part, p.contact_number AS text,
  a.mode_id AS id, me.user_id AS user_id, COALESCE(m.state, a.state) AS state, a.activated_at AS at, a.until_at AS until_at,
  NULL AS policy, NULL AS connected, m.name AS mode, m.contacts AS contacts, m.priority AS priority,
  m.transfer_to AS transfer_to, m.transfer_terminal AS transfer_terminal, m.transfer_medium AS transfer_medium,
  m.offers AS offers, m.call_by AS call_by, m.notification AS notification
FROM profile p
JOIN mode_activation a ON a.profile_id = p.id AND (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6))
LEFT JOIN mode m ON m.id = a.mode_id
LEFT JOIN (profile me JOIN mode_contact c ON c.number = me.contact_number)
  ON m.contacts > 0 AND me.user_id IN (#u) AND c.mode_id = m.id
WHERE p.contact_number IN (#n))sql";

// One that is to begin soon has no state.
constexpr std::string_view kRulePart = R"sql(
SELECT STRAIGHT_JOIN 7 AS part, p.contact_number AS text,
  i.mode_id AS id, me.user_id AS user_id, IF(i.begin_at <= UTC_TIMESTAMP(6), m.state, NULL) AS state, i.begin_at AS at,
  i.end_at AS until_at,
  NULL AS policy, NULL AS connected, m.name AS mode, m.contacts AS contacts, m.priority AS priority,
  m.transfer_to AS transfer_to, m.transfer_terminal AS transfer_terminal, m.transfer_medium AS transfer_medium,
  m.offers AS offers, m.call_by AS call_by, m.notification AS notification
FROM profile p
JOIN mode_interval i ON i.profile_id = p.id
  AND i.week = FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7)
  AND i.begin_at < UTC_TIMESTAMP(6) + INTERVAL 6 HOUR AND (i.end_at IS NULL OR i.end_at > UTC_TIMESTAMP(6))
JOIN mode m ON m.id = i.mode_id
LEFT JOIN (profile me JOIN mode_contact c ON c.number = me.contact_number)
  ON m.contacts > 0 AND me.user_id IN (#u) AND c.mode_id = m.id
WHERE p.contact_number IN (#n))sql";

}  // namespace

ViewRows::ViewRows(db::Session& db, const std::vector<std::uint64_t>& users, const std::string& number) {
  read(db, users, 0, {number}, {});
}

ViewRows::ViewRows(db::Session& db, std::uint64_t user_id, std::uint64_t service_id,
                   const std::vector<std::string>& numbers, const std::vector<Bucket>& buckets) {
  std::vector<std::uint64_t> users;
  if (user_id != 0) users.push_back(user_id);
  read(db, users, service_id, numbers, buckets);
}

void ViewRows::read(db::Session& db, const std::vector<std::uint64_t>& users, std::uint64_t service_id,
                    const std::vector<std::string>& numbers, const std::vector<Bucket>& buckets) {
  std::string sql;
  std::vector<db::Value> args;
  const std::vector<std::uint64_t> nobody{0};
  const auto fill_in = [&](char mark) -> std::string {
    switch (mark) {
      case 'n':
        return db::in_list(numbers, args);
      case 'u':
        return db::in_list(users.empty() ? nobody : users, args);
      case 'b':
        return db::in_list(buckets, args);
      case 'a':
        args.emplace_back(bucket_of_asker(users.empty() ? 0 : users.front()));
        return "?";
      default:
        args.emplace_back(service_id);
        return "?";
    }
  };
  const auto add = [&](std::string_view part) { add_part(sql, part, fill_in); };
  if (!buckets.empty()) add(kStampPart);
  add(kProfilePart);
  if (users.empty()) {
    add(kServicePart);
  } else {
    add(kListPart);
    add(kGrantPart);
  }
  add(kOrderPart);
  add(kRulePart);
  owners_.reserve(numbers.size());
  db.query_with(
      sql, [&](const db::Row& row) { return this->add(row), true; }, args);
}

void ViewRows::add(const db::Row& row) {
  const auto part = static_cast<Part>(row.number("part"));
  if (part == Part::kStamps) {
    stamps_ = StampsRead(row);
    return;
  }
  Owner& owner = owners_[row.text("text")];
  const auto right = [&]() -> AskerRights& { return owner.rights[row.id("user_id")]; };
  switch (part) {
    case Part::kProfile:
      owner.facts.profile_id = row.id("id");
      owner.facts.user_id = row.id("user_id");
      owner.facts.default_state = static_cast<ModeState>(row.number("state"));
      owner.facts.policy = static_cast<ProfilePolicy>(row.number("policy"));
      owner.facts.connected = row.id_or_null("connected").has_value();
      break;
    case Part::kList:
      right().add_list(static_cast<profiles::ListKind>(row.number("state")));
      break;
    case Part::kGrant:
      right().add_grant(row.id("id"), row.flag("state"), row.time_or_null("at"),
                        row.time_or_null("until_at"));
      break;
    case Part::kService:
      right().granted = true;
      break;
    case Part::kOrder:
      add_mode(owner, row, false);
      break;
    case Part::kRule:
      add_mode(owner, row, true);
      break;
    case Part::kStamps:
      break;
  }
}

void ViewRows::add_mode(Owner& owner, const db::Row& row, bool by_rule) {
  OwnerFacts& facts = owner.facts;
  const std::uint64_t id = row.id("id");
  const Time at = row.time("at");
  const bool active = row.number_or_null("state").has_value();
  if (by_rule && !active) facts.modes_until = std::min(facts.modes_until, at);
  if (!active) return;
  if (const auto until = row.time_or_null("until_at"))
    facts.modes_until = std::min(facts.modes_until, *until);
  if (const auto user = row.id_or_null("user_id")) owner.rights[*user].covered_by.push_back(id);
  const auto seen = std::ranges::find_if(facts.modes, [&](const OwnerFacts::ActiveMode& active_mode) {
    return active_mode.id == id && active_mode.mode.by_rule == by_rule;
  });
  if (seen != facts.modes.end()) return;
  CoveringMode mode = read_covering(row);
  mode.activated_at = at;
  mode.by_rule = by_rule;
  facts.modes.push_back({id, std::move(mode)});
}

const ViewRows::Owner& ViewRows::found(const std::string& number) const {
  static const Owner kNobody;
  const auto owner = owners_.find(number);
  return owner == owners_.end() ? kNobody : owner->second;
}

const AskerRights& ViewRows::rights_of(const Owner& owner, std::uint64_t user) {
  static const AskerRights kNone;
  const auto rights = owner.rights.find(user);
  return rights == owner.rights.end() ? kNone : rights->second;
}

const OwnerFacts& ViewRows::owner(const std::string& number) const { return found(number).facts; }

View ViewRows::view(std::uint64_t user, const std::string& number) const {
  const Owner& owner = found(number);
  return view_of(owner.facts, rights_of(owner, user), user, number);
}

// Not into another week.
Time ViewRows::horizon() const {
  using std::chrono::weeks;
  const Time now = stamps_.at();
  return std::min(now + std::chrono::hours(6),
                  Time(std::chrono::floor<weeks>(now.time_since_epoch()) + weeks(1)));
}

Time ViewRows::valid_until(std::uint64_t user, const std::string& number, RestsOn rests_on) const {
  const Owner& owner = found(number);
  const Time until = std::min(horizon(), rights_of(owner, user).until);
  return rests_on == RestsOn::kRights ? until : std::min(until, owner.facts.modes_until);
}

}  // namespace whitebrick::availability
