// The connected indicator: connecting, disconnecting, and the lease in between.

#include <algorithm>
#include <random>
#include <string_view>

#include "modules/directory/directory.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"
#include "server/log.hpp"
#include "server/pulse.hpp"
#include "server/xml_text.hpp"

namespace whitebrick::directory {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr int kMaxLeaseSeconds = 86400;
constexpr seconds kNotConnectedPause{
    1};  // until a call of a service that is not connected is looked up again
constexpr seconds kConflictPause{1};
constexpr std::size_t kChunk = 200;

constexpr std::string_view kSelectReference = R"sql(
  SELECT name, provider FROM service WHERE account_id = ?)sql";

// Publishes that the service is available, or why it is not.
void publish_indicator(db::Session& db, events::Events& events, std::uint64_t id,
                       const std::optional<std::string>& cause_gone) {
  const auto reference = db.query_one(
      kSelectReference,
      [](const db::Row& row) {
        return std::vector<XmlField>{{"name", row.text("name")}, {"provider", row.text("provider")}};
      },
      id);
  std::vector<XmlField> fields{{"service", reference.value()}};
  if (cause_gone) fields.emplace_back("cause", *cause_gone);
  events::NewEvent event;
  event.type = cause_gone ? "service.unavailable" : "service.available";
  event.content =
      xml_text(cause_gone ? "ServiceUnavailable" : "ServiceAvailable", kCatalogueNamespace, fields);
  event.wait_for_terminal = false;
  events.publish(db, "directory", event);
}

constexpr std::string_view kConnect = R"sql(
  UPDATE service
     SET connected = 1, cause = 1, since = UTC_TIMESTAMP(6), lease_seconds = ?,
         lease_until = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
   WHERE account_id = ? AND connected = 0)sql";

constexpr std::string_view kConnectAgain = R"sql(
  UPDATE service
     SET lease_seconds = ?, lease_until = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
   WHERE account_id = ? AND connected = 1)sql";

constexpr std::string_view kSelectSince = R"sql(
  SELECT since FROM service WHERE account_id = ?)sql";

constexpr std::string_view kSelectLastEvent = R"sql(
  SELECT COALESCE(MAX(id), 0) AS last FROM event)sql";

}  // namespace

Connected Directory::connect(db::Session& db, const Caller& caller, std::optional<int> lease_seconds,
                             const std::vector<events::Declaration>& declarations,
                             const std::vector<events::SubscriptionRequest>& subscriptions) {
  if (lease_seconds) check::range(*lease_seconds, 1, kMaxLeaseSeconds, "leaseSeconds");
  check::count(declarations.size(), check::kMaxItems, "declare");
  check::count(subscriptions.size(), check::kMaxItems, "subscribe");
  const std::uint64_t id = caller.account_id;
  Connected connected;
  connected.lease_seconds = lease_seconds.value_or(static_cast<int>(settings_.lease.count()));

  const bool newly = db.execute(kConnect, connected.lease_seconds, connected.lease_seconds, id) == 1;
  if (!newly && db.execute(kConnectAgain, connected.lease_seconds, connected.lease_seconds, id) == 0) {
    throw Fault(FaultCode::NOT_REGISTERED, "register the service before connecting it");
  }
  // Connecting again counts, too: an endpoint that came back tells so before the old lease has run out.
  events_.transmitter_connected(db, id);
  if (newly) publish_indicator(db, events_, id, std::nullopt);
  if (!declarations.empty()) events_.declare(db, id, declarations, true);
  for (const events::SubscriptionRequest& wanted : subscriptions) {
    connected.subscriptions.push_back(events_.subscribe(db, {events::PartyKind::kService, id}, wanted));
    connected.backlog += connected.subscriptions.back().backlog;
  }
  connected.since = db.query_one(
                          kSelectSince, [](const db::Row& row) { return row.time("since"); }, id)
                        .value();
  connected.snapshot_version =
      db.query_one(kSelectLastEvent, [](const db::Row& row) { return row.id("last"); }).value();
  db.after_commit([this, id, newly, account = caller.account, lease = seconds(connected.lease_seconds)] {
    leases_.remember(id, lease / 3, lease);
    if (newly) log::info("service.connected", {{"account", account}});
  });
  return connected;
}

