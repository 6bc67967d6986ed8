// Finding services: by reference, action, class.

#include <map>
#include <string_view>

#include "db/list.hpp"
#include "modules/directory/directory.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::directory {
namespace {

constexpr std::string_view kSelectServices = R"sql(
  SELECT s.account_id AS id, s.name AS name, s.provider AS provider, s.description AS description,
         s.class AS class, s.endpoint AS endpoint, s.wsdl AS wsdl, s.version AS version,
         s.connected AS connected, s.cause AS cause, s.since AS since
    FROM service s
   WHERE (? IS NULL OR s.name = ?) AND (? IS NULL OR s.provider = ?) AND (? IS NULL OR s.class = ?)
     AND (? IS NULL OR EXISTS (SELECT 1 FROM service_action a WHERE a.account_id = s.account_id AND a.action = ?))
     AND (? = 0 OR s.connected = 1)
   ORDER BY s.name, s.provider LIMIT 1001)sql";

Service service_of(const db::Row& row) {
  Service service;
  service.id = row.id("id");
  service.registration.name = row.text("name");
  service.registration.provider = row.text("provider");
  service.registration.description = row.text_or_null("description");
  service.registration.service_class = row.text_or_null("class");
  service.registration.endpoint = row.text_or_null("endpoint");
  service.registration.wsdl = row.text_or_null("wsdl");
  service.version = row.id("version");
  service.connected = row.flag("connected");
  service.cause = static_cast<Cause>(row.number("cause"));
  service.since = row.time("since");
  return service;
}

constexpr std::string_view kSelectActions = R"sql(
  SELECT account_id, action FROM service_action WHERE account_id IN ()sql";

void add_actions(db::Session& db, std::vector<Service>& services) {
  if (services.empty()) return;
  std::map<std::uint64_t, Service*> by_id;
  std::vector<std::uint64_t> ids;
  for (Service& service : services) {
    by_id[service.id] = &service;
    ids.push_back(service.id);
  }
  std::vector<db::Value> args;
  const std::string list = db::in_list(ids, args);
  const auto actions = db.query_with(
      std::string(kSelectActions) + list + ") ORDER BY account_id, action",
      [](const db::Row& row) { return std::pair(row.id("account_id"), row.text("action")); }, args);
  for (const auto& [id, action] : actions) by_id.at(id)->registration.actions.push_back(action);
}

}  // namespace

Found Directory::find(db::Session& db, const Search& search) {
  check::identifier(search.name, "name");
  check::identifier(search.provider, "provider");
  check::identifier(search.action, "action");
  check::identifier(search.service_class, "class");
  auto services = db.query(kSelectServices, service_of, search.name, search.name, search.provider,
                           search.provider, search.service_class, search.service_class, search.action,
                           search.action, search.connected_only);
  const bool more = check::cut(services);
  add_actions(db, services);
  std::vector<std::uint64_t> connected;
  for (const Service& service : services) {
    if (service.connected) connected.push_back(service.id);
  }
  auto types = events_.live_types(db, connected);
  for (Service& service : services) {
    if (service.connected) service.events = std::move(types[service.id]);
  }
  return {std::move(services), more};
}

Service Directory::get(db::Session& db, const std::string& name, const std::string& provider) {
  auto found = find(db, {.name = name, .provider = provider, .action = {}, .service_class = {}});
  if (found.services.empty()) throw Fault(FaultCode::NOT_FOUND, "there is no such service", "name");
  return std::move(found.services.front());
}

namespace {
constexpr std::string_view kSelectId = R"sql(
  SELECT account_id FROM service WHERE name = ? AND provider = ?)sql";

constexpr std::string_view kSelectConnected = R"sql(
  SELECT connected FROM service WHERE account_id = ?)sql";
}  // namespace

std::optional<std::uint64_t> Directory::find_id(db::Session& db, const std::string& name,
                                                const std::string& provider) {
  return db.query_one(
      kSelectId, [](const db::Row& row) { return row.id("account_id"); }, name, provider);
}

bool Directory::is_connected(db::Session& db, std::uint64_t service_id) {
  return db
      .query_one(
          kSelectConnected, [](const db::Row& row) { return row.flag("connected"); }, service_id)
      .value_or(false);
}

}  // namespace whitebrick::directory
