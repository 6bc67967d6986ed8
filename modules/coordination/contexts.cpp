#include "modules/coordination/contexts.hpp"

#include <algorithm>

#include "modules/coordination/context_row.hpp"
#include "modules/coordination/session_id.hpp"
#include "modules/coordination/service_session_rows.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"
#include "server/xml_text.hpp"

namespace whitebrick::coordination {
namespace {

constexpr int kLifetime = 86400;  // seconds; who comes later reads the context itself

// Locked: who writes, locks or closes goes one after the other.
constexpr std::string_view kFind = R"sql(
SELECT c.id, LOWER(HEX(c.public_id)) AS public_id, c.user_id, u.name AS user, c.activity, c.opener_account_id,
  c.opened_at, c.version, c.lock_token, c.lock_account_id, c.locked_until, s.name AS holder, s.provider AS holder_provider,
  TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), c.locked_until) AS lock_left
FROM use_context c JOIN user u ON u.id = c.user_id LEFT JOIN service s ON s.account_id = c.lock_account_id
WHERE c.public_id = UNHEX(?) FOR UPDATE)sql";
constexpr std::string_view kActsFor = R"sql(
SELECT 1 AS yes FROM service_session WHERE user_id = ? AND service_id = ? LIMIT 1)sql";

}  // namespace

Contexts::Contexts(events::Events& events) : events_(events) {}

// Nothing when there is none; NOT_FOUND when the caller may not see it.
std::optional<Contexts::Found> Contexts::find(db::Session& db, const Caller& caller, const std::string& id) {
  const auto found = db.query_one(kFind, Found::read, id);
  if (!found) return std::nullopt;
  const bool visible = caller.role == Role::kService ? db.query_one(
                                                             kActsFor, [](const db::Row&) { return true; },
                                                             found->user_id, caller.account_id)
                                                           .has_value()
                                                     : caller.user_id == found->user_id;
  if (!visible) throw Fault(FaultCode::NOT_FOUND, "no such context", "contextId");
  return found;
}

Contexts::Found Contexts::existing(db::Session& db, const Caller& caller, const std::string& id) {
  auto found = find(db, caller, id);
  if (!found) throw Fault(FaultCode::NOT_FOUND, "no such context", "contextId");
  return *std::move(found);
}

namespace {

constexpr std::string_view kHasSession = R"sql(
SELECT 1 AS yes FROM access_session WHERE user_id = ? LIMIT 1)sql";
constexpr std::string_view kNumberOfContexts = R"sql(
SELECT COUNT(*) AS contexts FROM use_context WHERE user_id = ? AND activity <> ?)sql";
constexpr std::string_view kOpen = R"sql(
INSERT INTO use_context (public_id, user_id, activity, opener_account_id, opened_at)
VALUES (UNHEX(?), ?, ?, ?, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE id = id)sql";
constexpr std::string_view kIdOfActivity = R"sql(
SELECT LOWER(HEX(public_id)) AS public_id FROM use_context WHERE user_id = ? AND activity = ?)sql";

std::uint64_t user_to_act_for(db::Session& db, const Caller& caller,
                              const std::optional<std::string>& service_session) {
  if (caller.role == Role::kService) {
    if (!service_session) {
      throw Fault(FaultCode::INVALID_ARGUMENT, "a service names its service session", "serviceSessionId");
    }
    return user_of_service_session(db, caller, *service_session, "serviceSessionId");
  }
  if (service_session) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "only a service names a service session", "serviceSessionId");
  }
  if (!db.query_one(
          kHasSession, [](const db::Row&) { return true; }, caller.user_id)) {
    throw Fault(FaultCode::NOT_CONNECTED, "connect a terminal first");
  }
  return caller.user_id;
}

}  // namespace

UseContext Contexts::open(db::Session& db, const Caller& caller,
                          const std::optional<std::string>& service_session, const std::string& activity) {
  check::identifier(activity, "activity");
  const std::uint64_t user_id = user_to_act_for(db, caller, service_session);
  const auto others = db.query_one(
      kNumberOfContexts, [](const db::Row& row) { return row.id("contexts"); }, user_id, activity);
  if (others >= kMaxContexts) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "the user has too many contexts: close some", "activity");
  }
  const bool created = db.execute(kOpen, random_session_id(), user_id, activity, caller.account_id) == 1;
  const auto id = db.query_one(
      kIdOfActivity, [](const db::Row& row) { return row.text("public_id"); }, user_id, activity);
  const Found found = existing(db, caller, id.value_or(""));
  if (created) tell(db, caller, found, "OPENED", std::nullopt);
  UseContext context = found.context;
  context.created = created;
  if (!created) context.entries = entries(db, found.id);
  return context;
}