bool Directory::disconnect(db::Session& db, const Caller& caller, Cause cause) {
  return disconnect_as(db, caller.account_id, cause,
                       cause == Cause::kLeaseLost ? "LEASE_LOST" : "DISCONNECTED");
}

namespace {
constexpr std::string_view kDisconnect = R"sql(
  UPDATE service SET connected = 0, cause = ?, since = UTC_TIMESTAMP(6), lease_until = NULL
   WHERE account_id = ? AND connected = 1)sql";
}  // namespace

bool Directory::disconnect_as(db::Session& db, std::uint64_t id, Cause cause, const std::string& told) {
  if (db.execute(kDisconnect, static_cast<int>(cause), id) == 0) return false;
  tell_gone(db, id, told);
  return true;
}

void Directory::tell_gone(db::Session& db, std::uint64_t id, const std::string& cause) {
  events_.transmitter_gone(db, id, cause);
  publish_indicator(db, events_, id, cause);
  db.after_commit([id, cause] {
    log::info("service.disconnected", {{"service", std::to_string(id)}, {"cause", cause}});
  });
}

namespace {
constexpr std::string_view kSelectLease = R"sql(
  SELECT lease_seconds, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), lease_until) AS remaining
    FROM service WHERE account_id = ? AND connected = 1)sql";

// Also when the lease is over: as long as nobody has said so, the service never was away.
constexpr std::string_view kRenew = R"sql(
  UPDATE service SET lease_until = UTC_TIMESTAMP(6) + INTERVAL lease_seconds SECOND
   WHERE account_id = ? AND connected = 1)sql";

struct Lease {
  microseconds whole, remaining;
};
}  // namespace

std::optional<std::chrono::milliseconds> Directory::renew(db::Session& db, const Caller& caller) {
  if (caller.role != Role::kService) return std::nullopt;
  const std::uint64_t id = caller.account_id;
  if (const auto known = leases_.find(id)) return *known;
  const auto lease = db.query_one(
      kSelectLease,
      [](const db::Row& row) {
        return Lease{seconds(row.number("lease_seconds")), microseconds(row.number("remaining"))};
      },
      id);
  if (!lease) return leases_.remember(id, kNotConnectedPause, std::nullopt);
  const microseconds early = lease->remaining - lease->whole * 2 / 3;  // another replica has written
  if (early > microseconds::zero()) return leases_.remember(id, early, lease->remaining);
  try {
    if (db.execute(kRenew, id) == 0) return leases_.remember(id, kNotConnectedPause, std::nullopt);
  } catch (const db::Conflict&) {
    // Somebody else writes the row at this moment: no reason to fail a call that asks something else.
    return leases_.remember(id, kConflictPause, lease->remaining);
  }
  return leases_.remember(id, lease->whole / 3, lease->whole);
}

namespace {
// Two seconds of guard: on a cluster each node has a clock of its own.
constexpr std::string_view kSelectExpired = R"sql(
  SELECT account_id FROM service
   WHERE lease_until < UTC_TIMESTAMP(6) - INTERVAL 2 SECOND ORDER BY lease_until LIMIT 200)sql";

constexpr std::string_view kExpire = R"sql(
  UPDATE service SET connected = 0, cause = 3, since = UTC_TIMESTAMP(6), lease_until = NULL
   WHERE account_id = ? AND connected = 1 AND lease_until < UTC_TIMESTAMP(6) - INTERVAL 2 SECOND)sql";
}  // namespace

bool Directory::expire(db::Pool& pool) {
  db::Lease lease = pool.lease();
  if (!leases_may_expire(lease.session())) return false;
  auto expired =
      lease.session().query(kSelectExpired, [](const db::Row& row) { return row.id("account_id"); });
  // Replicas that do this at the same time start at different ends.
  std::ranges::shuffle(expired, std::minstd_rand(std::random_device{}()));
  bool all = true;
  for (const std::uint64_t id : expired) {
    all &= expiry_failures_.attempt(id, [&] {
      lease.in_transaction([&](db::Session& db) {
        if (db.execute(kExpire, id) == 1) tell_gone(db, id, "LEASE_LOST");
      });
    });
  }
  return all && expired.size() == kChunk;
}

}  // namespace whitebrick::directory
