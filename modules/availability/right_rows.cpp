#include "modules/availability/right_rows.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "db/list.hpp"
#include "modules/availability/marked_sql.hpp"
#include "modules/profiles/profiles.hpp"

namespace whitebrick::availability {
namespace {

enum class Part { kStamps = 1, kList, kGrant, kService, kCovered };

// Keys are named where MariaDB would weigh several each time, or read all who have the asker on a list.
// In these, #o stands for the list of owners' profiles, #m for that of their modes for some contacts, #b for
// the buckets, #a for the asker's, #u for the user who asks, #s for the service.
constexpr std::string_view kStampPart = R"sql(
SELECT 1 AS part, GROUP_CONCAT(v.bucket, ' ', v.rights, v.modes, v.sessions SEPARATOR '') AS text, NULL AS id,
  NULL AS kind, NULL AS grant_id, UTC_TIMESTAMP(6) AS at, NULL AS until_at
FROM view_stamp v WHERE v.bucket IN (#a,#b))sql";

constexpr std::string_view kListPart = R"sql(
SELECT STRAIGHT_JOIN 2, NULL, l.profile_id, l.kind, NULL, NULL, NULL
FROM profile me JOIN profile p ON p.id IN (#o)
JOIN contact_list l FORCE INDEX (PRIMARY) ON l.profile_id = p.id AND l.number = me.contact_number AND l.kind IN (2, 3)
WHERE me.user_id = #u)sql";

// One that is to live later on has `at`.
constexpr std::string_view kGrantPart = R"sql(
SELECT 3, NULL, g.owner_profile_id, g.one_shot, g.id, IF(g.from_at > UTC_TIMESTAMP(6), g.from_at, NULL), g.until_at
FROM authorisation g FORCE INDEX (ix_authorisation_asker)
WHERE g.asker_user_id = #u AND g.owner_profile_id IN (#o) AND g.state = 2
  AND (g.until_at IS NULL OR g.until_at > UTC_TIMESTAMP(6)))sql";

constexpr std::string_view kServicePart = R"sql(
SELECT 4, NULL, ps.profile_id, NULL, NULL, NULL, NULL
FROM profile_service ps WHERE ps.profile_id IN (#o) AND ps.service_id = #s)sql";

constexpr std::string_view kCoveredPart = R"sql(
SELECT STRAIGHT_JOIN 5, NULL, c.mode_id, NULL, NULL, NULL, NULL
FROM profile me JOIN mode m ON m.id IN (#m)
JOIN mode_contact c FORCE INDEX (PRIMARY) ON c.mode_id = m.id AND c.number = me.contact_number
WHERE me.user_id = #u)sql";

}  // namespace

RightRows::RightRows(db::Session& db, const ReachAsker& asker, const std::vector<const OwnerFacts*>& owners,
                     const std::vector<Bucket>& buckets) {
  std::vector<std::uint64_t> profiles, modes;
  for (const OwnerFacts* owner : owners) {
    profiles.push_back(owner->profile_id);
    const auto some = owner->modes_for_some();
    modes.insert(modes.end(), some.begin(), some.end());
  }
  std::string sql;
  std::vector<db::Value> args;
  const auto fill_in = [&](char mark) -> std::string {
    switch (mark) {
      case 'o':
        return db::in_list(profiles, args);
      case 'm':
        return db::in_list(modes, args);
      case 'b':
        return db::in_list(buckets, args);
      case 'a':
        args.emplace_back(bucket_of_asker(asker.user_id));
        return "?";
      case 'u':
        args.emplace_back(asker.user_id);
        return "?";
      default:
        args.emplace_back(asker.service_id);
        return "?";
    }
  };
  add_part(sql, kStampPart, fill_in);
  if (asker.user_id == 0) {
    add_part(sql, kServicePart, fill_in);
  } else {
    add_part(sql, kListPart, fill_in);
    add_part(sql, kGrantPart, fill_in);
    if (!modes.empty()) add_part(sql, kCoveredPart, fill_in);
  }
  db.query_with(
      sql, [&](const db::Row& row) { return add(row), true; }, args);
}

void RightRows::add(const db::Row& row) {
  const auto part = static_cast<Part>(row.number("part"));
  if (part == Part::kStamps) {
    stamps_ = StampsRead(row);
    return;
  }
  const std::uint64_t id = row.id("id");
  if (part == Part::kCovered) return covered_by_.push_back(id);
  AskerRights& rights = rights_[id];
  if (part == Part::kService)
    rights.granted = true;
  else if (part == Part::kList)
    rights.add_list(static_cast<profiles::ListKind>(row.number("kind")));
  else
    rights.add_grant(row.id("grant_id"), row.flag("kind"), row.time_or_null("at"),
                     row.time_or_null("until_at"));
}

AskerRights RightRows::of(const OwnerFacts& owner) const {
  const auto found = rights_.find(owner.profile_id);
  AskerRights rights = found == rights_.end() ? AskerRights() : found->second;
  rights.covered_by = covered_by_;
  return rights;
}

}  // namespace whitebrick::availability
