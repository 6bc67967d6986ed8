// Registrations: what a service says of itself.

#include <algorithm>
#include <string_view>

#include "modules/directory/directory.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"
#include "server/log.hpp"

namespace whitebrick::directory {
namespace {

constexpr std::size_t kMaxDescription = 1000;
constexpr std::size_t kMaxUri = 2000;

void check_registration(const Registration& registration) {
  check::identifier(std::string_view(registration.name), "name");
  check::identifier(std::string_view(registration.provider), "provider");
  check::length(registration.description, kMaxDescription, "description");
  check::identifier(registration.service_class, "class");
  check::length(registration.endpoint, kMaxUri, "endpoint");
  check::length(registration.wsdl, kMaxUri, "wsdl");
  check::count(registration.actions.size(), check::kMaxItems, "action");
  for (const std::string& action : registration.actions)
    check::identifier(std::string_view(action), "action");
}

constexpr std::string_view kLockRegistration = R"sql(
  SELECT name, provider, version, connected FROM service WHERE account_id = ? FOR UPDATE)sql";

constexpr std::string_view kUpdateRegistration = R"sql(
  UPDATE service
     SET name = ?, provider = ?, description = ?, class = ?, endpoint = ?, wsdl = ?, version = version + 1
   WHERE account_id = ? AND version = ?)sql";

constexpr std::string_view kInsertRegistration = R"sql(
  INSERT INTO service (name, provider, description, class, endpoint, wsdl, account_id, since)
  VALUES (?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6)))sql";

struct Stored {
  std::string name, provider;
  std::uint64_t version = 0;
  bool connected = false;
};

std::optional<Stored> lock_registration(db::Session& db, std::uint64_t account_id) {
  return db.query_one(
      kLockRegistration,
      [](const db::Row& row) {
        return Stored{row.text("name"), row.text("provider"), row.id("version"), row.flag("connected")};
      },
      account_id);
}

void write_registration(db::Session& db, std::uint64_t account_id, const Registration& r,
                        const std::optional<Stored>& stored) {
  try {
    if (!stored) {
      db.execute(kInsertRegistration, r.name, r.provider, r.description, r.service_class, r.endpoint, r.wsdl,
                 account_id);
    } else if (db.execute(kUpdateRegistration, r.name, r.provider, r.description, r.service_class, r.endpoint,
                          r.wsdl, account_id, stored->version) == 0) {
      throw db::Conflict(0, "the registration was changed at the same time");
    }
  } catch (const db::DuplicateKey& e) {
    if (e.key() != "ux_service_reference")
      throw db::Conflict(e.code(), e.what());  // the same account, twice at once
    throw Fault(FaultCode::ALREADY_EXISTS, "another account has registered this name and provider", "name");
  }
}

constexpr std::string_view kDeleteActions = R"sql(
  DELETE FROM service_action WHERE account_id = ?)sql";

constexpr std::string_view kInsertActions = R"sql(
  INSERT INTO service_action (account_id, action) VALUES )sql";

void write_actions(db::Session& db, std::uint64_t account_id, std::vector<std::string> actions) {
  db.execute(kDeleteActions, account_id);
  std::ranges::sort(actions);
  const auto repeated = std::ranges::unique(actions);
  actions.erase(repeated.begin(), repeated.end());
  if (actions.empty()) return;
  std::vector<db::Value> args;
  for (const std::string& action : actions) {
    args.emplace_back(account_id);
    args.emplace_back(action);
  }
  db.execute_with(std::string(kInsertActions) + db::row_placeholders(actions.size(), 2), args);
}

}  // namespace

std::uint64_t Directory::register_service(db::Session& db, const Caller& caller,
                                          const Registration& registration,
                                          std::optional<std::uint64_t> if_version) {
  check_registration(registration);
  const auto stored = lock_registration(db, caller.account_id);
  if (if_version && (!stored || stored->version != *if_version)) {
    throw Fault(FaultCode::STALE_VERSION, "the registration has another version", "ifVersion");
  }
  const bool renamed =
      stored && (stored->name != registration.name || stored->provider != registration.provider);
  if (renamed && stored->connected) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "disconnect before changing name or provider", "name");
  }
  write_registration(db, caller.account_id, registration, stored);
  write_actions(db, caller.account_id, registration.actions);
  return stored ? stored->version + 1 : 1;
}

namespace {
constexpr std::string_view kDeleteRegistration = R"sql(
  DELETE FROM service WHERE account_id = ?)sql";
}  // namespace

bool Directory::deregister_service(db::Session& db, const Caller& caller) {
  disconnect_as(db, caller.account_id, Cause::kDisconnected, "DEREGISTERED");
  if (db.execute(kDeleteRegistration, caller.account_id) == 0) return false;
  db.execute(kDeleteActions, caller.account_id);
  events_.forget(db, {events::PartyKind::kService, caller.account_id});
  db.after_commit([account = caller.account] { log::info("service.deregistered", {{"account", account}}); });
  return true;
}

}  // namespace whitebrick::directory
