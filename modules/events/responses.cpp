// Asynchronous responses (patent 13.6): a recipient answers an event, its transmitter finds the answer in
// a queue of its own, or learns once that nobody answered in time.

#include <string_view>

#include "modules/events/events.hpp"
#include "modules/events/settling.hpp"
#include "modules/events/subscriptions.hpp"
#include "server/fault.hpp"
#include "server/xml_text.hpp"

namespace whitebrick::events {
namespace {

constexpr std::string_view kSetDeadline = R"sql(
  UPDATE event SET respond_before = created_at + INTERVAL ? SECOND WHERE id = ?)sql";

constexpr std::string_view kInsertAwaited = R"sql(
  INSERT INTO awaited_response (event_id, service_id, due_at)
  SELECT id, service_id, respond_before FROM event WHERE id = ?)sql";

// The subscription that answers go to; a service may have made it itself, with patterns.
std::uint64_t open_responses(Events& events, db::Session& db, std::uint64_t service_id) {
  const Party service{PartyKind::kService, service_id};
  if (const auto found = find_subscription(db, service, Events::kResponses)) return found->id;
  SubscriptionRequest request;
  request.name = Events::kResponses;
  return events.subscribe(db, service, request).id;
}

}  // namespace

void Events::ask_for_response(db::Session& db, std::uint64_t service_id, std::uint64_t event_id,
                              int within_seconds) {
  open_responses(*this, db, service_id);
  db.execute(kSetDeadline, within_seconds, event_id);
  db.execute(kInsertAwaited, event_id);
}

namespace {

constexpr std::string_view kSelectDelivered = R"sql(
  SELECT h.recipient_kind AS kind, t.name AS terminal
    FROM delivery_history h LEFT JOIN terminal t ON h.recipient_kind = 2 AND t.id = h.recipient_id
   WHERE h.event_id = ? AND ((h.recipient_kind = 1 AND h.recipient_id = ?) OR (h.recipient_kind = 2 AND t.user_id = ?))
   ORDER BY h.outcome LIMIT 1)sql";

constexpr std::string_view kSelectPendingOfService = R"sql(
  SELECT s.owner_kind AS kind, NULL AS terminal
    FROM subscription s JOIN delivery d ON d.queue_id = s.queue_id AND d.event_id = ? AND d.subscription_id = s.id
   WHERE s.owner_kind = 1 AND s.owner_id = ? LIMIT 1)sql";

constexpr std::string_view kSelectPendingOfUser = R"sql(
  SELECT s.owner_kind AS kind, t.name AS terminal
    FROM terminal t JOIN subscription s ON s.owner_kind = 2 AND s.owner_id = t.id
    JOIN delivery d ON d.queue_id = s.queue_id AND d.event_id = ? AND d.subscription_id = s.id
   WHERE t.user_id = ? ORDER BY d.attempts DESC LIMIT 1)sql";

// Handed out without an acknowledgement.
constexpr std::string_view kSelectDead = R"sql(
  SELECT s.owner_kind AS kind, t.name AS terminal
    FROM dead_delivery d JOIN subscription s ON s.id = d.subscription_id
    LEFT JOIN terminal t ON s.owner_kind = 2 AND t.id = s.owner_id
   WHERE d.event_id = ? AND ((s.owner_kind = 1 AND s.owner_id = ?) OR (s.owner_kind = 2 AND t.user_id = ?)) LIMIT 1)sql";

// How the event reached the caller; nothing: it did not.
struct Reached {
  std::optional<std::string> terminal;
};

std::optional<Reached> reached(db::Session& db, const Caller& caller, std::uint64_t event_id) {
  const auto read = [](const db::Row& row) { return Reached{row.text_or_null("terminal")}; };
  const bool user = caller.role == Role::kUser;
  const std::uint64_t service_id = user ? 0 : caller.account_id;
  const std::uint64_t user_id = user ? caller.user_id : 0;
  for (const auto select : {kSelectDelivered, kSelectDead}) {
    if (const auto over = db.query_one(select, read, event_id, service_id, user_id)) return over;
  }
  return user ? db.query_one(kSelectPendingOfUser, read, event_id, caller.user_id)
              : db.query_one(kSelectPendingOfService, read, event_id, service_id);
}

struct Asked {
  std::string type;
  std::uint64_t service_id = 0;
  bool waits = false, late = false;
};

constexpr std::string_view kSelectAsked = R"sql(
  SELECT type, service_id, respond_before IS NOT NULL AS waits,
         COALESCE(respond_before <= UTC_TIMESTAMP(6), 0) AS late
    FROM event WHERE id = ?)sql";

constexpr std::string_view kSelectService = R"sql(
  SELECT name, provider FROM service WHERE account_id = ?)sql";

