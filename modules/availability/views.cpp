// What askers may see of owners: one query, whoever they are and whether they exist.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "modules/availability/availability.hpp"
#include "modules/availability/means_row.hpp"
#include "server/check.hpp"

namespace whitebrick::availability {
namespace {

// A text per list length would fill the cache of prepared statements.
constexpr std::array<std::size_t, 10> kListSizes{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

// Filled up with the last value.
template <class T>
std::string in_list(const std::vector<T>& values, std::vector<db::Value>& args) {
  const std::size_t size = *std::ranges::lower_bound(kListSizes, values.size());
  for (std::size_t i = 0; i < size; ++i) args.emplace_back(values[std::min(i, values.size() - 1)]);
  return db::placeholders(size);
}

// Every look-up is one by a whole key or the front of one, row by row in this order, which the
// optimizer is spared from finding again each time. A profile comes in as many rows as
// numbers of the asker, sessions and active modes go together; they are put together below.
constexpr std::string_view kUserViews = R"sql(
SELECT STRAIGHT_JOIN p.contact_number AS number, p.id AS id, p.user_id AS user_id, p.policy AS policy,
  p.default_state AS default_state, l.kind AS list, g.id AS granted, g.one_shot AS for_once, s.id AS connected,
  a.slot AS slot, COALESCE(m.state, a.state) AS state, m.contacts AS contacts, c.mode_id AS covered,
  m.transfer_to AS transfer_to, m.transfer_terminal AS transfer_terminal, m.transfer_medium AS transfer_medium,
  m.offers AS offers, m.call_by AS call_by, m.notification AS notification, m.name AS mode,
  m.priority AS priority, a.activated_at AS activated_at,
  i.mode_id AS rule_slot, im.state AS rule_state, im.contacts AS rule_contacts, ic.mode_id AS rule_covered,
  im.transfer_to AS rule_transfer_to, im.transfer_terminal AS rule_transfer_terminal,
  im.transfer_medium AS rule_transfer_medium, im.offers AS rule_offers, im.call_by AS rule_call_by,
  im.notification AS rule_notification, im.name AS rule_mode, im.priority AS rule_priority, i.begin_at AS begin_at
FROM profile p
LEFT JOIN profile me ON me.user_id = ? AND me.contact_number IS NOT NULL
LEFT JOIN contact_list l ON l.profile_id = p.id AND l.number = me.contact_number AND l.kind IN (2, 3)
LEFT JOIN authorisation g ON g.owner_profile_id = p.id AND g.asker_user_id = ? AND g.state = 2
  AND (g.from_at IS NULL OR g.from_at <= UTC_TIMESTAMP(6))
  AND (g.until_at IS NULL OR g.until_at > UTC_TIMESTAMP(6))
LEFT JOIN access_session s ON s.profile_id = p.id
LEFT JOIN mode_activation a ON a.profile_id = p.id AND (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6))
LEFT JOIN mode m ON m.id = a.mode_id
LEFT JOIN mode_contact c ON c.mode_id = m.id AND c.number = me.contact_number
LEFT JOIN mode_interval i ON i.profile_id = p.id
  AND i.week = FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7)
  AND i.begin_at <= UTC_TIMESTAMP(6) AND (i.end_at IS NULL OR i.end_at > UTC_TIMESTAMP(6))
LEFT JOIN mode im ON im.id = i.mode_id
LEFT JOIN mode_contact ic ON ic.mode_id = im.id AND ic.number = me.contact_number
WHERE p.contact_number IN ()sql";

// A service in its own name is on no list and in no mode's; what it may know, it may because the
// profile subscribes to it.
constexpr std::string_view kServiceViews = R"sql(
SELECT STRAIGHT_JOIN p.contact_number AS number, p.id AS id, p.user_id AS user_id, p.policy AS policy,
  p.default_state AS default_state, NULL AS list, ps.service_id AS granted, 0 AS for_once, s.id AS connected,
  a.slot AS slot, COALESCE(m.state, a.state) AS state, m.contacts AS contacts, NULL AS covered,
  m.transfer_to AS transfer_to, m.transfer_terminal AS transfer_terminal, m.transfer_medium AS transfer_medium,
  m.offers AS offers, m.call_by AS call_by, m.notification AS notification, m.name AS mode,
  m.priority AS priority, a.activated_at AS activated_at,
  i.mode_id AS rule_slot, im.state AS rule_state, im.contacts AS rule_contacts, NULL AS rule_covered,
  im.transfer_to AS rule_transfer_to, im.transfer_terminal AS rule_transfer_terminal,
  im.transfer_medium AS rule_transfer_medium, im.offers AS rule_offers, im.call_by AS rule_call_by,
  im.notification AS rule_notification, im.name AS rule_mode, im.priority AS rule_priority, i.begin_at AS begin_at
FROM profile p
LEFT JOIN profile_service ps ON ps.profile_id = p.id AND ps.service_id = ?
LEFT JOIN access_session s ON s.profile_id = p.id
LEFT JOIN mode_activation a ON a.profile_id = p.id AND (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6))
LEFT JOIN mode m ON m.id = a.mode_id
LEFT JOIN mode_interval i ON i.profile_id = p.id
  AND i.week = FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7)
  AND i.begin_at <= UTC_TIMESTAMP(6) AND (i.end_at IS NULL OR i.end_at > UTC_TIMESTAMP(6))
