// One profile: its settings, contact lists and services.
#include <unordered_set>

#include "db/list.hpp"
#include "modules/profiles/profiles.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::profiles {
namespace {

// One after the other, so that two who add at once do not both find room.
constexpr std::string_view kLockOwner = "SELECT id FROM user WHERE id = ? FOR UPDATE";
constexpr std::string_view kCountProfiles = "SELECT COUNT(*) AS held FROM profile WHERE user_id = ?";
constexpr std::string_view kLockProfile =
    "SELECT version, contact_number FROM profile WHERE user_id = ? AND name = ? FOR UPDATE";
// Without the number: its unique key would make ON DUPLICATE KEY write somebody else's row.
constexpr std::string_view kPutProfile = R"sql(
INSERT INTO profile (user_id, name, display_name, policy, default_state, version) VALUES (?, ?, ?, ?, ?, 1)
ON DUPLICATE KEY UPDATE display_name = VALUES(display_name), policy = VALUES(policy),
  default_state = VALUES(default_state), version = version + 1
RETURNING id, version)sql";
constexpr std::string_view kGiveNumber =
    "UPDATE profile SET contact_number = ? WHERE id = ? AND NOT (contact_number <=> ?)";

struct Locked {
  std::uint64_t version;
  std::optional<std::string> number;
};
Locked read_locked(const db::Row& row) { return {row.id("version"), row.text_or_null("contact_number")}; }

struct Stored {
  std::uint64_t id, version;
};
Stored read_stored(const db::Row& row) { return {row.id("id"), row.id("version")}; }

}  // namespace

Written Profiles::put_profile(db::Session& db, std::uint64_t user_id, const ProfileData& profile,
                              bool by_admin, std::optional<std::uint64_t> if_version) {
  check::identifier(profile.profile, "profileId");
  check::length(profile.display_name, 256, "displayName");
  std::optional<std::string> number;
  if (profile.contact_number) {
    if (!by_admin) {
      throw Fault(FaultCode::FORBIDDEN, "contact numbers are given by administrators", "contactNumber");
    }
    number = normalise_number(*profile.contact_number, "contactNumber");
  }
  const auto before = db.query_one(kLockProfile, read_locked, user_id, profile.profile);
  demand_version(before ? std::optional(before->version) : std::nullopt, if_version, "the profile");
  if (!before) {
    db.query_one(
        kLockOwner, [](const db::Row& row) { return row.id("id"); }, user_id);
    const auto held = db.query_one(
        kCountProfiles, [](const db::Row& row) { return row.id("held"); }, user_id);
    check::room(held.value(), check::kMaxProfiles, "profiles of a user", "profileId");
  }

  const Stored stored =
      db.query_one(kPutProfile, read_stored, user_id, profile.profile, profile.display_name,
                   static_cast<int>(profile.policy), static_cast<int>(profile.default_state))
          .value();
  Change change{.profile_id = stored.id, .former_number = {}};
  if (number) {
    try {
      db.execute(kGiveNumber, number, stored.id, number);
    } catch (const db::DuplicateKey&) {
      throw Fault(FaultCode::ALREADY_EXISTS, "another profile has this number", "contactNumber");
    }
    if (before && before->number != number) change.former_number = before->number;
  }
  changed(db, change);
  return {stored.version, stored.version == 1};
}

namespace {

constexpr std::string_view kLockVersion = "SELECT version FROM profile WHERE id = ? FOR UPDATE";
constexpr std::string_view kNextVersion = "UPDATE profile SET version = version + 1 WHERE id = ?";

// Also orders those who change the same profile at once, on Galera by certification.
std::uint64_t next_version(db::Session& db, const ProfileKey& key, std::optional<std::uint64_t> if_version) {
  const auto stored = db.query_one(
      kLockVersion, [](const db::Row& row) { return row.id("version"); }, key.id);
  if (!stored) throw Fault(FaultCode::NOT_FOUND, "the user has no such profile", "profileId");
  demand_version(stored, if_version, "the profile");
  db.execute(kNextVersion, key.id);
  return *stored + 1;
}

constexpr std::string_view kDropLists = "DELETE FROM contact_list WHERE profile_id = ?";
constexpr std::string_view kAddList = R"sql(
INSERT INTO contact_list (profile_id, kind, number, position)
SELECT ?, ?, contact.number, contact.position
FROM JSON_TABLE(?, '$[*]' COLUMNS (position FOR ORDINALITY, number VARCHAR(256) PATH '$')) contact)sql";

