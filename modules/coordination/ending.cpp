#include "modules/coordination/ending.hpp"

#include "modules/coordination/contact_states.hpp"
#include "modules/coordination/contexts.hpp"
#include "modules/coordination/session_id.hpp"

namespace whitebrick::coordination {

struct Ending::Session {
  std::uint64_t id = 0, terminal_session_id = 0, user_id = 0, profile_id = 0, subscription_id = 0;
  std::string public_id;
  std::optional<std::string> terminal;  // nothing: it has been deleted

  static Session read(const db::Row& row) {
    return {row.id("id"),
            row.id("terminal_session_id"),
            row.id("user_id"),
            row.id("profile_id"),
            row.id("subscription_id"),
            row.text("public_id"),
            row.text_or_null("terminal")};
  }
};

struct Ending::Occasion {
  Cause cause;
  std::string cause_id;
};

namespace {

constexpr std::string_view kDeleteTerminalSession = R"sql(
DELETE FROM terminal_session WHERE id = ? AND version = ? RETURNING terminal_id, queue_id)sql";
constexpr std::string_view kSessionsOfTerminal = R"sql(
SELECT a.id, a.terminal_session_id, a.user_id, LOWER(HEX(a.public_id)) AS public_id, a.profile_id, a.subscription_id, t.name AS terminal
FROM access_session a LEFT JOIN terminal t ON t.id = ?
WHERE a.terminal_session_id = ? ORDER BY a.id)sql";

constexpr std::string_view kSession = R"sql(
SELECT a.id, a.terminal_session_id, a.user_id, LOWER(HEX(a.public_id)) AS public_id, a.profile_id, a.subscription_id, t.name AS terminal
FROM access_session a LEFT JOIN terminal_session s ON s.id = a.terminal_session_id
  LEFT JOIN terminal t ON t.id = s.terminal_id
WHERE a.id = ?)sql";

constexpr std::string_view kDeleteSession = R"sql(
DELETE FROM access_session WHERE id = ?)sql";
// A terminal can have so many sessions with so many contacts that one transaction does not take them all:
// where there are more than a few, one of them makes the sweep find the rest.
constexpr std::size_t kFewWatches = 20;
constexpr std::string_view kDeleteWatches = R"sql(
DELETE FROM contact_watch WHERE access_session_id = ? LIMIT 20)sql";
constexpr std::string_view kLeaveToSweep = R"sql(
UPDATE contact_watch SET checked = 0 WHERE access_session_id = ? LIMIT 1)sql";
constexpr std::string_view kServiceSessions = R"sql(
SELECT id FROM service_session WHERE access_session_id = ? ORDER BY id)sql";

// A profile that was made again under the same name goes on with the terminal's subscription.
constexpr std::string_view kSharesSubscription = R"sql(
SELECT 1 AS yes FROM access_session WHERE terminal_session_id = ? AND subscription_id = ? LIMIT 1)sql";

constexpr std::string_view kNumber = R"sql(
SELECT contact_number FROM profile WHERE id = ? AND contact_number IS NOT NULL)sql";

std::optional<std::string> number_of(db::Session& db, std::uint64_t profile_id) {
  return db.query_one(
      kNumber, [](const db::Row& row) { return row.text("contact_number"); }, profile_id);
}

}  // namespace

Ending::Ending(events::Events& events, Contexts& contexts, Wake& wake)
    : events_(events), contexts_(contexts), wake_(wake) {}

std::optional<Ended> Ending::terminal(db::Session& db, const Judged& judged, Cause cause) {
  std::uint64_t queue_id = 0;
  const auto terminal_id = db.query_one(
      kDeleteTerminalSession,
      [&](const db::Row& row) {
        queue_id = row.id("queue_id");
        return row.id("terminal_id");
      },
      judged.id, judged.version);
  if (!terminal_id) return std::nullopt;
  // A poll that waits there hears that the terminal is not connected any more.
  db.after_commit([this, queue_id] { wake_.wake({events::Events::wait_key(queue_id)}); });
  Ended ended;
  const Occasion occasion{cause, random_session_id()};
  for (const Session& session : db.query(kSessionsOfTerminal, Session::read, *terminal_id, judged.id)) {
    end(db, session, occasion, ended);
  }
  return ended;
}

std::optional<Ended> Ending::access_session(db::Session& db, std::uint64_t id, Cause cause) {
  const auto session = db.query_one(kSession, Session::read, id);
  Ended ended;
  if (!session || !end(db, *session, {cause, random_session_id()}, ended)) return std::nullopt;
  return ended;
}