XmlField responder(db::Session& db, const Caller& caller, const Reached& how) {
  std::vector<XmlField> inside;
  if (caller.role == Role::kUser) {
    inside.emplace_back("userId", caller.user);
    if (how.terminal) inside.emplace_back("terminalId", *how.terminal);
  } else {
    inside.push_back(
        db.query_one(
              kSelectService,
              [](const db::Row& row) {
                return XmlField("service", {{"name", row.text("name")}, {"provider", row.text("provider")}});
              },
              caller.account_id)
            .value());
  }
  return {"responder", std::move(inside)};
}

// Both sides write the row: the answer that makes it and the job that ends the waiting conflict.
constexpr std::string_view kCountResponse = R"sql(
  UPDATE awaited_response SET responses = responses + 1 WHERE event_id = ?)sql";

constexpr std::string_view kInsertResponse = R"sql(
  INSERT INTO event_response (event_id, responder_kind, responder_id, responded_at)
  VALUES (?, ?, ?, UTC_TIMESTAMP(6)))sql";

NewEvent told(const std::string& type, std::string content) {
  NewEvent event;
  event.type = type;
  event.content = std::move(content);
  event.wait_for_terminal = false;
  return event;
}

}  // namespace

std::uint64_t Events::respond(db::Session& db, const Caller& caller, std::uint64_t event_id,
                              const std::string& content) {
  const auto asked = db.query_one(
      kSelectAsked,
      [](const db::Row& row) {
        return Asked{row.text("type"), row.id("service_id"), row.flag("waits"), row.flag("late")};
      },
      event_id);
  const auto how = asked ? reached(db, caller, event_id) : std::nullopt;
  if (!how)
    throw Fault(FaultCode::NOT_FOUND, "There is no such event, or it does not reach the caller.", "eventId");
  if (!asked->waits) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "The publisher of this event does not wait for an answer.",
                "eventId");
  }
  const bool user = caller.role == Role::kUser;
  try {
    db.execute(kInsertResponse, event_id, user ? 2 : 1, user ? caller.user_id : caller.account_id);
  } catch (const db::DuplicateKey&) {
    throw Fault(FaultCode::ALREADY_EXISTS, "The caller has answered this event before.", "eventId");
  }
  if (asked->late || db.execute(kCountResponse, event_id) == 0)
    throw Fault(FaultCode::DEADLINE_PASSED, "The publisher does not wait any more.", "eventId");
  const NewEvent event = told("event.response", xml_text("EventResponse", kCatalogueNamespace,
                                                         {{"eventId", std::to_string(event_id)},
                                                          {"type", asked->type},
                                                          responder(db, caller, *how),
                                                          {"content", content}}));
  const std::uint64_t to = open_responses(*this, db, asked->service_id);
  return publish_to(db, "events", event, std::span(&to, 1)).event_id;
}

namespace {

constexpr int kKeepResponses = 31;  // days; longer than any deadline

constexpr std::string_view kSelectDue = R"sql(
  SELECT event_id FROM awaited_response WHERE due_at <= UTC_TIMESTAMP(6) ORDER BY due_at LIMIT 100)sql";

constexpr std::string_view kDeleteAwaited = R"sql(
  DELETE FROM awaited_response WHERE event_id = ? RETURNING service_id, responses)sql";

// Nothing when the service or the event is gone.
constexpr std::string_view kSelectUnanswered = R"sql(
  SELECT e.type AS type FROM event e JOIN service s ON s.account_id = e.service_id WHERE e.id = ?)sql";

constexpr std::string_view kDeleteOldResponses = R"sql(
  DELETE FROM event_response WHERE responded_at <= UTC_TIMESTAMP(6) - INTERVAL ? DAY ORDER BY responded_at LIMIT 1000)sql";

struct Awaited {
  std::uint64_t service_id = 0, responses = 0;
};

}  // namespace

// Whose DELETE finds the row tells the publisher.
bool settle_responses(Events& events, db::Pool& pool) {
  const auto due = pool.in_transaction([](db::Session& db) {
    return db.query(kSelectDue, [](const db::Row& row) { return row.id("event_id"); });
  });
  for (const std::uint64_t event_id : due) {
    pool.in_transaction([&](db::Session& db) {
      const auto awaited = db.query_one(
          kDeleteAwaited,
          [](const db::Row& row) {
            return Awaited{row.id("service_id"), row.id("responses")};
          },
          event_id);
      if (!awaited || awaited->responses > 0) return;
      const auto type = db.query_one(
          kSelectUnanswered, [](const db::Row& row) { return row.text("type"); }, event_id);
      if (!type) return;
      const std::uint64_t to = open_responses(events, db, awaited->service_id);
      const std::string content = xml_text("EventNoResponse", kCatalogueNamespace,
                                           {{"eventId", std::to_string(event_id)}, {"type", *type}});
      events.publish_to(db, "events", told("event.no_response", content), std::span(&to, 1));
    });
  }
  const bool old = pool.in_transaction([](db::Session& db) {
    return db.execute(kDeleteOldResponses, kKeepResponses);
  }) == 1000;
  return due.size() == 100 || old;
}

}  // namespace whitebrick::events
