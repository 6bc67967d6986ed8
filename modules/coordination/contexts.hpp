#pragma once
// Contexts of service use (function 23): values that the services which act for one user share, so
// that what they do for him fits together. One context per user and activity.
//
// Seen by the user and by services with a live service session of his; for everybody else there is
// no such context. Ends when it is closed or with the user's last access session.
// Publishes (component "coordination"): context.changed, to the other services that act for the user.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/session.hpp"
#include "modules/events/events.hpp"
#include "modules/profiles/profiles.hpp"
#include "server/caller.hpp"

namespace whitebrick::coordination {

inline constexpr std::size_t kMaxContexts = 100;             // of a user
inline constexpr std::size_t kMaxContextKeys = 100;          // of a context
inline constexpr std::size_t kMaxContextBytes = 256 * 1024;  // of a context's values together

struct ContextEntry {
  std::string key, value;
  std::uint64_t version = 0;
  Time changed_at;
  std::optional<profiles::ServiceRef> service;  // who wrote it; nothing: the user
};

struct UseContext {
  std::string id, user, activity;
  Time opened_at;
  std::uint64_t version = 0;
  bool created = false;
  std::optional<Time> locked_until;
  std::optional<profiles::ServiceRef> locked_by;  // nothing, though locked: the user
  std::vector<ContextEntry> entries;
};

struct PutEntry {
  std::string context, key;
  std::optional<std::string> value;  // nothing: removed
  std::optional<std::uint64_t> if_version, fencing_token;
};

struct ContextLock {
  std::uint64_t fencing_token = 0;
  std::optional<Time> until;  // nothing: released
};

class Contexts {
 public:
  explicit Contexts(events::Events&);

  // The user's context for this activity, opened when there is none. Faults: NOT_CONNECTED (a user
  // without a session), SESSION_ENDED(serviceSessionId), INVALID_ARGUMENT(serviceSessionId),
  // LIMIT_EXCEEDED(activity).
  UseContext open(db::Session&, const Caller&, const std::optional<std::string>& service_session,
                  const std::string& activity);
  // Answers the version of the entry. Faults: NOT_FOUND(contextId), STALE_VERSION, LOCKED (by somebody
  // else, or no token shown), LEASE_LOST(fencingToken), LIMIT_EXCEEDED(key, value).
  std::uint64_t put(db::Session&, const Caller&, const PutEntry&);
  // Faults: NOT_FOUND(contextId).
  UseContext get(db::Session&, const Caller&, const std::string& id);
  // Takes the lock; with a fencing token: keeps it, or releases it for 0 seconds. Database clock.
  // Faults: NOT_FOUND(contextId), LOCKED, LEASE_LOST(fencingToken), INVALID_ARGUMENT(leaseSeconds).
  ContextLock lock(db::Session&, const Caller&, const std::string& id, int lease_seconds,
                   std::optional<std::uint64_t> fencing_token);
  // By the user or who opened it; false: it was closed before. Faults: NOT_FOUND(contextId), FORBIDDEN.
  bool close(db::Session&, const Caller&, const std::string& id);

  // Ends those of a user who has no access session any more.
  void close_abandoned(db::Session&, std::uint64_t user_id);
  // The same for whoever; answers how many users.
  std::size_t close_abandoned(db::Session&);

 private:
  struct Found;
  std::optional<Found> find(db::Session&, const Caller&, const std::string& id);
  Found existing(db::Session&, const Caller&, const std::string& id);
  std::vector<ContextEntry> entries(db::Session&, std::uint64_t context_id);
  void tell(db::Session&, const Caller&, const Found&, const std::string& change,
            const std::optional<std::string>& key);

  events::Events& events_;
};

}  // namespace whitebrick::coordination