UseContext Contexts::get(db::Session& db, const Caller& caller, const std::string& id) {
  const Found found = existing(db, caller, id);
  UseContext context = found.context;
  context.entries = entries(db, found.id);
  return context;
}

namespace {

constexpr std::string_view kEntries = R"sql(
SELECT e.name, e.value, e.version, e.changed_at, s.name AS service, s.provider
FROM use_context_entry e LEFT JOIN service s ON s.account_id = e.account_id
WHERE e.context_id = ? ORDER BY e.name)sql";

}  // namespace

std::vector<ContextEntry> Contexts::entries(db::Session& db, std::uint64_t context_id) {
  return db.query(
      kEntries,
      [](const db::Row& row) {
        ContextEntry entry{
            row.text("name"), row.text("value"), row.id("version"), row.time("changed_at"), {}};
        if (const auto name = row.text_or_null("service")) entry.service = {*name, row.text("provider")};
        return entry;
      },
      context_id);
}

namespace {

constexpr std::string_view kVersionOfEntry = R"sql(
SELECT version FROM use_context_entry WHERE context_id = ? AND name = ? FOR UPDATE)sql";
constexpr std::string_view kOtherEntries = R"sql(
SELECT COUNT(*) AS entries, COALESCE(SUM(LENGTH(value)), 0) AS bytes
FROM use_context_entry WHERE context_id = ? AND name <> ?)sql";
constexpr std::string_view kNextVersion = R"sql(
UPDATE use_context SET version = version + 1 WHERE id = ?)sql";
constexpr std::string_view kPutEntry = R"sql(
INSERT INTO use_context_entry (context_id, name, value, version, account_id, changed_at)
VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE value = VALUES(value), version = VALUES(version), account_id = VALUES(account_id),
  changed_at = VALUES(changed_at))sql";
constexpr std::string_view kRemoveEntry = R"sql(
DELETE FROM use_context_entry WHERE context_id = ? AND name = ?)sql";

void check_room(db::Session& db, std::uint64_t context_id, const PutEntry& put) {
  struct Size {
    std::size_t entries, bytes;
  };
  const Size others = db.query_one(
                            kOtherEntries,
                            [](const db::Row& row) {
                              return Size{row.id("entries"), static_cast<std::size_t>(row.number("bytes"))};
                            },
                            context_id, put.key)
                          .value();
  if (others.entries >= kMaxContextKeys) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "the context holds too many keys", "key");
  }
  if (others.bytes + put.value->size() > kMaxContextBytes) {
    throw Fault(FaultCode::LIMIT_EXCEEDED, "the values of the context are too long together", "value");
  }
}

}  // namespace

std::uint64_t Contexts::put(db::Session& db, const Caller& caller, const PutEntry& put) {
  check::identifier(put.key, "key");
  check::length(put.value, check::kMaxText, "value");
  Found found = existing(db, caller, put.context);
  found.demand_lock(caller.account_id, put.fencing_token);
  const auto stored = db.query_one(
      kVersionOfEntry, [](const db::Row& row) { return row.id("version"); }, found.id, put.key);
  profiles::demand_version(stored, put.if_version, "the value");
  if (!put.value && !stored) return found.context.version;

  if (put.value) check_room(db, found.id, put);
  db.execute(kNextVersion, found.id);
  found.context.version += 1;
  if (put.value) {
    db.execute(kPutEntry, found.id, put.key, *put.value, found.context.version, caller.account_id);
  } else {
    db.execute(kRemoveEntry, found.id, put.key);
  }
  tell(db, caller, found, put.value ? "PUT" : "REMOVED", put.key);
  return found.context.version;
}

namespace {

constexpr std::string_view kTakeLock = R"sql(
UPDATE use_context SET lock_token = lock_token + 1, lock_account_id = ?,
  locked_until = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
WHERE id = ? AND (locked_until IS NULL OR locked_until <= UTC_TIMESTAMP(6)))sql";
constexpr std::string_view kKeepLock = R"sql(
UPDATE use_context SET locked_until = IF(? = 0, NULL, UTC_TIMESTAMP(6) + INTERVAL ? SECOND), version = version + 1
WHERE id = ? AND lock_account_id = ? AND lock_token = ? AND locked_until > UTC_TIMESTAMP(6))sql";
constexpr std::string_view kLock = R"sql(
SELECT lock_token, locked_until FROM use_context WHERE id = ?)sql";

