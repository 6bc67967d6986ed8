// The end of terminals, profiles and subscribed services.
#include <map>

#include "modules/profiles/profiles.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::profiles {
namespace {

struct Stored {
  std::uint64_t id, version;
  std::optional<std::string> number;
};

constexpr std::string_view kLockTerminal =
    "SELECT id, version FROM terminal WHERE user_id = ? AND name = ? FOR UPDATE";
constexpr std::string_view kDropFeatures = "DELETE FROM terminal_feature WHERE terminal_id = ?";
constexpr std::string_view kDropTerminal = "DELETE FROM terminal WHERE id = ?";

}  // namespace

bool Profiles::delete_terminal(db::Session& db, std::uint64_t user_id, const std::string& terminal,
                               std::optional<std::uint64_t> if_version) {
  check::identifier(terminal, "terminalId");
  const auto stored = db.query_one(
      kLockTerminal,
      [](const db::Row& row) {
        return Stored{row.id("id"), row.id("version"), {}};
      },
      user_id, terminal);
  if (!stored) return false;
  demand_version(stored->version, if_version, "the terminal");
  db.execute(kDropFeatures, stored->id);
  db.execute(kDropTerminal, stored->id);
  removed(db, "profile.terminal_deleted", {.id = stored->id, .service_id = {}, .former_number = {}});
  return true;
}

namespace {

constexpr std::string_view kLockProfile =
    "SELECT id, version, contact_number FROM profile WHERE user_id = ? AND name = ? FOR UPDATE";
constexpr std::string_view kDropLists = "DELETE FROM contact_list WHERE profile_id = ?";
constexpr std::string_view kDropParameters = "DELETE FROM profile_service_parameter WHERE profile_id = ?";
constexpr std::string_view kDropServices = "DELETE FROM profile_service WHERE profile_id = ?";
constexpr std::string_view kDropProfile = "DELETE FROM profile WHERE id = ?";

}  // namespace

bool Profiles::delete_profile(db::Session& db, std::uint64_t user_id, const std::string& profile,
                              std::optional<std::uint64_t> if_version) {
  check::identifier(profile, "profileId");
  const auto stored = db.query_one(
      kLockProfile,
      [](const db::Row& row) {
        return Stored{row.id("id"), row.id("version"), row.text_or_null("contact_number")};
      },
      user_id, profile);
  if (!stored) return false;
  demand_version(stored->version, if_version, "the profile");
  for (const auto statement : {kDropLists, kDropParameters, kDropServices, kDropProfile}) {
    db.execute(statement, stored->id);
  }
  removed(db, "profile.deleted",
          {.id = stored->id, .service_id = {}, .former_number = stored->number, .user_id = user_id});
  return true;
}

namespace {

constexpr std::string_view kFindService = "SELECT account_id FROM service WHERE name = ? AND provider = ?";
constexpr std::string_view kNextVersion = "UPDATE profile SET version = version + 1 WHERE id = ?";
constexpr std::string_view kUnsubscribe =
    "DELETE FROM profile_service WHERE profile_id = ? AND service_id = ?";
constexpr std::string_view kDropParametersOf =
    "DELETE FROM profile_service_parameter WHERE profile_id = ? AND service_id = ?";

}  // namespace

bool Profiles::unsubscribe_from_service(db::Session& db, const ProfileKey& key, const ServiceRef& service) {
  check::identifier(service.name, "name");
  check::identifier(service.provider, "provider");
  const auto service_id = db.query_one(
      kFindService, [](const db::Row& row) { return row.id("account_id"); }, service.name, service.provider);
  if (!service_id || db.execute(kUnsubscribe, key.id, *service_id) == 0) return false;
  db.execute(kDropParametersOf, key.id, *service_id);
  db.execute(kNextVersion, key.id);
  removed(db, "profile.service_removed", {.id = key.id, .service_id = service_id, .former_number = {}});
  changed(db, {.profile_id = key.id, .former_number = {}});
  return true;
}

namespace {

constexpr std::string_view kReadUser =
    "SELECT name, display_name, version, created_at FROM user WHERE id = ?";
constexpr std::string_view kReadProfiles =
    "SELECT name FROM profile WHERE user_id = ? ORDER BY name LIMIT 1000";
constexpr std::string_view kReadTerminalNames =
    "SELECT name FROM terminal WHERE user_id = ? ORDER BY name LIMIT 1000";

}  // namespace

User Profiles::get_user(db::Session& db, std::uint64_t user_id) {
  auto user = db.query_one(
      kReadUser,
      [](const db::Row& row) {
        return User{.data = {.user = row.text("name"), .display_name = row.text_or_null("display_name")},
                    .version = row.id("version"),
                    .created_at = row.time("created_at"),
                    .profiles = {},
                    .terminals = {}};
      },
      user_id);
  if (!user) throw Fault(FaultCode::NOT_FOUND, "there is no such user", "userId");
  const auto read_name = [](const db::Row& row) { return row.text("name"); };
  user->profiles = db.query(kReadProfiles, read_name, user_id);
  user->terminals = db.query(kReadTerminalNames, read_name, user_id);
  return *std::move(user);
}

namespace {

constexpr std::string_view kReadTerminals = R"sql(
SELECT id, name, kind, display_name, version FROM terminal WHERE user_id = ? ORDER BY name LIMIT 1000)sql";
constexpr std::string_view kReadFeatures = R"sql(
SELECT f.terminal_id, f.kind, f.name FROM terminal t JOIN terminal_feature f ON f.terminal_id = t.id
WHERE t.user_id = ? ORDER BY f.terminal_id, f.kind, f.name)sql";

}  // namespace

std::vector<Terminal> Profiles::list_terminals(db::Session& db, std::uint64_t user_id) {
  std::map<std::uint64_t, std::size_t> places;
  std::vector<Terminal> terminals;
  db.query(
      kReadTerminals,
      [&](const db::Row& row) {
        places[row.id("id")] = terminals.size();
        terminals.push_back({.data = {.terminal = row.text("name"),
                                      .kind = static_cast<TerminalKind>(row.number("kind")),
                                      .display_name = row.text_or_null("display_name"),
                                      .capabilities = {},
                                      .applications = {}},
                             .version = row.id("version")});
        return true;
      },
      user_id);
  db.query(
      kReadFeatures,
      [&](const db::Row& row) {
        const auto place = places.find(row.id("terminal_id"));
        if (place == places.end()) return false;
        auto& data = terminals[place->second].data;
        (row.number("kind") == 1 ? data.capabilities : data.applications).push_back(row.text("name"));
        return true;
      },
      user_id);
  return terminals;
}

}  // namespace whitebrick::profiles
