#include "modules/events/names.hpp"

#include <string_view>

#include "db/list.hpp"

namespace whitebrick::events {
namespace {

using Args = std::vector<db::Value>;

constexpr std::string_view kSelectTargets = R"sql(
  SELECT t.event_id AS event_id, u.name AS user_name, p.name AS profile_name
    FROM event_target t JOIN profile p ON p.id = t.profile_id JOIN user u ON u.id = p.user_id
   WHERE t.event_id IN ()sql";

constexpr std::string_view kSelectTargetsOfService = R"sql(
  SELECT t.event_id AS event_id, u.name AS user_name, p.name AS profile_name
    FROM event_target t JOIN profile_service ps ON ps.profile_id = t.profile_id AND ps.service_id = ?
    JOIN profile p ON p.id = t.profile_id JOIN user u ON u.id = p.user_id
   WHERE t.event_id IN ()sql";

constexpr std::string_view kSelectTargetsOfUser = R"sql(
  SELECT t.event_id AS event_id, u.name AS user_name, p.name AS profile_name
    FROM event_target t JOIN profile p ON p.id = t.profile_id AND p.user_id = ? JOIN user u ON u.id = p.user_id
   WHERE t.event_id IN ()sql";

}  // namespace

TargetNames target_names(db::Session& db, const std::vector<std::uint64_t>& event_ids,
                         const TargetReader& reader) {
  TargetNames names;
  db::in_pieces(event_ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    Args args;
    std::string sql(kSelectTargets);
    if (reader.service_id) {
      sql = kSelectTargetsOfService;
      args.emplace_back(*reader.service_id);
    } else if (reader.user_id) {
      sql = kSelectTargetsOfUser;
      args.emplace_back(*reader.user_id);
    }
    sql += db::in_list(piece, args);
    sql += ") ORDER BY t.event_id, t.profile_id";
    db.query_with(
        sql,
        [&](const db::Row& row) {
          names.emplace(row.id("event_id"), ProfileName{row.text("user_name"), row.text("profile_name")});
          return 0;
        },
        args);
  });
  return names;
}

std::map<std::uint64_t, TerminalName> terminal_names(db::Session& db,
                                                     const std::vector<std::uint64_t>& subscription_ids) {
  std::map<std::uint64_t, TerminalName> names;
  db::in_pieces(subscription_ids, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    Args args;
    const std::string sql = R"sql(
  SELECT s.id AS subscription_id, t.name AS terminal_name, u.name AS user_name, p.name AS profile_name
    FROM subscription s JOIN terminal t ON t.id = s.owner_id JOIN user u ON u.id = t.user_id
    LEFT JOIN profile p ON p.id = s.profile_id
   WHERE s.owner_kind = 2 AND s.id IN ()sql" +
                            db::in_list(piece, args) + ")";
    db.query_with(
        sql,
        [&](const db::Row& row) {
          const std::string user = row.text("user_name");
          names[row.id("subscription_id")] = {
              row.text("terminal_name"), user, {user, row.text_or_null("profile_name").value_or("")}};
          return 0;
        },
        args);
  });
  return names;
}

std::map<std::pair<std::string, std::string>, std::uint64_t> profile_ids(
    db::Session& db, const std::vector<std::pair<std::string, std::string>>& wanted) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> found;
  db::in_pieces(wanted, db::kMaxList, [&](const std::vector<std::pair<std::string, std::string>>& piece) {
    std::vector<std::string> users, profiles;
    for (const auto& [user, profile] : piece) {
      users.push_back(user);
      profiles.push_back(profile);
    }
    Args args;
    std::string sql = R"sql(
  SELECT p.id AS id, u.name AS user_name, p.name AS profile_name
    FROM user u JOIN profile p ON p.user_id = u.id WHERE u.name IN ()sql";
    sql += db::in_list(users, args);
    sql += ") AND p.name IN (";
    sql += db::in_list(profiles, args);
    sql += ")";
    db.query_with(
        sql,
        [&](const db::Row& row) {
          return found[{row.text("user_name"), row.text("profile_name")}] = row.id("id");
        },
        args);
  });
  return found;
}

namespace {

constexpr std::string_view kSelectService = R"sql(
  SELECT account_id FROM service WHERE name = ? AND provider = ?)sql";

constexpr std::string_view kSelectTerminal = R"sql(
  SELECT id FROM terminal WHERE user_id = ? AND name = ?)sql";

constexpr std::string_view kSelectProfileService = R"sql(
  SELECT profile_id FROM profile_service WHERE profile_id = ? AND service_id = ?)sql";

}  // namespace

std::optional<std::uint64_t> service_id(db::Session& db, const std::string& name,
                                        const std::string& provider) {
  return db.query_one(
      kSelectService, [](const db::Row& row) { return row.id("account_id"); }, name, provider);
}

std::optional<std::uint64_t> terminal_id(db::Session& db, std::uint64_t user_id,
                                         const std::string& terminal) {
  return db.query_one(
      kSelectTerminal, [](const db::Row& row) { return row.id("id"); }, user_id, terminal);
}

bool subscribes_to(db::Session& db, std::uint64_t profile_id, std::uint64_t service_id) {
  return db
      .query_one(
          kSelectProfileService, [](const db::Row& row) { return row.id("profile_id"); }, profile_id,
          service_id)
      .has_value();
}

}  // namespace whitebrick::events