LEFT JOIN mode im ON im.id = i.mode_id
WHERE p.contact_number IN ()sql";

constexpr std::string_view kViewsBy = R"sql(
SELECT STRAIGHT_JOIN p.contact_number AS number, p.id AS id, p.user_id AS user_id, p.policy AS policy,
  p.default_state AS default_state, l.kind AS list, g.id AS granted, g.one_shot AS for_once, s.id AS connected,
  a.slot AS slot, COALESCE(m.state, a.state) AS state, m.contacts AS contacts, c.mode_id AS covered,
  m.transfer_to AS transfer_to, m.transfer_terminal AS transfer_terminal, m.transfer_medium AS transfer_medium,
  m.offers AS offers, m.call_by AS call_by, m.notification AS notification, m.name AS mode,
  m.priority AS priority, a.activated_at AS activated_at,
  i.mode_id AS rule_slot, im.state AS rule_state, im.contacts AS rule_contacts, ic.mode_id AS rule_covered,
  im.transfer_to AS rule_transfer_to, im.transfer_terminal AS rule_transfer_terminal,
  im.transfer_medium AS rule_transfer_medium, im.offers AS rule_offers, im.call_by AS rule_call_by,
  im.notification AS rule_notification, im.name AS rule_mode, im.priority AS rule_priority, i.begin_at AS begin_at, asker.id AS asker
FROM profile p
JOIN user asker
LEFT JOIN profile me ON me.user_id = asker.id AND me.contact_number IS NOT NULL
LEFT JOIN contact_list l ON l.profile_id = p.id AND l.number = me.contact_number AND l.kind IN (2, 3)
LEFT JOIN authorisation g ON g.owner_profile_id = p.id AND g.asker_user_id = asker.id AND g.state = 2
  AND (g.from_at IS NULL OR g.from_at <= UTC_TIMESTAMP(6))
  AND (g.until_at IS NULL OR g.until_at > UTC_TIMESTAMP(6))
LEFT JOIN access_session s ON s.profile_id = p.id
LEFT JOIN mode_activation a ON a.profile_id = p.id AND (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6))
LEFT JOIN mode m ON m.id = a.mode_id
LEFT JOIN mode_contact c ON c.mode_id = m.id AND c.number = me.contact_number
LEFT JOIN mode_interval i ON i.profile_id = p.id
  AND i.week = FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7)
  AND i.begin_at <= UTC_TIMESTAMP(6) AND (i.end_at IS NULL OR i.end_at > UTC_TIMESTAMP(6))
LEFT JOIN mode im ON im.id = i.mode_id
LEFT JOIN mode_contact ic ON ic.mode_id = im.id AND ic.number = me.contact_number
WHERE p.contact_number = ? AND asker.id IN ()sql";

// A view while its rows come in.
struct Growing {
  View view;
  std::vector<std::uint64_t> slots, rule_slots;  // of the modes in view.facts.covering
};

// The columns that an active mode comes in: by an order, or by rules.
struct ModeColumns {
  const char *slot, *mode, *state, *contacts, *covered, *priority, *activated_at;
  MeansColumns means;
  bool by_rule;
};
constexpr ModeColumns kByOrder{"slot",     "mode",         "state", "contacts", "covered",
                               "priority", "activated_at", {},      false};
constexpr ModeColumns kByRule{"rule_slot",
                              "rule_mode",
                              "rule_state",
                              "rule_contacts",
                              "rule_covered",
                              "rule_priority",
                              "begin_at",
                              {"rule_transfer_to", "rule_transfer_terminal", "rule_transfer_medium",
                               "rule_offers", "rule_call_by", "rule_notification"},
                              true};

