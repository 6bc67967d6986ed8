// Authorisations as their owner and their asker read them, taken back, and used up (12.b).
#include <algorithm>

#include "modules/availability/availability.hpp"
#include "server/fault.hpp"

namespace whitebrick::availability {
namespace {

constexpr std::string_view kGiven = R"sql(
SELECT a.id AS id, p.name AS profile, a.number AS number, a.state AS state, a.one_shot AS one_shot,
  a.from_at AS from_at, a.until_at AS until_at, a.asked_at AS asked_at, a.answered_at AS answered_at
FROM profile p JOIN authorisation a ON a.owner_profile_id = p.id
WHERE p.user_id = ? AND (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6))
ORDER BY a.id DESC LIMIT 1000)sql";
// What others answered shows only as a grant that lives, or is to live.
constexpr std::string_view kAskedFor = R"sql(
SELECT p.name AS profile, r.number AS number, r.asked_at AS asked_at, IF(g.id IS NULL, 1, 2) AS state,
  COALESCE(g.one_shot, 0) AS one_shot, g.from_at AS from_at, g.until_at AS until_at
FROM profile p
JOIN authorisation_request r ON r.asker_profile_id = p.id
LEFT JOIN profile o ON o.contact_number = r.number
LEFT JOIN authorisation g ON g.owner_profile_id = o.id AND g.asker_profile_id = p.id AND g.state = 2
  AND (g.until_at IS NULL OR g.until_at > UTC_TIMESTAMP(6))
WHERE p.user_id = ? ORDER BY r.asked_at DESC LIMIT 1000)sql";

Authorisation read_authorisation(const db::Row& row) {
  Authorisation authorisation;
  authorisation.profile = row.text("profile");
  authorisation.contact = row.text("number");
  authorisation.status = static_cast<AuthorisationStatus>(row.number("state"));
  authorisation.one_shot = row.flag("one_shot");
  authorisation.from = row.time_or_null("from_at");
  authorisation.until = row.time_or_null("until_at");
  authorisation.asked_at = row.time_or_null("asked_at");
  return authorisation;
}

// What it shows of who hides is what it shows of who is nobody.
void forget_answer(Authorisation& asked) {
  asked.status = AuthorisationStatus::kPending;
  asked.one_shot = false;
  asked.from.reset();
  asked.until.reset();
}

}  // namespace

Authorisations Availability::list_authorisations(db::Session& db, std::uint64_t user_id) {
  Authorisations all;
  all.given = db.query(
      kGiven,
      [](const db::Row& row) {
        Authorisation authorisation = read_authorisation(row);
        authorisation.id = row.id("id");
        authorisation.answered_at = row.time_or_null("answered_at");
        return authorisation;
      },
      user_id);
  all.asked = db.query(kAskedFor, read_authorisation, user_id);
  std::vector<std::string> numbers;
  for (const Authorisation& asked : all.asked) numbers.push_back(asked.contact);
  const std::vector<View> seen = views(db, user_id, 0, numbers);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (!a_grant_shows(seen[i].facts)) forget_answer(all.asked[i]);
  }
  return all;
}

namespace {

constexpr std::string_view kLockOwn = R"sql(
SELECT a.owner_profile_id AS owner_profile_id, a.state AS state, a.asker_profile_id AS asker_profile_id,
  p.contact_number AS contact_number
FROM authorisation a JOIN profile p ON p.id = a.owner_profile_id
WHERE a.id = ? AND p.user_id = ? FOR UPDATE)sql";
constexpr std::string_view kRevoke = "DELETE FROM authorisation WHERE id = ?";
constexpr std::string_view kForgetRequest =
    "DELETE FROM authorisation_request WHERE asker_profile_id = ? AND number = ?";
// Of many who use it at once, one does.
constexpr std::string_view kUse = R"sql(
UPDATE authorisation SET state = 4, answered_at = UTC_TIMESTAMP(6)
WHERE id = ? AND state = 2 AND one_shot = 1 AND (from_at IS NULL OR from_at <= UTC_TIMESTAMP(6))
  AND (until_at IS NULL OR until_at > UTC_TIMESTAMP(6)))sql";

struct Revoked {
  std::uint64_t owner_profile_id;
  AuthorisationStatus status;
  std::optional<std::uint64_t> asker_profile_id;
  std::optional<std::string> owner_number;
};

}  // namespace

void Availability::revoke_authorisation(db::Session& db, const Caller& owner, std::uint64_t id) {
  const auto revoked = db.query_one(
      kLockOwn,
      [](const db::Row& row) {
        return Revoked{row.id("owner_profile_id"), static_cast<AuthorisationStatus>(row.number("state")),
                       row.id_or_null("asker_profile_id"), row.text_or_null("contact_number")};
      },
      id, owner.user_id);
  if (!revoked) throw Fault(FaultCode::NOT_FOUND, "you have no such authorisation", "authorisationId");
  db.execute(kRevoke, id);
  if (revoked->status != AuthorisationStatus::kGranted) return;
  // Whoever lost a grant sees that he did; of a refusal his list goes on saying that he asked.
  db.execute(kForgetRequest, revoked->asker_profile_id, revoked->owner_number);
  profiles_.changed(db, {.profile_id = revoked->owner_profile_id, .former_number = {}});
}

void Availability::use_grants(db::Session& db, std::vector<View>& views) {
  std::vector<std::uint64_t> used;  // one contact may be asked for twice at once
  for (View& view : views) {
    if (!needs_grant_for_once(view.facts)) continue;
    const std::uint64_t id = *view.facts.grant_for_once;
    view.facts.granted = std::ranges::find(used, id) != used.end() || db.execute(kUse, id) > 0;
    view.facts.grant_for_once.reset();
    if (view.facts.granted) used.push_back(id);
  }
}

}  // namespace whitebrick::availability
