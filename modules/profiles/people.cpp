// Users and their terminals.
#include "db/list.hpp"
#include "modules/profiles/profiles.hpp"
#include "server/check.hpp"

namespace whitebrick::profiles {
namespace {

// The row is locked until it is written, so that the version checked is the one replaced (on
// another Galera node: the write of the same row is refused at its commit).
constexpr std::string_view kLockUser = "SELECT version FROM user WHERE name = ? FOR UPDATE";
constexpr std::string_view kPutUser = R"sql(
INSERT INTO user (name, display_name, version, created_at) VALUES (?, ?, 1, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE display_name = VALUES(display_name), version = version + 1
RETURNING id, version)sql";

struct Stored {
  std::uint64_t id, version;
};
Stored read_stored(const db::Row& row) { return {row.id("id"), row.id("version")}; }
std::uint64_t read_version(const db::Row& row) { return row.id("version"); }

Written written(const Stored& stored) { return {stored.version, stored.version == 1}; }

}  // namespace

Written Profiles::put_user(db::Session& db, const UserData& user, std::optional<std::uint64_t> if_version) {
  check::identifier(user.user, "userId");
  check::length(user.display_name, 256, "displayName");
  demand_version(db.query_one(kLockUser, read_version, user.user), if_version, "the user");
  return written(db.query_one(kPutUser, read_stored, user.user, user.display_name).value());
}

namespace {

// One after the other, so that two who add at once do not both find room.
constexpr std::string_view kLockOwner = "SELECT id FROM user WHERE id = ? FOR UPDATE";
constexpr std::string_view kCountTerminals = "SELECT COUNT(*) AS held FROM terminal WHERE user_id = ?";
constexpr std::string_view kLockTerminal =
    "SELECT version FROM terminal WHERE user_id = ? AND name = ? FOR UPDATE";
constexpr std::string_view kPutTerminal = R"sql(
INSERT INTO terminal (user_id, name, kind, display_name, version) VALUES (?, ?, ?, ?, 1)
ON DUPLICATE KEY UPDATE kind = VALUES(kind), display_name = VALUES(display_name), version = version + 1
RETURNING id, version)sql";
constexpr std::string_view kDropFeatures = "DELETE FROM terminal_feature WHERE terminal_id = ?";
constexpr std::string_view kAddFeatures = R"sql(
INSERT INTO terminal_feature (terminal_id, kind, name)
SELECT DISTINCT ?, ?, feature.name FROM JSON_TABLE(?, '$[*]' COLUMNS (name VARCHAR(64) PATH '$')) feature)sql";

constexpr int kCapability = 1, kApplication = 2;

void check_features(const std::vector<std::string>& features, const std::string& field) {
  check::count(features.size(), check::kMaxItems, field);
  for (const std::string& feature : features) check::identifier(feature, field);
}

}  // namespace

Written Profiles::put_terminal(db::Session& db, std::uint64_t user_id, const TerminalData& terminal,
                               std::optional<std::uint64_t> if_version) {
  check::identifier(terminal.terminal, "terminalId");
  check::length(terminal.display_name, 256, "displayName");
  check_features(terminal.capabilities, "capability");
  check_features(terminal.applications, "application");
  const auto before = db.query_one(kLockTerminal, read_version, user_id, terminal.terminal);
  demand_version(before, if_version, "the terminal");
  if (!before) {
    db.query_one(
        kLockOwner, [](const db::Row& row) { return row.id("id"); }, user_id);
    const auto held = db.query_one(
        kCountTerminals, [](const db::Row& row) { return row.id("held"); }, user_id);
    check::room(held.value(), check::kMaxTerminals, "terminals of a user", "terminalId");
  }
  const Stored stored = db.query_one(kPutTerminal, read_stored, user_id, terminal.terminal,
                                     static_cast<int>(terminal.kind), terminal.display_name)
                            .value();
  if (stored.version > 1) db.execute(kDropFeatures, stored.id);
  const auto add = [&](int kind, const std::vector<std::string>& features) {
    if (!features.empty()) db.execute(kAddFeatures, stored.id, kind, db::json_list(features));
  };
  add(kCapability, terminal.capabilities);
  add(kApplication, terminal.applications);
  return written(stored);
}

}  // namespace whitebrick::profiles
