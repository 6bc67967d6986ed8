// Service sessions (11.c, 22): a service that a user uses, from one of his access sessions,
// perhaps by means of another service.

#include <algorithm>

#include "modules/coordination/coordination.hpp"
#include "modules/coordination/ending.hpp"
#include "modules/coordination/service_session_rows.hpp"
#include "modules/coordination/session_id.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

constexpr std::string_view kLockAccessSession = R"sql(
SELECT id, user_id, profile_id FROM access_session WHERE public_id = UNHEX(?) FOR UPDATE)sql";
// Not only locked but written: an end on another node of a cluster must collide with it.
constexpr std::string_view kTouchAccessSession = R"sql(
UPDATE access_session SET state_version = state_version + 1 WHERE id = ?)sql";

struct Access {
  std::uint64_t id = 0, user_id = 0, profile_id = 0;
};

// Locked and written.
Access take_access_session(db::Session& db, const std::string& public_id, std::uint64_t user_id) {
  const auto access = db.query_one(
      kLockAccessSession,
      [](const db::Row& row) {
        return Access{row.id("id"), row.id("user_id"), row.id("profile_id")};
      },
      public_id);
  if (!access) throw Fault(FaultCode::SESSION_ENDED, "this access session is over", "accessSessionId");
  if (access->user_id != user_id)
    throw Fault(FaultCode::NOT_FOUND, "no such access session", "accessSessionId");
  db.execute(kTouchAccessSession, access->id);
  return *access;
}

constexpr std::string_view kLockServiceSession = R"sql(
SELECT id, user_id, service_id, access_session_id, via_session_id FROM service_session
WHERE public_id = UNHEX(?) FOR UPDATE)sql";
constexpr std::string_view kTouchServiceSession = R"sql(
UPDATE service_session SET version = version + 1 WHERE id = ?)sql";

struct Used {
  std::uint64_t id = 0, user_id = 0, service_id = 0, access_session_id = 0;
  std::optional<std::uint64_t> via;

  static Used read(const db::Row& row) {
    return {row.id("id"), row.id("user_id"), row.id("service_id"), row.id("access_session_id"),
            row.id_or_null("via_session_id")};
  }
  bool belongs_to(const Caller& caller) const {
    return caller.role == Role::kService ? service_id == caller.account_id : user_id == caller.user_id;
  }
};

}  // namespace

// The session by means of which another one is opened: live, the caller's, each service of its chain
// connected and subscribed in the profile.
std::uint64_t Coordination::means(db::Session& db, const Caller& caller, const std::string& public_id,
                                  std::uint64_t profile_id) {
  constexpr const char* kField = "viaServiceSessionId";
  const auto outer = db.query_one(kLockServiceSession, Used::read, public_id);
  if (!outer) throw Fault(FaultCode::SESSION_ENDED, "this service session is over", kField);
  if (!outer->belongs_to(caller)) throw Fault(FaultCode::NOT_FOUND, "no such service session", kField);
  db.execute(kTouchServiceSession, outer->id);
  const auto chain = ServiceSessionRows::chain(db, outer->id);
  if (chain.size() >= kMaxChain) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "too many services are used by means of one another", kField);
  }
  for (const auto service : chain) {
    if (!profiles_.subscribes_to(db, profile_id, service)) {
      throw Fault(FaultCode::FORBIDDEN, "the profile does not subscribe to every service of the chain",
                  kField);
    }
    if (!directory_.is_connected(db, service)) {
      throw Fault(FaultCode::NOT_CONNECTED, "a service of the chain is not connected", kField);
    }
  }
  return outer->id;
}

// Whether it may go on in the profile: with its service and those by means of which it is used.
bool Coordination::subscribes_to_chain(db::Session& db, std::uint64_t profile_id, std::uint64_t session) {
  const auto chain = ServiceSessionRows::chain(db, session);
  return std::ranges::all_of(
      chain, [&](std::uint64_t service) { return profiles_.subscribes_to(db, profile_id, service); });
}

namespace {

constexpr std::string_view kInsertServiceSession = R"sql(
INSERT INTO service_session (public_id, access_session_id, user_id, profile_id, service_id, via_session_id, opened_at)
VALUES (UNHEX(?), ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE id = id)sql";
constexpr std::string_view kOpenedSession = R"sql(
SELECT id, user_id, service_id, access_session_id, via_session_id FROM service_session
WHERE access_session_id = ? AND service_id = ?)sql";

// Whose session it shall be.
std::uint64_t user_of(db::Session& db, const Caller& caller, const std::optional<std::string>& via) {
  if (caller.role != Role::kService) return caller.user_id;
  if (!via) {
    throw Fault(FaultCode::FORBIDDEN, "a service opens a session only by means of its own",
                "viaServiceSessionId");
  }
  return user_of_service_session(db, caller, *via, "viaServiceSessionId");
}

}  // namespace

