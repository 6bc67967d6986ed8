// Asking a contact for the right to see his state, and his answer (12.b).
//
// An authorisation is known by the owner's profile and the asker's number; views find it by the
// asker's user. One that was answered beforehand is nobody's until he asks, so that it is the same
// whether or not somebody has the number.
#include "modules/availability/availability.hpp"
#include "modules/availability/owner_cache.hpp"
#include "modules/availability/reach_cache.hpp"
#include "modules/availability/xml_time.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"
#include "server/xml_text.hpp"

namespace whitebrick::availability {

Availability::Availability(profiles::Profiles& profiles, events::Events& events, KeptBytes bytes)
    : profiles_(profiles),
      events_(events),
      reaches_(std::make_unique<ReachCache>(bytes.reaches)),
      owners_(std::make_unique<OwnerCache>(bytes.owners)) {}
Availability::~Availability() = default;

namespace {

constexpr std::string_view kAskerName = R"sql(
SELECT COALESCE(p.display_name, u.display_name) AS display_name
FROM profile p JOIN user u ON u.id = p.user_id WHERE p.id = ?)sql";
// The asker's own note of it, which says nothing about the contact.
constexpr std::string_view kNoteRequest = R"sql(
INSERT INTO authorisation_request (asker_profile_id, number, asked_at)
SELECT ?, ?, UTC_TIMESTAMP(6) FROM dual
WHERE (SELECT COUNT(*) FROM authorisation_request WHERE asker_profile_id = ?) < 1000
ON DUPLICATE KEY UPDATE asked_at = VALUES(asked_at))sql";
// What is over or used up is asked for anew; so is what is left of who had the number before.
constexpr std::string_view kAskAnew = R"sql(
DELETE FROM authorisation
WHERE owner_profile_id = ? AND number = ? AND (until_at <= UTC_TIMESTAMP(6) OR state = 4 OR asker_user_id <> ?))sql";
// Where nobody may ask, only what lets him see.
constexpr std::string_view kTakeUp = R"sql(
UPDATE authorisation SET asker_user_id = ?, asker_profile_id = ?, asked_at = UTC_TIMESTAMP(6)
WHERE owner_profile_id = ? AND number = ? AND asker_user_id IS NULL
  AND (? OR state = 2 AND (until_at IS NULL OR until_at > UTC_TIMESTAMP(6))))sql";
// Nothing for a profile that is not there, and for one who has been asked before.
constexpr std::string_view kAsk = R"sql(
INSERT IGNORE INTO authorisation (owner_profile_id, number, asker_user_id, asker_profile_id, state, asked_at)
SELECT p.id, ?, ?, ?, 1, UTC_TIMESTAMP(6) FROM profile p WHERE p.id = ?
RETURNING id)sql";

}  // namespace

void Availability::request_authorisation(db::Session& db, const profiles::ProfileKey& asker,
                                         const std::string& number,
                                         const std::optional<std::string>& message) {
  if (!asker.contact_number) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "the profile has no number to be known by", "profileId");
  }
  check::length(message, 1000, "message");

  // The same statements whoever the contact is: profile 0 is nobody's.
  const View view = views(db, asker.user_id, 0, {number}).front();
  const bool may_ask = connectability(view.facts) == Connectability::kAuthorisationRequired;
  const std::uint64_t owner = may_ask ? view.owner.value().id : 0;
  const std::uint64_t granter = view.owner && a_grant_shows(view.facts) ? view.owner->id : 0;
  const auto display_name = db.query_one(
      kAskerName, [](const db::Row& row) { return row.text_or_null("display_name"); }, asker.id);
  db.execute(kNoteRequest, asker.id, number, asker.id);
  const bool anew = db.execute(kAskAnew, owner, *asker.contact_number, asker.user_id) > 0;
  const bool taken_up =
      db.execute(kTakeUp, asker.user_id, asker.id, granter, *asker.contact_number, may_ask ? 1 : 0) > 0;
  const auto id = db.query_one(
      kAsk, [](const db::Row& row) { return row.id("id"); }, *asker.contact_number, asker.user_id, asker.id,
      owner);

  if (anew || taken_up) profiles_.changed(db, {.profile_id = granter, .former_number = {}});
  if (taken_up) tell_grant(db, granter, *asker.contact_number);
  if (!id) return;
  std::vector<XmlField> fields{{"authorisationId", std::to_string(*id)}, {"contact", *asker.contact_number}};
  if (display_name && *display_name) fields.emplace_back("displayName", **display_name);
  if (message) fields.emplace_back("message", *message);
  events_.publish(db, "availability",
                  {.type = "authorisation.asked",
                   .content = xml_text("AuthorisationAsked", kCatalogueNamespace, fields),
                   .profiles = {owner}});
}

