#include "modules/events/parties.hpp"

#include <string_view>

#include "modules/events/names.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

constexpr std::string_view kSelectOwnQueues = R"sql(
  SELECT id FROM queue WHERE owner_kind = 1 AND owner_id = ? AND name <> ? LIMIT 2)sql";

constexpr std::string_view kSelectTerminalQueues = R"sql(
  SELECT q.id AS id FROM terminal t JOIN queue q ON q.owner_kind = 2 AND q.owner_id = t.id
   WHERE t.user_id = ? AND EXISTS (SELECT 1 FROM subscription s WHERE s.queue_id = q.id) LIMIT 2)sql";

// A terminal's queue outlives its connection; it is served while something can come into it.
constexpr std::string_view kSelectTerminalQueue = R"sql(
  SELECT q.id AS id FROM queue q
   WHERE q.owner_kind = 2 AND q.owner_id = ? AND q.name = ''
     AND EXISTS (SELECT 1 FROM subscription s WHERE s.queue_id = q.id))sql";

std::uint64_t only_queue(db::Session& db, const Caller& caller) {
  const auto id = [](const db::Row& row) { return row.id("id"); };
  const auto queues = caller.role == Role::kUser
                          ? db.query(kSelectTerminalQueues, id, caller.user_id)
                          : db.query(kSelectOwnQueues, id, caller.account_id, Events::kResponses);
  if (queues.empty()) {
    throw Fault(FaultCode::NOT_FOUND, "The caller has no subscription to pull from.", "subscription");
  }
  if (queues.size() > 1) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "The caller has several: say which.", "subscription");
  }
  return queues.front();
}

std::uint64_t queue_of_component(db::Session& db, Events& events, const std::optional<std::string>& name) {
  if (!name) throw Fault(FaultCode::INVALID_ARGUMENT, "Name a server component.", "subscription");
  const auto queue = events.find_queue(db, {PartyKind::kComponent, 0}, *name);
  if (!queue) throw Fault(FaultCode::NOT_FOUND, "There is no such server component.", "subscription");
  return *queue;
}

}  // namespace

std::uint64_t queue_of(db::Session& db, Events& events, const Caller& caller,
                       const std::optional<std::string>& subscription) {
  if (caller.role == Role::kAdmin) return queue_of_component(db, events, subscription);
  if (!subscription) return only_queue(db, caller);
  if (caller.role == Role::kUser) {
    const auto terminal = terminal_id(db, caller.user_id, *subscription);
    if (!terminal) throw Fault(FaultCode::NOT_FOUND, "The user has no such terminal.", "subscription");
    const auto queue = db.query_one(
        kSelectTerminalQueue, [](const db::Row& row) { return row.id("id"); }, *terminal);
    if (!queue)
      throw Fault(FaultCode::NOT_CONNECTED, "Connect the terminal before it pulls.", "subscription");
    return *queue;
  }
  const Party service{PartyKind::kService, caller.account_id};
  if (*subscription == Events::kTerminals) return events.open_queue(db, service, Events::kTerminals);
  const auto queue = events.find_queue(db, service, *subscription);
  if (!queue) throw Fault(FaultCode::NOT_FOUND, "The service has no such subscription.", "subscription");
  return *queue;
}

std::uint64_t own_terminal(db::Session& db, const Caller& caller, const std::string& terminal) {
  const auto found = terminal_id(db, caller.user_id, terminal);
  if (!found) throw Fault(FaultCode::NOT_FOUND, "A user subscribes for one of his terminals.", "name");
  return *found;
}

namespace {

constexpr std::string_view kSelectConnected = R"sql(
  SELECT connected FROM service WHERE account_id = ?)sql";

}  // namespace

bool is_connected(db::Session& db, const Caller& service) {
  const auto connected = db.query_one(
      kSelectConnected, [](const db::Row& row) { return row.flag("connected"); }, service.account_id);
  if (!connected) throw Fault(FaultCode::NOT_REGISTERED, "Register the service first.");
  return *connected;
}

std::vector<std::uint64_t> targets_of_service(db::Session& db,
                                              const std::vector<ProfileReference>& references) {
  std::vector<std::pair<std::string, std::string>> names;
  for (const ProfileReference& reference : references) {
    if (!reference.user) {
      throw Fault(FaultCode::INVALID_ARGUMENT, "A service names the user of a profile.", "profile");
    }
    names.emplace_back(*reference.user, reference.profile);
  }
  const auto found = profile_ids(db, names);
  std::vector<std::uint64_t> ids;
  for (const auto& name : names) {
    const auto id = found.find(name);
    ids.push_back(id == found.end() ? 0 : id->second);
  }
  return ids;
}

std::uint64_t filter_profile(db::Session& db, const Caller& caller, const ProfileReference& reference) {
  if (caller.role == Role::kUser) {
    const std::string user = reference.user.value_or(caller.user);
    const auto found = profile_ids(db, {{user, reference.profile}});
    if (user != caller.user) throw Fault(FaultCode::FORBIDDEN, "The profile is somebody else's.", "profile");
    if (found.empty()) throw Fault(FaultCode::NOT_FOUND, "There is no such profile.", "profile");
    return found.begin()->second;
  }
  const std::uint64_t profile = targets_of_service(db, {reference}).front();
  if (!subscribes_to(db, profile, caller.account_id)) {
    throw Fault(FaultCode::FORBIDDEN, "A target profile does not subscribe to the service.", "profile");
  }
  return profile;
}

std::uint64_t transmitter_of(db::Session& db, const std::string& name, const std::string& provider) {
  const auto found = service_id(db, name, provider);
  if (!found) throw Fault(FaultCode::NOT_FOUND, "There is no such service.", "transmitter");
  return *found;
}

}  // namespace whitebrick::events
