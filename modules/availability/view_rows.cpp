// Every look-up is one by a whole key or the front of one, row by row in the order written, which the
// optimizer is spared from finding again each time. The parts are as many as there are things that an owner
// may have several of: joined to one another they would multiply.
#include "modules/availability/view_rows.hpp"

#include <algorithm>

#include "db/list.hpp"
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
  a.slot AS id, me.user_id AS user_id, COALESCE(m.state, a.state) AS state, a.activated_at AS at, a.until_at AS until_at,
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

// No longer than rules are looked ahead, and not into another week.
Time horizon(Time now) {
  using std::chrono::weeks;
  return std::min(now + std::chrono::hours(6),
                  Time(std::chrono::floor<weeks>(now.time_since_epoch()) + weeks(1)));
}

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
  const auto add_part = [&](std::string_view part) {
    if (!sql.empty()) sql += "\nUNION ALL";
    for (std::size_t at; (at = part.find('#')) != std::string_view::npos; part.remove_prefix(at + 2)) {
      sql.append(part.substr(0, at)).append(fill_in(part[at + 1]));
    }
    sql += part;
  };
  if (!buckets.empty()) add_part(kStampPart);
  add_part(kProfilePart);
  if (users.empty()) {
    add_part(kServicePart);
  } else {
    add_part(kListPart);
    add_part(kGrantPart);
  }
  add_part(kOrderPart);
  add_part(kRulePart);
  owners_.reserve(numbers.size());
  db.query_with(
      sql, [&](const db::Row& row) { return add(row), true; }, args);
}

void ViewRows::add(const db::Row& row) {
  const auto part = static_cast<Part>(row.number("part"));
  if (part == Part::kStamps) {
    const auto stamps = row.bytes_or_null("text");
    stamps_ = StampsRead(stamps ? std::string_view(stamps->value) : std::string_view(), row.time("at"));
    return;
  }
  Owner& owner = owners_[row.text("text")];
  const auto right = [&]() -> Right& { return owner.rights[row.id("user_id")]; };
  switch (part) {
    case Part::kProfile:
      owner.id = row.id("id");
      owner.user_id = row.id("user_id");
      owner.default_state = static_cast<ModeState>(row.number("state"));
      owner.policy = static_cast<ProfilePolicy>(row.number("policy"));
      owner.connected = row.id_or_null("connected").has_value();
      break;
    case Part::kList:
      (row.number("state") == static_cast<int>(profiles::ListKind::kRefused) ? right().refused
                                                                             : right().authorised) = true;
      break;
    case Part::kGrant:
      add_grant(owner, row);
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

namespace {

void bound(Time& until, const std::optional<Time>& turn) {
  if (turn) until = std::min(until, *turn);
}

}  // namespace

void ViewRows::add_grant(Owner& owner, const db::Row& row) {
  Right& right = owner.rights[row.id("user_id")];
  const bool for_once = row.flag("state");
  if (const auto from = row.time_or_null("at")) return bound(owner.rights_until, from);
  bound(owner.rights_until, row.time_or_null("until_at"));
  if (for_once)
    right.grant_for_once = row.id("id");
  else
    right.granted = true;
}

void ViewRows::add_mode(Owner& owner, const db::Row& row, bool by_rule) {
  const std::uint64_t id = row.id("id");
  const auto user = row.id_or_null("user_id");
  const Time at = row.time("at");
  if (!row.number_or_null("state")) {
    if (by_rule) bound(owner.modes_until, at);
    return;
  }
  bound(owner.modes_until, row.time_or_null("until_at"));
  const auto seen = std::ranges::find_if(
      owner.modes, [&](const ActiveMode& m) { return m.id == id && m.mode.by_rule == by_rule; });
  if (seen != owner.modes.end()) {
    if (user) seen->users.push_back(*user);
    return;
  }
  CoveringMode mode = read_covering(row);
  mode.activated_at = at;
  mode.by_rule = by_rule;
  owner.modes.push_back({id, std::move(mode), {}});
  if (user) owner.modes.back().users.push_back(*user);
}

View ViewRows::view(std::uint64_t user, const std::string& number) const {
  View view;
  view.number = number;
  const auto found = owners_.find(number);
  if (found == owners_.end()) return view;
  const Owner& owner = found->second;
  view.owner = profiles::ProfileKey{owner.id, owner.user_id, {}, {}, number};
  Facts& facts = view.facts;
  facts.registered = true;
  facts.asks_himself = user != 0 && owner.user_id == user;
  facts.policy = owner.policy;
  facts.default_state = owner.default_state;
  facts.connected = owner.connected;
  if (const auto right = owner.rights.find(user); right != owner.rights.end()) {
    facts.authorised = right->second.authorised;
    facts.refused = right->second.refused;
    facts.granted = right->second.granted;
    facts.grant_for_once = right->second.grant_for_once;
  }
  for (const ActiveMode& active : owner.modes) {
    if (active.mode.contacts == 0 || std::ranges::find(active.users, user) != active.users.end())
      facts.covering.push_back(active.mode);
  }
  return view;
}

Time ViewRows::valid_until(const std::string& number, RestsOn rests_on) const {
  Time until = horizon(stamps_.at());
  const auto found = owners_.find(number);
  if (found == owners_.end()) return until;
  until = std::min(until, found->second.rights_until);
  return rests_on == RestsOn::kRights ? until : std::min(until, found->second.modes_until);
}

}  // namespace whitebrick::availability
