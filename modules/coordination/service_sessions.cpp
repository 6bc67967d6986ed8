// Service sessions (11.c, 22): a service that a user uses, from one of his access sessions.

#include "modules/coordination/coordination.hpp"
#include "modules/coordination/ending.hpp"
#include "modules/coordination/session_id.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

constexpr std::string_view kLockAccessSession = R"sql(
SELECT id, user_id, profile_id FROM access_session WHERE public_id = UNHEX(?) FOR UPDATE)sql";
// Not only locked but written: an end on another node of a cluster must collide with it.
constexpr std::string_view kTouchAccessSession = R"sql(
UPDATE access_session SET state_version = state_version + 1 WHERE id = ?)sql";
constexpr std::string_view kInsertServiceSession = R"sql(
INSERT INTO service_session (public_id, access_session_id, user_id, profile_id, service_id, opened_at)
VALUES (UNHEX(?), ?, ?, ?, ?, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE id = id)sql";
constexpr std::string_view kOpenedSession = R"sql(
SELECT LOWER(HEX(v.public_id)) AS public_id, LOWER(HEX(a.public_id)) AS access_session_id, u.name AS user,
  p.name AS profile, s.name AS service, s.provider, v.opened_at
FROM service_session v JOIN access_session a ON a.id = v.access_session_id JOIN user u ON u.id = v.user_id
  JOIN profile p ON p.id = v.profile_id JOIN service s ON s.account_id = v.service_id
WHERE v.access_session_id = ? AND v.service_id = ?)sql";

ServiceSession read_service_session(const db::Row& row) {
  return {.id = row.text("public_id"),
          .access_session_id = row.text("access_session_id"),
          .user = row.text("user"),
          .profile = row.text("profile"),
          .service = {row.text("service"), row.text("provider")},
          .opened_at = row.time("opened_at")};
}

}  // namespace

ServiceSession Coordination::open_service_session(db::Session& db, const Caller& caller,
                                                  const std::string& access_session_id,
                                                  const profiles::ServiceRef& ref) {
  struct Access {
    std::uint64_t id, user_id, profile_id;
  };
  const auto access = db.query_one(
      kLockAccessSession,
      [](const db::Row& row) {
        return Access{row.id("id"), row.id("user_id"), row.id("profile_id")};
      },
      access_session_id);
  if (!access) throw Fault(FaultCode::SESSION_ENDED, "this access session is over", "accessSessionId");
  if (access->user_id != caller.user_id) {
    throw Fault(FaultCode::NOT_FOUND, "no such access session", "accessSessionId");
  }
  const auto service = directory_.find_id(db, ref.name, ref.provider);
  if (!service) throw Fault(FaultCode::NOT_FOUND, "no such service", "service");
  if (!profiles_.subscribes_to(db, access->profile_id, *service)) {
    throw Fault(FaultCode::FORBIDDEN, "the profile does not subscribe to this service", "service");
  }
  if (!directory_.is_connected(db, *service)) {
    throw Fault(FaultCode::NOT_CONNECTED, "the service is not connected", "service");
  }
  db.execute(kTouchAccessSession, access->id);
  db.execute(kInsertServiceSession, random_session_id(), access->id, access->user_id, access->profile_id,
             *service);
  return *db.query_one(kOpenedSession, read_service_session, access->id, *service);
}

namespace {

constexpr std::string_view kFindServiceSession = R"sql(
SELECT id, user_id, service_id FROM service_session WHERE public_id = UNHEX(?))sql";

}  // namespace

Ended Coordination::close_service_session(db::Session& db, const Caller& caller, const std::string& id) {
  struct Found {
    std::uint64_t id, user_id, service_id;
  };
  const auto found = db.query_one(
      kFindServiceSession,
      [](const db::Row& row) {
        return Found{row.id("id"), row.id("user_id"), row.id("service_id")};
      },
      id);
  if (!found) return {.already = true};
  const bool own = caller.role == Role::kService ? found->service_id == caller.account_id
                                                 : found->user_id == caller.user_id;
  if (!own) throw Fault(FaultCode::NOT_FOUND, "no such service session", "serviceSessionId");
  if (!ending_->service_session(db, found->id, Cause::kClosed)) return {.already = true};
  return {.service_sessions = 1};
}

namespace {

constexpr std::string_view kSessionsOfUser = R"sql(
SELECT LOWER(HEX(v.public_id)) AS public_id, LOWER(HEX(a.public_id)) AS access_session_id, u.name AS user,
  p.name AS profile, s.name AS service, s.provider, v.opened_at
FROM service_session v JOIN access_session a ON a.id = v.access_session_id JOIN user u ON u.id = v.user_id
  JOIN profile p ON p.id = v.profile_id JOIN service s ON s.account_id = v.service_id
WHERE v.user_id = ? ORDER BY v.id LIMIT 1000)sql";
constexpr std::string_view kSessionsOfService = R"sql(
SELECT LOWER(HEX(v.public_id)) AS public_id, LOWER(HEX(a.public_id)) AS access_session_id, u.name AS user,
  p.name AS profile, s.name AS service, s.provider, v.opened_at
FROM service_session v JOIN access_session a ON a.id = v.access_session_id JOIN user u ON u.id = v.user_id
  JOIN profile p ON p.id = v.profile_id JOIN service s ON s.account_id = v.service_id
WHERE v.service_id = ? AND (? IS NULL OR v.user_id = ?) ORDER BY v.id LIMIT 1000)sql";

}  // namespace

std::vector<ServiceSession> Coordination::service_sessions(db::Session& db, const Caller& caller,
                                                           std::optional<std::uint64_t> user_id) {
  if (caller.role == Role::kService) {
    return db.query(kSessionsOfService, read_service_session, caller.account_id, user_id, user_id);
  }
  return db.query(kSessionsOfUser, read_service_session, user_id.value_or(caller.user_id));
}

}  // namespace whitebrick::coordination