// In the order given, each once.
std::vector<std::string> normalised_list(const std::vector<std::string>& numbers, const std::string& field) {
  check::count(numbers.size(), check::kMaxItems, field);
  std::vector<std::string> list;
  std::unordered_set<std::string> seen;
  for (const std::string& number : numbers) {
    std::string normalised = normalise_number(number, field);
    if (seen.insert(normalised).second) list.push_back(std::move(normalised));
  }
  return list;
}

}  // namespace

std::uint64_t Profiles::set_contact_lists(db::Session& db, const ProfileKey& key, const ContactLists& lists,
                                          std::optional<std::uint64_t> if_version) {
  const auto wanted = normalised_list(lists.wanted, "wanted");
  const auto authorised = normalised_list(lists.authorised, "authorised");
  const auto refused = normalised_list(lists.refused, "refused");
  const std::uint64_t version = next_version(db, key, if_version);
  db.execute(kDropLists, key.id);
  const auto add = [&](ListKind kind, const std::vector<std::string>& numbers) {
    if (!numbers.empty()) db.execute(kAddList, key.id, static_cast<int>(kind), db::json_list(numbers));
  };
  add(ListKind::kWanted, wanted);
  add(ListKind::kAuthorised, authorised);
  add(ListKind::kRefused, refused);
  changed(db, {.profile_id = key.id, .former_number = {}});
  return version;
}

namespace {

constexpr std::string_view kFindService = "SELECT account_id FROM service WHERE name = ? AND provider = ?";
constexpr std::string_view kSubscribe =
    "INSERT IGNORE INTO profile_service (profile_id, service_id) VALUES (?, ?)";
constexpr std::string_view kDropParameters =
    "DELETE FROM profile_service_parameter WHERE profile_id = ? AND service_id = ?";
// A profile with its lists and services is answered as a whole.
constexpr std::size_t kMaxParameters = 5000;
constexpr std::size_t kMaxParameterBytes = 1024 * 1024;
constexpr std::string_view kServices =
    "SELECT COUNT(*) AS services FROM profile_service WHERE profile_id = ?";
constexpr std::string_view kParameters = R"sql(
SELECT COUNT(*) AS parameters, COALESCE(SUM(LENGTH(value)), 0) AS bytes
FROM profile_service_parameter WHERE profile_id = ?)sql";
constexpr std::string_view kAddParameter =
    "INSERT INTO profile_service_parameter (profile_id, service_id, name, value) VALUES (?, ?, ?, ?)";

void check_parameters(const std::vector<Parameter>& parameters) {
  check::count(parameters.size(), check::kMaxItems, "parameter");
  std::unordered_set<std::string> seen;
  for (const Parameter& parameter : parameters) {
    check::identifier(parameter.name, "name");
    check::length(parameter.value, check::kMaxText, "value");
    if (!seen.insert(parameter.name).second) {
      throw Fault(FaultCode::INVALID_ARGUMENT, "a parameter is given twice", "parameter");
    }
  }
}

// Of what is stored with this subscription.
void check_sizes(db::Session& db, std::uint64_t profile_id) {
  const auto services = db.query_one(
      kServices, [](const db::Row& row) { return row.id("services"); }, profile_id);
  check::count(services.value(), check::kMaxItems, "service");
  db.query(
      kParameters,
      [](const db::Row& row) {
        check::count(row.id("parameters"), kMaxParameters, "parameter");
        if (static_cast<std::size_t>(row.number("bytes")) > kMaxParameterBytes) {
          throw Fault(FaultCode::LIMIT_EXCEEDED, "the parameters of the profile are too long together",
                      "parameter");
        }
        return true;
      },
      profile_id);
}

}  // namespace

std::uint64_t Profiles::subscribe_to_service(db::Session& db, const ProfileKey& key,
                                             const ServiceRef& service,
                                             const std::vector<Parameter>& parameters) {
  check::identifier(service.name, "name");
  check::identifier(service.provider, "provider");
  check_parameters(parameters);
  const auto service_id = db.query_one(
      kFindService, [](const db::Row& row) { return row.id("account_id"); }, service.name, service.provider);
  if (!service_id) throw Fault(FaultCode::NOT_FOUND, "there is no such service", "service");
  const std::uint64_t version = next_version(db, key, std::nullopt);
  db.execute(kSubscribe, key.id, *service_id);
  db.execute(kDropParameters, key.id, *service_id);
  for (const Parameter& parameter : parameters) {
    db.execute(kAddParameter, key.id, *service_id, parameter.name, parameter.value);
  }
  check_sizes(db, key.id);
  changed(db, {.profile_id = key.id, .former_number = {}});
  return version;
}

}  // namespace whitebrick::profiles
