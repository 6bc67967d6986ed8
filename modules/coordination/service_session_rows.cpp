#include "modules/coordination/service_session_rows.hpp"

#include <map>

#include "db/list.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

struct Loaded {
  std::uint64_t id = 0;
  std::optional<std::uint64_t> via;
  ServiceSession session;
};

Loaded read(const db::Row& row) {
  return {row.id("id"),
          row.id_or_null("via_session_id"),
          {.id = row.text("public_id"),
           .access_session_id = row.text("access_session_id"),
           .user = row.text("user"),
           .profile = row.text("profile"),
           .service = {row.text("service"), row.text("provider")},
           .opened_at = row.time("opened_at")}};
}

const std::string kSelect = R"sql(
SELECT v.id, v.via_session_id, LOWER(HEX(v.public_id)) AS public_id, LOWER(HEX(a.public_id)) AS access_session_id,
  u.name AS user, p.name AS profile, s.name AS service, s.provider, v.opened_at
FROM service_session v JOIN access_session a ON a.id = v.access_session_id JOIN user u ON u.id = v.user_id
  JOIN profile p ON p.id = v.profile_id JOIN service s ON s.account_id = v.service_id
)sql";
const std::string kOne = kSelect + "WHERE v.id = ?";
const std::string kOfUser = kSelect + "WHERE v.user_id = ? ORDER BY v.id LIMIT 1001";
const std::string kOfService =
    kSelect + "WHERE v.service_id = ? AND (? IS NULL OR v.user_id = ?) ORDER BY v.id LIMIT 1001";

const std::string kMeans = R"sql(
SELECT v.id, v.via_session_id, LOWER(HEX(v.public_id)) AS public_id, s.name AS service, s.provider
FROM service_session v JOIN service s ON s.account_id = v.service_id WHERE v.id IN ()sql";
// With their mark-up.
const std::string kSizes = R"sql(
SELECT service_session_id, SUM(LENGTH(name) + LENGTH(value) + 64) AS bytes FROM service_session_parameter WHERE service_session_id IN ()sql";
const std::string kParameters = R"sql(
SELECT service_session_id, name, value FROM service_session_parameter WHERE service_session_id IN ()sql";

// One query for each link of the longest chain.
void add_chains(db::Session& db, std::vector<Loaded>& all) {
  struct Open {
    Loaded* of;
    std::uint64_t next;
  };
  std::vector<Open> open;
  for (Loaded& loaded : all) {
    if (loaded.via) open.push_back({&loaded, *loaded.via});
  }
  for (std::size_t link = 1; link < kMaxChain && !open.empty(); ++link) {
    std::vector<std::uint64_t> ids;
    for (const Open& one : open) ids.push_back(one.next);
    struct Link {
      std::optional<std::uint64_t> via;
      Means means;
    };
    std::map<std::uint64_t, Link> links;
    std::vector<db::Value> args;
    const std::string list = db::in_list(ids, args);
    db.query_with(
        kMeans + list + ")",
        [&](const db::Row& row) {
          links[row.id("id")] = {row.id_or_null("via_session_id"),
                                 {row.text("public_id"), {row.text("service"), row.text("provider")}}};
          return true;
        },
        args);
    std::vector<Open> further;
    for (const Open& one : open) {
      const auto found = links.find(one.next);
      if (found == links.end()) continue;
      one.of->session.chain.push_back(found->second.means);
      if (found->second.via) further.push_back({one.of, *found->second.via});
    }
    open = std::move(further);
  }
}

void add_parameters(db::Session& db, std::vector<Loaded>& all) {
  std::vector<std::uint64_t> ids;
  std::map<std::uint64_t, Loaded*> by_id;
  for (Loaded& loaded : all) {
    ids.push_back(loaded.id);
    by_id[loaded.id] = &loaded;
  }
  std::vector<db::Value> args;
  const std::string list = db::in_list(ids, args);
  db.query_with(
      kParameters + list + ") ORDER BY service_session_id, name",
      [&](const db::Row& row) {
        by_id.at(row.id("service_session_id"))
            ->session.parameters.push_back({row.text("name"), row.text("value")});
        return true;
      },
      args);
}

// Those whose parameters one answer does not take are left for later.
bool cut_long(db::Session& db, std::vector<Loaded>& all) {
  std::vector<std::uint64_t> ids;
  for (const Loaded& loaded : all) ids.push_back(loaded.id);
  std::map<std::uint64_t, std::size_t> sizes;
  std::vector<db::Value> args;
  const std::string list = db::in_list(ids, args);
  db.query_with(
      kSizes + list + ") GROUP BY service_session_id",
      [&](const db::Row& row) {
        return sizes.emplace(row.id("service_session_id"), static_cast<std::size_t>(row.number("bytes")))
            .second;
      },
      args);
  return check::cut_by_size(all, [&](const Loaded& loaded) { return sizes[loaded.id]; });
}

std::vector<ServiceSession> completed(db::Session& db, std::vector<Loaded> all) {
  std::vector<ServiceSession> sessions;
  if (all.empty()) return sessions;
  add_chains(db, all);
  add_parameters(db, all);
  sessions.reserve(all.size());
  for (Loaded& loaded : all) sessions.push_back(std::move(loaded.session));
  return sessions;
}

ServiceSessions listed(db::Session& db, std::vector<Loaded> all) {
  if (all.empty()) return {};
  const bool many = check::cut(all), long_ones = cut_long(db, all);
  return {completed(db, std::move(all)), many || long_ones};
}

}  // namespace

ServiceSessions ServiceSessionRows::of_user(db::Session& db, std::uint64_t user_id) {
  return listed(db, db.query(kOfUser, read, user_id));
}

ServiceSessions ServiceSessionRows::of_service(db::Session& db, std::uint64_t service_id,
                                               std::optional<std::uint64_t> user_id) {
  return listed(db, db.query(kOfService, read, service_id, user_id, user_id));
}

std::optional<ServiceSession> ServiceSessionRows::one(db::Session& db, std::uint64_t id) {
  auto found = completed(db, db.query(kOne, read, id));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

namespace {

constexpr std::string_view kLink = R"sql(
SELECT service_id, via_session_id FROM service_session WHERE id = ?)sql";

}  // namespace

std::vector<std::uint64_t> ServiceSessionRows::chain(db::Session& db, std::uint64_t id) {
  struct Link {
    std::uint64_t service_id;
    std::optional<std::uint64_t> via;
  };
  std::vector<std::uint64_t> services;
  for (std::optional<std::uint64_t> next = id; next && services.size() < kMaxChain;) {
    const auto link = db.query_one(
        kLink,
        [](const db::Row& row) {
          return Link{row.id("service_id"), row.id_or_null("via_session_id")};
        },
        *next);
    if (link) services.push_back(link->service_id);
    next = link ? link->via : std::nullopt;
  }
  return services;
}

namespace {

constexpr std::string_view kUserOfServiceSession = R"sql(
SELECT user_id FROM service_session WHERE public_id = UNHEX(?) AND service_id = ?)sql";

}  // namespace

std::uint64_t user_of_service_session(db::Session& db, const Caller& service, const std::string& public_id,
                                      const std::string& field) {
  const auto user = db.query_one(
      kUserOfServiceSession, [](const db::Row& row) { return row.id("user_id"); }, public_id,
      service.account_id);
  if (!user) throw Fault(FaultCode::SESSION_ENDED, "this service session is over", field);
  return *user;
}

}  // namespace whitebrick::coordination