void add_mode(std::vector<CoveringMode>& covering, std::vector<std::uint64_t>& seen, const db::Row& row,
              const ModeColumns& columns) {
  const auto slot = row.id_or_null(columns.slot);
  if (!slot || std::ranges::find(seen, *slot) != seen.end()) return;
  const auto state = row.number_or_null(columns.state);
  const int contacts = static_cast<int>(row.number_or_null(columns.contacts).value_or(0));
  if (!state || (contacts > 0 && !row.id_or_null(columns.covered))) return;
  seen.push_back(*slot);
  covering.push_back({.mode = row.text_or_null(columns.mode).value_or(""),
                      .state = static_cast<ModeState>(*state),
                      .transfer = read_transfer(row, columns.means),
                      .means = read_means(row, columns.means),
                      .contacts = contacts,
                      .priority = static_cast<int>(row.number_or_null(columns.priority).value_or(0)),
                      .activated_at = row.time(columns.activated_at),
                      .from = {},
                      .until = {},
                      .by_rule = columns.by_rule});
}

void add_row(Growing& growing, const std::string& number, std::uint64_t asker_user_id, const db::Row& row) {
  Facts& facts = growing.view.facts;
  if (!facts.registered) {
    facts.registered = true;
    const std::uint64_t id = row.id("id"), user_id = row.id("user_id");
    growing.view.owner = profiles::ProfileKey{id, user_id, {}, {}, number};
    facts.asks_himself = asker_user_id != 0 && user_id == asker_user_id;
    facts.policy = static_cast<ProfilePolicy>(row.number("policy"));
    facts.default_state = static_cast<ModeState>(row.number("default_state"));
  }
  switch (static_cast<profiles::ListKind>(row.number_or_null("list").value_or(0))) {
    case profiles::ListKind::kAuthorised:
      facts.authorised = true;
      break;
    case profiles::ListKind::kRefused:
      facts.refused = true;
      break;
    case profiles::ListKind::kWanted:
      break;
  }
  if (const auto grant = row.id_or_null("granted")) {
    if (row.flag("for_once"))
      facts.grant_for_once = grant;
    else
      facts.granted = true;
  }
  if (row.id_or_null("connected")) facts.connected = true;
  add_mode(facts.covering, growing.slots, row, kByOrder);
  add_mode(facts.covering, growing.rule_slots, row, kByRule);
}

}  // namespace

std::vector<View> Availability::views(db::Session& db, std::uint64_t asker_user_id, std::uint64_t service_id,
                                      const std::vector<std::string>& numbers) {
  check::count(numbers.size(), check::kMaxItems, "contact");
  if (numbers.empty()) return {};
  const bool in_own_name = asker_user_id == 0;
  std::vector<db::Value> args;
  if (in_own_name)
    args = {service_id};
  else
    args = {asker_user_id, asker_user_id};
  std::string sql(in_own_name ? kServiceViews : kUserViews);
  sql += in_list(numbers, args) + ")";

  std::unordered_map<std::string, Growing> found;
  for (const std::string& number : numbers) found[number].view.number = number;
  db.query_with(
      sql,
      [&](const db::Row& row) {
        const std::string number = row.text("number");
        add_row(found[number], number, asker_user_id, row);
        return true;
      },
      args);

  std::vector<View> views;
  views.reserve(numbers.size());
  for (const std::string& number : numbers) views.push_back(found[number].view);
  return views;
}

std::vector<View> Availability::views_by(db::Session& db, const std::string& number,
                                         const std::vector<std::uint64_t>& asker_user_ids) {
  check::count(asker_user_ids.size(), check::kMaxItems, "contact");
  if (asker_user_ids.empty()) return {};
  std::vector<db::Value> args{number};
  std::string sql(kViewsBy);
  sql += in_list(asker_user_ids, args) + ")";

  std::unordered_map<std::uint64_t, Growing> found;
  for (const std::uint64_t asker : asker_user_ids) found[asker].view.number = number;
  db.query_with(
      sql,
      [&](const db::Row& row) {
        const std::uint64_t asker = row.id("asker");
        add_row(found[asker], number, asker, row);
        return true;
      },
      args);

  std::vector<View> views;
  views.reserve(asker_user_ids.size());
  for (const std::uint64_t asker : asker_user_ids) views.push_back(found[asker].view);
  return views;
}

}  // namespace whitebrick::availability