// The row of the access session goes first: it is the lock of all that hangs on it.
bool Ending::end(db::Session& db, const Session& session, const Occasion& occasion, Ended& ended) {
  if (db.execute(kDeleteSession, session.id) == 0) return false;
  const auto service_sessions = db.query(
      kServiceSessions, [](const db::Row& row) { return row.id("id"); }, session.id);
  if (db.execute(kDeleteWatches, session.id) == kFewWatches) db.execute(kLeaveToSweep, session.id);
  const auto shared = db.query_one(
      kSharesSubscription, [](const db::Row&) { return true; }, session.terminal_session_id,
      session.subscription_id);
  if (!shared) events_.unsubscribe_terminal(db, session.subscription_id);

  const EndedSession told{session.public_id, std::nullopt, session.terminal, occasion.cause,
                          occasion.cause_id};
  for (const auto id : service_sessions) end_service_session(db, id, told, ended);
  tell(db, session.profile_id, std::nullopt, told);
  if (const auto number = number_of(db, session.profile_id)) publish_session_changed(db, events_, *number);
  contexts_.close_abandoned(db, session.user_id);
  db.after_commit([this, key = Coordination::states_key(session.id)] { wake_.wake({key}); });
  ended.access_sessions += 1;
  return true;
}

namespace {

constexpr std::string_view kDeleteServiceSession = R"sql(
DELETE FROM service_session WHERE id = ?
RETURNING profile_id, service_id, access_session_id, LOWER(HEX(public_id)) AS public_id)sql";
constexpr std::string_view kDeleteParameters = R"sql(
DELETE FROM service_session_parameter WHERE service_session_id = ?)sql";
constexpr std::string_view kPublicId = R"sql(
SELECT LOWER(HEX(public_id)) AS public_id FROM access_session WHERE id = ?)sql";
constexpr std::string_view kUsedByMeansOf = R"sql(
SELECT id FROM service_session WHERE via_session_id = ? ORDER BY id)sql";

}  // namespace

std::optional<Ended> Ending::service_session(db::Session& db, std::uint64_t id, Cause cause) {
  Ended ended;
  const EndedSession told{std::nullopt, std::nullopt, std::nullopt, cause, random_session_id()};
  if (!end_service_session(db, id, told, ended)) return std::nullopt;
  return ended;
}

// `told`: of the access session that ends with it, else without one. Chains are short (kMaxChain).
bool Ending::end_service_session(db::Session& db, std::uint64_t id, EndedSession told, Ended& ended) {
  struct Found {
    std::uint64_t profile_id, service_id, access_session_id;
    std::string public_id;
  };
  const auto found = db.query_one(
      kDeleteServiceSession,
      [](const db::Row& row) {
        return Found{row.id("profile_id"), row.id("service_id"), row.id("access_session_id"),
                     row.text("public_id")};
      },
      id);
  if (!found) return false;
  db.execute(kDeleteParameters, id);
  EndedSession service = told;
  service.service_session = found->public_id;
  if (!service.access_session) {
    service.access_session = db.query_one(
        kPublicId, [](const db::Row& row) { return row.text("public_id"); }, found->access_session_id);
  }
  tell(db, found->profile_id, found->service_id, service);
  ended.service_sessions += 1;

  told.access_session = std::nullopt;  // of another one perhaps
  told.terminal = std::nullopt;
  const auto inner = db.query(
      kUsedByMeansOf, [](const db::Row& row) { return row.id("id"); }, id);
  for (const auto dependent : inner) end_service_session(db, dependent, told, ended);
  return true;
}

// The next terminal of the profile finds its sessions anew: the news does not wait for it.
void Ending::tell(db::Session& db, std::uint64_t profile_id, std::optional<std::uint64_t> service_id,
                  const EndedSession& ended) {
  events::NewEvent event;
  event.type = "session.ended";
  event.content = session_ended_content(ended);
  event.profiles = {profile_id};
  event.wait_for_terminal = false;
  event.for_services = false;  // when a user comes and goes is nobody's business (K5)
  events_.publish(db, "coordination", event);
  // Only the service whose use ends is told, of that.
  if (service_id) {
    const auto subscriptions = events_.subscriptions_for(db, {*service_id}, event.type, profile_id);
    if (!subscriptions.empty()) events_.publish_to(db, "coordination", event, subscriptions);
  }
}

}  // namespace whitebrick::coordination
