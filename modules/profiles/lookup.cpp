// Who a request is about, and what other modules ask.
#include "modules/profiles/profiles.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::profiles {
namespace {

ProfileKey read_key(const db::Row& row) {
  return {row.id("id"), row.id("user_id"), row.text("user"), row.text("profile"),
          row.text_or_null("contact_number")};
}

}  // namespace

Profiles::Profiles(events::Events& events) : events_(events) {}

std::uint64_t Profiles::subject(db::Session& db, const Caller& caller,
                                const std::optional<std::string>& user) {
  if (user) check::identifier(*user, "userId");
  if (caller.role == Role::kAdmin) {
    if (!user) throw Fault(FaultCode::INVALID_ARGUMENT, "an administrator names the user", "userId");
    if (const auto id = find_user(db, *user)) return *id;
    throw Fault(FaultCode::NOT_FOUND, "there is no such user", "userId");
  }
  // The same for a user that exists and one that does not.
  if (caller.user_id == 0 || (user && *user != caller.user)) {
    throw Fault(FaultCode::FORBIDDEN, "the data of a user is his own and the administrators'", "userId");
  }
  return caller.user_id;
}

ProfileKey Profiles::subject_profile(db::Session& db, const Caller& caller,
                                     const std::optional<std::string>& user, const std::string& profile) {
  check::identifier(profile, "profileId");
  auto key = find_profile(db, subject(db, caller, user), profile);
  if (!key) throw Fault(FaultCode::NOT_FOUND, "the user has no such profile", "profileId");
  return *std::move(key);
}

namespace {
constexpr std::string_view kFindUser = "SELECT id FROM user WHERE name = ?";
}
std::optional<std::uint64_t> Profiles::find_user(db::Session& db, const std::string& user) {
  return db.query_one(
      kFindUser, [](const db::Row& row) { return row.id("id"); }, user);
}

namespace {
constexpr std::string_view kFindTerminal = "SELECT id FROM terminal WHERE user_id = ? AND name = ?";
}
std::optional<std::uint64_t> Profiles::find_terminal(db::Session& db, std::uint64_t user_id,
                                                     const std::string& terminal) {
  return db.query_one(
      kFindTerminal, [](const db::Row& row) { return row.id("id"); }, user_id, terminal);
}

namespace {
constexpr std::string_view kFindProfile = R"sql(
SELECT p.id AS id, p.user_id AS user_id, u.name AS user, p.name AS profile, p.contact_number AS contact_number
FROM profile p JOIN user u ON u.id = p.user_id
WHERE p.user_id = ? AND p.name = ?)sql";
}
std::optional<ProfileKey> Profiles::find_profile(db::Session& db, std::uint64_t user_id,
                                                 const std::string& profile) {
  return db.query_one(kFindProfile, read_key, user_id, profile);
}

namespace {
constexpr std::string_view kFindNumber = R"sql(
SELECT p.id AS id, p.user_id AS user_id, u.name AS user, p.name AS profile, p.contact_number AS contact_number
FROM profile p JOIN user u ON u.id = p.user_id
WHERE p.contact_number = ?)sql";
}
std::optional<ProfileKey> Profiles::find_number(db::Session& db, const std::string& normalised) {
  return db.query_one(kFindNumber, read_key, normalised);
}

namespace {
constexpr std::string_view kProfilesOf = R"sql(
SELECT p.id AS id, p.user_id AS user_id, u.name AS user, p.name AS profile, p.contact_number AS contact_number
FROM profile p JOIN user u ON u.id = p.user_id
WHERE p.user_id = ? ORDER BY p.name)sql";
}
std::vector<ProfileKey> Profiles::profiles_of(db::Session& db, std::uint64_t user_id) {
  return db.query(kProfilesOf, read_key, user_id);
}

namespace {
constexpr std::string_view kWanted =
    "SELECT number FROM contact_list WHERE profile_id = ? AND kind = 1 ORDER BY position";
}
std::vector<std::string> Profiles::wanted_contacts(db::Session& db, std::uint64_t profile_id) {
  return db.query(
      kWanted, [](const db::Row& row) { return row.text("number"); }, profile_id);
}

namespace {
constexpr std::string_view kSubscribes =
    "SELECT 1 AS yes FROM profile_service WHERE profile_id = ? AND service_id = ?";
}
bool Profiles::subscribes_to(db::Session& db, std::uint64_t profile_id, std::uint64_t service_id) {
  return db
      .query_one(
          kSubscribes, [](const db::Row&) { return true; }, profile_id, service_id)
      .has_value();
}

}  // namespace whitebrick::profiles
