// Asking a contact for the right to see his state, and his answer (12.b).
#include "modules/availability/availability.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"
#include "server/xml_text.hpp"

namespace whitebrick::availability {

Availability::Availability(profiles::Profiles& profiles, events::Events& events)
    : profiles_(profiles), events_(events) {}

namespace {

enum State { kPending = 1, kGranted = 2, kRefused = 3 };

constexpr std::string_view kAskerName = R"sql(
SELECT COALESCE(p.display_name, u.display_name) AS display_name
FROM profile p JOIN user u ON u.id = p.user_id WHERE p.id = ?)sql";
// A grant whose time is over, and that nobody has cleared away yet, is asked for anew.
constexpr std::string_view kAskAnew = R"sql(
DELETE FROM authorisation
WHERE owner_profile_id = ? AND asker_user_id = ? AND until_at <= UTC_TIMESTAMP(6))sql";
// Nothing for a profile that is not there, and for one who has been asked before.
constexpr std::string_view kAsk = R"sql(
INSERT IGNORE INTO authorisation (owner_profile_id, asker_user_id, asker_profile_id, state, asked_at)
SELECT p.id, ?, ?, 1, UTC_TIMESTAMP(6) FROM profile p WHERE p.id = ?
RETURNING id)sql";

}  // namespace

void Availability::request_authorisation(db::Session& db, const profiles::ProfileKey& asker,
                                         const std::string& number, const std::optional<std::string>& message) {
  if (!asker.contact_number) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "the profile has no number to be known by", "profileId");
  }
  check::length(message, 1000, "message");

  // The same statements whoever the contact is: profile 0 is nobody's.
  const View view = views(db, asker.user_id, 0, {number}).front();
  const bool may_ask = connectability(view.facts) == Connectability::kAuthorisationRequired;
  const std::uint64_t owner = may_ask ? view.owner.value().id : 0;
  const auto display_name = db.query_one(
      kAskerName, [](const db::Row& row) { return row.text_or_null("display_name"); }, asker.id);
  const bool expired = db.execute(kAskAnew, owner, asker.user_id) > 0;
  const auto id =
      db.query_one(kAsk, [](const db::Row& row) { return row.id("id"); }, asker.user_id, asker.id, owner);

  if (expired) profiles_.changed(db, {.profile_id = owner, .former_number = {}});
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

constexpr std::string_view kLockAuthorisation = R"sql(
SELECT a.owner_profile_id AS owner_profile_id, a.asker_profile_id AS asker_profile_id, a.state AS state,
  a.until_at AS until_at, p.contact_number AS contact_number
FROM authorisation a JOIN profile p ON p.id = a.owner_profile_id
WHERE a.id = ? AND p.user_id = ? FOR UPDATE)sql";
constexpr std::string_view kAnswer =
    "UPDATE authorisation SET state = ?, answered_at = UTC_TIMESTAMP(6), until_at = ? WHERE id = ?";

struct Asked {
  std::uint64_t owner_profile_id, asker_profile_id;
  int state;
  std::optional<Time> until;
  std::string owner_number;
};

Asked read_asked(const db::Row& row) {
  return {row.id("owner_profile_id"), row.id("asker_profile_id"), static_cast<int>(row.number("state")),
          row.time_or_null("until_at"), row.text_or_null("contact_number").value_or("")};
}

// "2026-11-23T04:21:15.123456Z"
std::string xml_time(Time time) {
  std::string text = db::to_sql(time);
  text[text.find(' ')] = 'T';
  return text + "Z";
}

}  // namespace

void Availability::answer_authorisation(db::Session& db, const Caller& owner, std::uint64_t id, bool grant,
                                        std::optional<Time> until) {
  if (!grant) until.reset();
  if (until) check::in_future(*until, db.now(), "until");
  const auto asked = db.query_one(kLockAuthorisation, read_asked, id, owner.user_id);
  if (!asked) throw Fault(FaultCode::NOT_FOUND, "nobody has asked you that", "authorisationId");
  const int state = grant ? kGranted : kRefused;
  if (asked->state == state && asked->until == until) return;

  db.execute(kAnswer, state, until, id);
  profiles_.changed(db, {.profile_id = asked->owner_profile_id, .former_number = {}});
  if (!grant) return;
  std::vector<XmlField> fields{{"contact", asked->owner_number}};
  if (until) fields.emplace_back("until", xml_time(*until));
  events_.publish(db, "availability",
                  {.type = "authorisation.answered",
                   .content = xml_text("AuthorisationAnswered", kCatalogueNamespace, fields),
                   .profiles = {asked->asker_profile_id}});
}

}  // namespace whitebrick::availability
