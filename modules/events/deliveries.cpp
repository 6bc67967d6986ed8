// Who was told of an event, and who was not yet (patent 13.7: the indicators).

#include <string_view>

#include "modules/events/events.hpp"
#include "server/fault.hpp"

namespace whitebrick::events {
namespace {

constexpr std::size_t kMostDeliveries = 1000;

struct Logged {
  std::uint64_t service_id;
  std::string component;
  bool has_targets;
};

constexpr std::string_view kSelectEvent = R"sql(
  SELECT service_id, component, targets FROM event WHERE id = ?)sql";

// Arguments of the reader's condition: sees all; or as a service; or as a user.
constexpr std::string_view kSelectDone = R"sql(
  SELECT h.recipient_kind AS recipient_kind, h.outcome AS outcome, h.attempts AS attempts, h.done_at AS at,
         s.name AS subscription, v.name AS service_name, v.provider AS provider,
         t.name AS terminal_name, u.name AS user_name
    FROM delivery_history h
    LEFT JOIN subscription s ON s.id = h.subscription_id
    LEFT JOIN service v ON h.recipient_kind = 1 AND v.account_id = h.recipient_id
    LEFT JOIN terminal t ON h.recipient_kind = 2 AND t.id = h.recipient_id
    LEFT JOIN user u ON u.id = t.user_id
   WHERE h.event_id = ? AND (? OR (h.recipient_kind = 1 AND h.recipient_id = ?) OR (h.recipient_kind = 2 AND u.id = ?))
   ORDER BY h.subscription_id LIMIT 1000)sql";

constexpr std::string_view kSelectDead = R"sql(
  SELECT s.owner_kind AS recipient_kind, 3 AS outcome, d.attempts AS attempts, d.died_at AS at,
         s.name AS subscription, v.name AS service_name, v.provider AS provider,
         t.name AS terminal_name, u.name AS user_name
    FROM dead_delivery d JOIN subscription s ON s.id = d.subscription_id
    LEFT JOIN service v ON s.owner_kind = 1 AND v.account_id = s.owner_id
    LEFT JOIN terminal t ON s.owner_kind = 2 AND t.id = s.owner_id
    LEFT JOIN user u ON u.id = t.user_id
   WHERE d.event_id = ? AND (? OR (s.owner_kind = 1 AND s.owner_id = ?) OR (s.owner_kind = 2 AND u.id = ?))
   ORDER BY d.subscription_id LIMIT 1000)sql";

// Deliveries have no index by event: each candidate subscription is looked up, of services and components
// all, of terminals, which are many, as few as may have it.
constexpr std::string_view kPendingColumns = R"sql(
  SELECT STRAIGHT_JOIN s.owner_kind AS recipient_kind, IF(d.visible_at > UTC_TIMESTAMP(6), 9, 0) AS outcome,
         d.attempts AS attempts, NULL AS at, s.name AS subscription, v.name AS service_name, v.provider AS provider,
         t.name AS terminal_name, u.name AS user_name)sql";

constexpr std::string_view kPendingJoins = R"sql(
    JOIN delivery d ON d.queue_id = s.queue_id AND d.event_id = ? AND d.subscription_id = s.id
    LEFT JOIN service v ON s.owner_kind = 1 AND v.account_id = s.owner_id
    LEFT JOIN terminal t ON s.owner_kind = 2 AND t.id = s.owner_id LEFT JOIN user u ON u.id = t.user_id)sql";

struct Candidates {
  std::string_view from, where;
};

constexpr Candidates kNotOfTerminals{R"sql(
    FROM subscription s FORCE INDEX (ux_subscription))sql",
                                     " WHERE s.owner_kind IN (1, 3)"};
constexpr Candidates kOfService{R"sql(
    FROM subscription s FORCE INDEX (ux_subscription))sql",
                                " WHERE s.owner_kind = 1 AND s.owner_id = ?"};
constexpr Candidates kOfUser{R"sql(
    FROM terminal own JOIN subscription s FORCE INDEX (ux_subscription) ON s.owner_kind = 2 AND s.owner_id = own.id)sql",
                             " WHERE own.user_id = ?"};
constexpr Candidates kOfTargets{R"sql(
    FROM event_target g JOIN subscription s ON s.profile_id = g.profile_id AND s.owner_kind = 2)sql",
                                " WHERE g.event_id = ?"};
// Of terminals that are told without being targets, by the server itself: some.
constexpr Candidates kOfTerminals{R"sql(
    FROM (SELECT id, queue_id, owner_kind, owner_id, name FROM subscription
           WHERE owner_kind = 2 ORDER BY owner_id, name LIMIT 10000) s)sql",
                                  ""};