namespace {

constexpr int kPending = 1, kGranted = 2, kRefused = 3;
constexpr std::uint64_t kMaxAuthorisations = 1000;  // of a profile, answered without being asked

constexpr std::string_view kLockAuthorisation = R"sql(
SELECT a.owner_profile_id AS owner_profile_id, a.number AS number, a.state AS state, a.one_shot AS one_shot,
  a.from_at AS from_at, a.until_at AS until_at
FROM authorisation a JOIN profile p ON p.id = a.owner_profile_id
WHERE a.id = ? AND p.user_id = ? FOR UPDATE)sql";
// Assigned from left to right: the beginning is the new one. A job tells of it when it comes.
constexpr std::string_view kAnswer = R"sql(
UPDATE authorisation SET state = ?, answered_at = UTC_TIMESTAMP(6), one_shot = ?, from_at = ?, until_at = ?,
  untold_from_at = IF(from_at > UTC_TIMESTAMP(6), from_at, NULL)
WHERE id = ?)sql";
// Of a grant: by whom, to whom, until when.
constexpr std::string_view kGrant = R"sql(
SELECT p.contact_number AS contact_number, a.asker_profile_id AS asker_profile_id, a.until_at AS until_at
FROM authorisation a JOIN profile p ON p.id = a.owner_profile_id
WHERE a.owner_profile_id = ? AND a.number = ? AND a.state = 2 AND a.asker_profile_id IS NOT NULL)sql";
constexpr std::string_view kCountAhead = "SELECT COUNT(*) AS n FROM authorisation WHERE owner_profile_id = ?";
constexpr std::string_view kAuthoriseAhead = R"sql(
INSERT INTO authorisation (owner_profile_id, number, state) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE number = VALUES(number)
RETURNING id)sql";

struct Asked {
  std::uint64_t owner_profile_id;
  std::string number;
  int state;
  bool one_shot;
  std::optional<Time> from, until;
};

Asked read_asked(const db::Row& row) {
  return {row.id("owner_profile_id"), row.text("number"),          static_cast<int>(row.number("state")),
          row.flag("one_shot"),       row.time_or_null("from_at"), row.time_or_null("until_at")};
}

void check_window(db::Session& db, const AuthorisationAnswer& answer) {
  if (answer.until) check::in_future(*answer.until, db.now(), "until");
  if (answer.from && answer.until && *answer.from >= *answer.until) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "the end comes after the beginning", "from");
  }
}

}  // namespace

void Availability::tell_grant(db::Session& db, std::uint64_t owner_profile_id, const std::string& number) {
  struct Grant {
    std::string owner_number;
    std::uint64_t asker_profile_id;
    std::optional<Time> until;
  };
  const auto grant = db.query_one(
      kGrant,
      [](const db::Row& row) {
        return Grant{row.text_or_null("contact_number").value_or(""), row.id("asker_profile_id"),
                     row.time_or_null("until_at")};
      },
      owner_profile_id, number);
  if (!grant || grant->owner_number.empty()) return;
  std::vector<XmlField> fields{{"contact", grant->owner_number}};
  if (grant->until) fields.emplace_back("until", xml_time(*grant->until));
  events_.publish(db, "availability",
                  {.type = "authorisation.answered",
                   .content = xml_text("AuthorisationAnswered", kCatalogueNamespace, fields),
                   .profiles = {grant->asker_profile_id}});
}

void Availability::answer_authorisation(db::Session& db, const Caller& owner, std::uint64_t id,
                                        AuthorisationAnswer answer) {
  if (!answer.grant) answer = {.grant = false, .one_shot = false, .from = {}, .until = {}};
  check_window(db, answer);
  const auto asked = db.query_one(kLockAuthorisation, read_asked, id, owner.user_id);
  if (!asked) throw Fault(FaultCode::NOT_FOUND, "nobody has asked you that", "authorisationId");
  const int state = answer.grant ? kGranted : kRefused;
  if (asked->state == state && asked->one_shot == answer.one_shot && asked->from == answer.from &&
      asked->until == answer.until) {
    return;
  }
  db.execute(kAnswer, state, answer.one_shot ? 1 : 0, answer.from, answer.until, id);
  profiles_.changed(db, {.profile_id = asked->owner_profile_id, .former_number = {}});
  if (answer.grant) tell_grant(db, asked->owner_profile_id, asked->number);
}

std::uint64_t Availability::authorise_ahead(db::Session& db, const Caller& caller,
                                            const profiles::ProfileKey& owner, const std::string& number,
                                            const AuthorisationAnswer& answer) {
  for (const auto& own : profiles_.profiles_of(db, owner.user_id)) {
    if (own.contact_number == number) {
      throw Fault(FaultCode::INVALID_ARGUMENT, "nobody authorises himself", "contact");
    }
  }
  check_window(db, answer);
  if (db.query_one(
            kCountAhead, [](const db::Row& row) { return row.id("n"); }, owner.id)
          .value_or(0) >= kMaxAuthorisations) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "the profile has too many authorisations", "contact");
  }
  const auto id =
      db.query_one(
            kAuthoriseAhead, [](const db::Row& row) { return row.id("id"); }, owner.id, number, kPending)
          .value();
  answer_authorisation(db, caller, id, answer);
  return id;
}

}  // namespace whitebrick::availability
