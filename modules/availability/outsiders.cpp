// Callers whose number no user has: a mode for some contacts may be for them all the same.
#include <utility>

#include "modules/availability/availability.hpp"
#include "modules/availability/means_row.hpp"

namespace whitebrick::availability {
namespace {

constexpr std::string_view kModesForNumber = R"sql(
SELECT m.name AS mode, m.state AS state, m.transfer_to AS transfer_to, m.transfer_terminal AS transfer_terminal,
  m.transfer_medium AS transfer_medium, m.offers AS offers, m.call_by AS call_by, m.notification AS notification,
  m.contacts AS contacts, m.priority AS priority, a.activated_at AS activated_at, 0 AS by_rule
FROM mode m JOIN mode_contact c ON c.mode_id = m.id AND c.number = ?
  JOIN mode_activation a ON a.profile_id = m.profile_id AND a.slot = m.id
WHERE m.profile_id = ? AND (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6))
UNION ALL
SELECT m.name AS mode, m.state AS state, m.transfer_to AS transfer_to, m.transfer_terminal AS transfer_terminal,
  m.transfer_medium AS transfer_medium, m.offers AS offers, m.call_by AS call_by, m.notification AS notification,
  m.contacts AS contacts, m.priority AS priority, i.begin_at AS activated_at, 1 AS by_rule
FROM mode m JOIN mode_contact c ON c.mode_id = m.id AND c.number = ?
  JOIN mode_interval i ON i.profile_id = m.profile_id AND i.mode_id = m.id
    AND i.week = FLOOR((TO_DAYS(UTC_TIMESTAMP(6)) - TO_DAYS('1970-01-01')) / 7)
WHERE m.profile_id = ? AND i.begin_at <= UTC_TIMESTAMP(6) AND (i.end_at IS NULL OR i.end_at > UTC_TIMESTAMP(6)))sql";

}  // namespace

void Availability::cover_outsider(db::Session& db, View& view, const std::string& number) {
  const std::uint64_t profile_id = view.owner ? view.owner->id : 0;
  db.query(
      kModesForNumber,
      [&](const db::Row& row) {
        CoveringMode mode = read_covering(row);
        mode.activated_at = row.time("activated_at");
        mode.by_rule = row.flag("by_rule");
        view.facts.covering.push_back(std::move(mode));
        return true;
      },
      number, profile_id, number, profile_id);
}

}  // namespace whitebrick::availability