ServiceSession Coordination::open_service_session(db::Session& db, const Caller& caller,
                                                  const OpenService& open) {
  const Access access =
      take_access_session(db, open.access_session_id, user_of(db, caller, open.via_service_session));
  const auto service = directory_.find_id(db, open.service.name, open.service.provider);
  if (!service) throw Fault(FaultCode::NOT_FOUND, "no such service", "service");
  if (!profiles_.subscribes_to(db, access.profile_id, *service)) {
    throw Fault(FaultCode::FORBIDDEN, "the profile does not subscribe to this service", "service");
  }
  if (!directory_.is_connected(db, *service)) {
    throw Fault(FaultCode::NOT_CONNECTED, "the service is not connected", "service");
  }
  std::optional<std::uint64_t> via;
  if (open.via_service_session) via = means(db, caller, *open.via_service_session, access.profile_id);
  db.execute(kInsertServiceSession, random_session_id(), access.id, access.user_id, access.profile_id,
             *service, via);
  const Used opened = db.query_one(kOpenedSession, Used::read, access.id, *service).value();
  if (via && opened.via != via) {
    throw Fault(FaultCode::ALREADY_EXISTS, "the service is in use already, not by means of this session",
                "viaServiceSessionId");
  }
  return ServiceSessionRows::one(db, opened.id).value();
}

namespace {

constexpr std::string_view kMove = R"sql(
UPDATE service_session SET access_session_id = ?, profile_id = ?, version = version + 1 WHERE id = ?)sql";
constexpr std::string_view kSetParameter = R"sql(
INSERT INTO service_session_parameter (service_session_id, name, value) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE value = VALUES(value))sql";
constexpr std::string_view kRemoveParameter = R"sql(
DELETE FROM service_session_parameter WHERE service_session_id = ? AND name = ?)sql";
constexpr std::size_t kMaxBytes = 256 * 1024;  // of a session's values together
constexpr std::string_view kStored = R"sql(
SELECT COUNT(*) AS parameters, COALESCE(SUM(LENGTH(value)), 0) AS bytes
FROM service_session_parameter WHERE service_session_id = ?)sql";

void change_parameters(db::Session& db, std::uint64_t session, const std::vector<ParameterChange>& changes) {
  check::count(changes.size(), check::kMaxItems, "parameter");
  for (const ParameterChange& change : changes) {
    check::identifier(change.name, "name");
    check::length(change.value, check::kMaxText, "value");
    if (change.value) {
      db.execute(kSetParameter, session, change.name, *change.value);
    } else {
      db.execute(kRemoveParameter, session, change.name);
    }
  }
  db.query(
      kStored,
      [](const db::Row& row) {
        if (row.id("parameters") > check::kMaxItems)
          throw Fault(FaultCode::LIMIT_EXCEEDED, "too many parameters", "parameter");
        if (static_cast<std::size_t>(row.number("bytes")) > kMaxBytes)
          throw Fault(FaultCode::LIMIT_EXCEEDED, "the parameters are too long together", "parameter");
        return true;
      },
      session);
}

}  // namespace

ServiceSession Coordination::modify_service_session(db::Session& db, const Caller& caller,
                                                    const ServiceSessionChange& change) {
  // Access sessions are locked before service sessions everywhere.
  std::optional<Access> target;
  if (change.access_session_id) {
    if (caller.role == Role::kService) {
      throw Fault(FaultCode::FORBIDDEN, "a service session is moved by its user", "accessSessionId");
    }
    target = take_access_session(db, *change.access_session_id, caller.user_id);
  }
  const auto session = db.query_one(kLockServiceSession, Used::read, change.service_session_id);
  if (!session) throw Fault(FaultCode::SESSION_ENDED, "this service session is over", "serviceSessionId");
  if (!session->belongs_to(caller))
    throw Fault(FaultCode::NOT_FOUND, "no such service session", "serviceSessionId");
  db.execute(kTouchServiceSession, session->id);
  if (target && target->id != session->access_session_id) {
    if (!subscribes_to_chain(db, target->profile_id, session->id)) {
      throw Fault(FaultCode::FORBIDDEN, "the profile there does not subscribe to every service of the chain",
                  "accessSessionId");
    }
    try {
      db.execute(kMove, target->id, target->profile_id, session->id);
    } catch (const db::DuplicateKey&) {
      throw Fault(FaultCode::ALREADY_EXISTS, "the service is in use there already", "accessSessionId");
    }
  }
  if (!change.parameters.empty()) change_parameters(db, session->id, change.parameters);
  return ServiceSessionRows::one(db, session->id).value();
}

Ended Coordination::close_service_session(db::Session& db, const Caller& caller, const std::string& id) {
  const auto found = db.query_one(kLockServiceSession, Used::read, id);
  if (!found) return {.already = true};
  if (!found->belongs_to(caller))
    throw Fault(FaultCode::NOT_FOUND, "no such service session", "serviceSessionId");
  return ending_->service_session(db, found->id, Cause::kClosed).value_or(Ended{.already = true});
}

ServiceSessions Coordination::service_sessions(db::Session& db, const Caller& caller,
                                               std::optional<std::uint64_t> user_id) {
  if (caller.role == Role::kService) return ServiceSessionRows::of_service(db, caller.account_id, user_id);
  return ServiceSessionRows::of_user(db, user_id.value_or(caller.user_id));
}

}  // namespace whitebrick::coordination