constexpr int kLongestLock = 3600;

}  // namespace

ContextLock Contexts::lock(db::Session& db, const Caller& caller, const std::string& id, int lease_seconds,
                           std::optional<std::uint64_t> fencing_token) {
  check::range(lease_seconds, fencing_token ? 0 : 1, kLongestLock, "leaseSeconds");
  const Found found = existing(db, caller, id);
  if (fencing_token) {
    if (db.execute(kKeepLock, lease_seconds, lease_seconds, found.id, caller.account_id, *fencing_token) ==
        0) {
      throw Fault(FaultCode::LEASE_LOST, "the lock is not yours any more", "fencingToken");
    }
  } else if (db.execute(kTakeLock, caller.account_id, lease_seconds, found.id) == 0) {
    throw found.locked();
  }
  return db
      .query_one(
          kLock,
          [](const db::Row& row) {
            return ContextLock{row.id("lock_token"), row.time_or_null("locked_until")};
          },
          found.id)
      .value();
}

namespace {

constexpr std::string_view kDelete = R"sql(
DELETE FROM use_context WHERE id = ?)sql";
constexpr std::string_view kDeleteEntries = R"sql(
DELETE FROM use_context_entry WHERE context_id = ?)sql";

}  // namespace

bool Contexts::close(db::Session& db, const Caller& caller, const std::string& id) {
  const auto found = find(db, caller, id);
  if (!found) return false;
  if (caller.user_id != found->user_id && caller.account_id != found->opener_account_id) {
    throw Fault(FaultCode::FORBIDDEN, "a context is closed by its user or by who opened it");
  }
  if (db.execute(kDelete, found->id) == 0) return false;
  db.execute(kDeleteEntries, found->id);
  tell(db, caller, *found, "CLOSED", std::nullopt);
  return true;
}

namespace {

constexpr std::string_view kContextsOfAbsent = R"sql(
SELECT c.id FROM use_context c
WHERE c.user_id = ? AND NOT EXISTS (SELECT 1 FROM access_session a WHERE a.user_id = c.user_id))sql";
constexpr std::string_view kAbsentUsers = R"sql(
SELECT DISTINCT c.user_id FROM use_context c LEFT JOIN access_session a ON a.user_id = c.user_id
WHERE a.id IS NULL LIMIT 100)sql";

}  // namespace

// Nobody acts for him any more, so nobody is told.
void Contexts::close_abandoned(db::Session& db, std::uint64_t user_id) {
  const auto contexts = db.query(
      kContextsOfAbsent, [](const db::Row& row) { return row.id("id"); }, user_id);
  for (const auto id : contexts) {
    db.execute(kDelete, id);
    db.execute(kDeleteEntries, id);
  }
}

std::size_t Contexts::close_abandoned(db::Session& db) {
  const auto users = db.query(kAbsentUsers, [](const db::Row& row) { return row.id("user_id"); });
  for (const auto user : users) close_abandoned(db, user);
  return users.size();
}

namespace {

constexpr std::string_view kActing = R"sql(
SELECT DISTINCT service_id FROM service_session WHERE user_id = ? AND service_id <> ?)sql";

}  // namespace

// The value is read in the context itself: an event would show it to who may not see it any more.
void Contexts::tell(db::Session& db, const Caller& caller, const Found& found, const std::string& change,
                    const std::optional<std::string>& key) {
  const auto services = db.query(
      kActing, [](const db::Row& row) { return row.id("service_id"); }, found.user_id, caller.account_id);
  events::NewEvent event;
  event.type = "context.changed";
  const auto subscriptions = events_.subscriptions_for(db, services, event.type);
  if (subscriptions.empty()) return;
  std::vector<XmlField> fields{{"contextId", found.context.id},
                               {"userId", found.context.user},
                               {"activity", found.context.activity},
                               {"change", change}};
  if (key) fields.emplace_back("key", *key);
  fields.emplace_back("version", std::to_string(found.context.version));
  event.content = xml_text("ContextChanged", kCatalogueNamespace, fields);
  event.ttl_seconds = kLifetime;
  event.wait_for_terminal = false;
  events_.publish_to(db, "coordination", event, subscriptions);
}

}  // namespace whitebrick::coordination