std::string pending(const Candidates& among) {
  std::string sql(kPendingColumns);
  sql.append(among.from).append(kPendingJoins).append(among.where);
  return sql.append(" ORDER BY s.id LIMIT 1000");
}

Delivery read_delivery(const db::Row& row) {
  Delivery delivery;
  delivery.recipient_kind = static_cast<PartyKind>(row.number("recipient_kind"));
  delivery.outcome = static_cast<Outcome>(row.number("outcome"));
  delivery.attempts = static_cast<unsigned>(row.number("attempts"));
  delivery.at = row.time_or_null("at");
  delivery.subscription = row.text_or_null("subscription").value_or("");
  const std::string service = row.text_or_null("service_name").value_or("");
  const std::string provider = row.text_or_null("provider").value_or("");
  const std::string terminal = row.text_or_null("terminal_name").value_or("");
  const std::string user = row.text_or_null("user_name").value_or("");
  switch (delivery.recipient_kind) {
    case PartyKind::kService:
      delivery.recipient = service + "/" + provider;
      break;
    case PartyKind::kTerminal:
      delivery.recipient = user + "/" + terminal;
      break;
    case PartyKind::kComponent:
      delivery.recipient = delivery.subscription;
      break;
  }
  delivery.notified = delivery.outcome == Outcome::kAcknowledged;
  return delivery;
}

void append(std::vector<Delivery>& all, std::vector<Delivery> some) {
  for (Delivery& delivery : some) {
    if (all.size() < kMostDeliveries) all.push_back(std::move(delivery));
  }
}

// Notified: one of its terminals has acknowledged.
constexpr std::string_view kSelectProfiles = R"sql(
  SELECT u.name AS user_name, p.name AS profile_name,
         (SELECT COUNT(*) FROM delivery_history h
           WHERE h.event_id = t.event_id AND h.profile_id = t.profile_id AND h.outcome = 1) > 0 AS notified
    FROM event_target t JOIN profile p ON p.id = t.profile_id JOIN user u ON u.id = p.user_id
   WHERE t.event_id = ?
     AND (? OR u.id = ? OR (SELECT COUNT(*) FROM profile_service ps
                             WHERE ps.profile_id = t.profile_id AND ps.service_id = ?) > 0)
   ORDER BY u.name, p.name LIMIT 1000)sql";

}  // namespace

DeliveryReport Events::deliveries(db::Session& db, const Caller& caller, std::uint64_t event_id) {
  const auto event = db.query_one(
      kSelectEvent,
      [](const db::Row& row) {
        return Logged{row.id("service_id"), row.text_or_null("component").value_or(""),
                      row.number("targets") > 0};
      },
      event_id);
  const bool service = caller.role == Role::kService;
  const bool transmitter = event && service && event->service_id == caller.account_id;
  const bool sees_all = event && (caller.role == Role::kAdmin || transmitter);
  const std::uint64_t as_service = service ? caller.account_id : 0;
  const std::uint64_t as_user = caller.role == Role::kUser ? caller.user_id : 0;
  DeliveryReport report;
  if (event) {
    append(report.deliveries, db.query(kSelectDone, read_delivery, event_id, sees_all, as_service, as_user));
    append(report.deliveries, db.query(kSelectDead, read_delivery, event_id, sees_all, as_service, as_user));
    const auto add_pending = [&](const Candidates& among, const auto&... args) {
      append(report.deliveries, db.query(pending(among), read_delivery, event_id, args...));
    };
    if (sees_all) add_pending(kNotOfTerminals);
    if (sees_all && event->has_targets)
      add_pending(kOfTargets, event_id);
    else if (caller.role == Role::kAdmin && event->service_id == 0)
      add_pending(kOfTerminals);
    if (!sees_all && service) add_pending(kOfService, as_service);
    if (as_user != 0) add_pending(kOfUser, as_user);
    report.profiles = db.query(
        kSelectProfiles,
        [](const db::Row& row) {
          return std::pair{ProfileName{row.text("user_name"), row.text("profile_name")},
                           row.flag("notified")};
        },
        event_id, sees_all, as_user, as_service);
  }
  // Which terminals a user has connected, and the server's inside, are nothing to a service (K5):
  // of a profile it learns whether it was notified.
  if (transmitter) {
    std::erase_if(report.deliveries,
                  [](const Delivery& one) { return one.recipient_kind != PartyKind::kService; });
  }
  const bool concerned = as_user != 0 && !report.profiles.empty();
  if (!sees_all && !concerned && report.deliveries.empty()) {
    throw Fault(FaultCode::NOT_FOUND, "There is no such event, or it does not concern the caller.",
                "eventId");
  }
  return report;
}

}  // namespace whitebrick::events
