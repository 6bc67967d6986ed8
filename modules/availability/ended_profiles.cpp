// What is left of a deleted profile goes in pieces: a mode may have 1,000 contacts, and there may be 1,000
// modes.
#include "db/list.hpp"
#include "modules/availability/availability.hpp"

namespace whitebrick::availability {
namespace {

constexpr std::uint64_t kPiece = 1000;  // rows of a transaction
constexpr int kProfiles = 10;           // of a run

constexpr std::string_view kEnded = "SELECT profile_id FROM ended_profile ORDER BY profile_id LIMIT ?";
// One that exists again was restored, with what it had.
constexpr std::string_view kLockEnded = R"sql(
SELECT p.id AS restored FROM ended_profile e LEFT JOIN profile p ON p.id = e.profile_id WHERE e.profile_id = ? FOR UPDATE)sql";
constexpr std::string_view kForget = "DELETE FROM ended_profile WHERE profile_id = ?";
constexpr std::string_view kModes = "SELECT id FROM mode WHERE profile_id = ? ORDER BY id LIMIT 1000";
constexpr std::string_view kDropContacts = "DELETE FROM mode_contact WHERE mode_id IN (";
// Modes come behind their contacts, which are found by them.
constexpr std::string_view kDrop[] = {
    "DELETE FROM mode WHERE profile_id = ? LIMIT ?",
    "DELETE FROM mode_activation WHERE profile_id = ? LIMIT ?",
    "DELETE FROM mode_rule WHERE profile_id = ? LIMIT ?",
    "DELETE FROM mode_interval WHERE profile_id = ? LIMIT ?",
    "DELETE FROM mode_calendar WHERE profile_id = ? LIMIT ?",
    "DELETE FROM profile_filter WHERE profile_id = ? LIMIT ?",
    "DELETE FROM authorisation WHERE owner_profile_id = ? LIMIT ?",
    "DELETE FROM authorisation_request WHERE asker_profile_id = ? LIMIT ?",
};

std::uint64_t read_id(const db::Row& row) { return row.id("id"); }
std::uint64_t read_profile_id(const db::Row& row) { return row.id("profile_id"); }

// False: there is more of it.
bool forget_some(db::Session& db, std::uint64_t profile_id) {
  const auto restored = db.query_one(
      kLockEnded, [](const db::Row& row) { return row.id_or_null("restored").has_value(); }, profile_id);
  if (!restored) return true;  // another replica has
  if (*restored) return db.execute(kForget, profile_id) > 0;
  std::uint64_t room = kPiece;
  if (const auto modes = db.query(kModes, read_id, profile_id); !modes.empty()) {
    std::vector<db::Value> args;
    std::string sql(kDropContacts);
    sql += db::in_list(modes, args) + ") LIMIT ?";
    args.emplace_back(room);
    room -= db.execute_with(sql, args);
  }
  for (const auto statement : kDrop) {
    if (room > 0) room -= db.execute(statement, profile_id, room);
  }
  if (room == 0) return false;
  db.execute(kForget, profile_id);
  return true;
}

}  // namespace

bool Availability::forget_ended(db::Pool& pool) {
  const auto ended =
      pool.in_transaction([](db::Session& db) { return db.query(kEnded, read_profile_id, kProfiles); });
  bool more = ended.size() == kProfiles;
  for (const std::uint64_t id : ended) {
    more = !pool.in_transaction([&](db::Session& db) { return forget_some(db, id); }) || more;
  }
  return more;
}

}  // namespace whitebrick::availability
