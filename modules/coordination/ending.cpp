#include "modules/coordination/ending.hpp"

#include "modules/coordination/contact_states.hpp"
#include "modules/coordination/session_id.hpp"

namespace whitebrick::coordination {

struct Ending::Session {
  std::uint64_t id = 0, profile_id = 0, subscription_id = 0;
  std::string public_id, terminal;
};

struct Ending::Occasion {
  Cause cause;
  std::string cause_id;
};

namespace {

constexpr std::string_view kDeleteTerminalSession = R"sql(
DELETE FROM terminal_session WHERE id = ? AND version = ? RETURNING terminal_id)sql";
constexpr std::string_view kSessionsOfTerminal = R"sql(
SELECT a.id, LOWER(HEX(a.public_id)) AS public_id, a.profile_id, a.subscription_id, t.name AS terminal
FROM access_session a JOIN terminal t ON t.id = ?
WHERE a.terminal_session_id = ? ORDER BY a.id)sql";

constexpr std::string_view kSession = R"sql(
SELECT a.id, LOWER(HEX(a.public_id)) AS public_id, a.profile_id, a.subscription_id, t.name AS terminal
FROM access_session a JOIN terminal_session s ON s.id = a.terminal_session_id
  JOIN terminal t ON t.id = s.terminal_id
WHERE a.id = ?)sql";

constexpr std::string_view kDeleteSession = R"sql(
DELETE FROM access_session WHERE id = ?)sql";
constexpr std::string_view kDeleteWatches = R"sql(
DELETE FROM contact_watch WHERE access_session_id = ?)sql";
constexpr std::string_view kDeleteServiceSessions = R"sql(
DELETE FROM service_session WHERE access_session_id = ? RETURNING LOWER(HEX(public_id)) AS public_id)sql";

constexpr std::string_view kNumber = R"sql(
SELECT contact_number FROM profile WHERE id = ? AND contact_number IS NOT NULL)sql";

std::optional<std::string> number_of(db::Session& db, std::uint64_t profile_id) {
  return db.query_one(
      kNumber, [](const db::Row& row) { return row.text("contact_number"); }, profile_id);
}

}  // namespace

Ending::Ending(events::Events& events) : events_(events) {}

std::optional<Ended> Ending::terminal(db::Session& db, const Judged& judged, Cause cause) {
  const auto terminal_id = db.query_one(
      kDeleteTerminalSession, [](const db::Row& row) { return row.id("terminal_id"); }, judged.id,
      judged.version);
  if (!terminal_id) return std::nullopt;
  const auto sessions = db.query(
      kSessionsOfTerminal,
      [](const db::Row& row) {
        return Session{row.id("id"), row.id("profile_id"), row.id("subscription_id"), row.text("public_id"),
                       row.text("terminal")};
      },
      *terminal_id, judged.id);
  Ended ended;
  const Occasion occasion{cause, random_session_id()};
  for (const Session& session : sessions) end(db, session, occasion, ended);
  return ended;
}

std::optional<Ended> Ending::access_session(db::Session& db, std::uint64_t id, Cause cause) {
  const auto session = db.query_one(
      kSession,
      [](const db::Row& row) {
        return Session{row.id("id"), row.id("profile_id"), row.id("subscription_id"), row.text("public_id"),
                       row.text("terminal")};
      },
      id);
  Ended ended;
  if (!session || !end(db, *session, {cause, random_session_id()}, ended)) return std::nullopt;
  return ended;
}

// The row of the access session goes first: it is the lock of all that hangs on it.
bool Ending::end(db::Session& db, const Session& session, const Occasion& occasion, Ended& ended) {
  if (db.execute(kDeleteSession, session.id) == 0) return false;
  const auto service_sessions = db.query(
      kDeleteServiceSessions, [](const db::Row& row) { return row.text("public_id"); }, session.id);
  db.execute(kDeleteWatches, session.id);
  events_.unsubscribe_terminal(db, session.subscription_id);

  for (const std::string& service_session : service_sessions) {
    tell(db, session.profile_id,
         {session.public_id, service_session, session.terminal, occasion.cause, occasion.cause_id});
  }
  tell(db, session.profile_id,
       {session.public_id, std::nullopt, session.terminal, occasion.cause, occasion.cause_id});
  if (const auto number = number_of(db, session.profile_id)) publish_session_changed(db, events_, *number);
  ended.access_sessions += 1;
  ended.service_sessions += static_cast<int>(service_sessions.size());
  return true;
}

namespace {

constexpr std::string_view kDeleteServiceSession = R"sql(
DELETE FROM service_session WHERE id = ?
RETURNING profile_id, access_session_id, LOWER(HEX(public_id)) AS public_id)sql";
constexpr std::string_view kPublicId = R"sql(
SELECT LOWER(HEX(public_id)) AS public_id FROM access_session WHERE id = ?)sql";

}  // namespace

bool Ending::service_session(db::Session& db, std::uint64_t id, Cause cause) {
  struct Found {
    std::uint64_t profile_id, access_session_id;
    std::string public_id;
  };
  const auto found = db.query_one(
      kDeleteServiceSession,
      [](const db::Row& row) {
        return Found{row.id("profile_id"), row.id("access_session_id"), row.text("public_id")};
      },
      id);
  if (!found) return false;
  const auto access_session = db.query_one(
      kPublicId, [](const db::Row& row) { return row.text("public_id"); }, found->access_session_id);
  tell(db, found->profile_id, {access_session, found->public_id, std::nullopt, cause, random_session_id()});
  return true;
}

// The next terminal of the profile finds its sessions anew: the news does not wait for it.
void Ending::tell(db::Session& db, std::uint64_t profile_id, const EndedSession& ended) {
  events::NewEvent event;
  event.type = "session.ended";
  event.content = session_ended_content(ended);
  event.profiles = {profile_id};
  event.wait_for_terminal = false;
  events_.publish(db, "coordination", event);
}

}  // namespace whitebrick::coordination
