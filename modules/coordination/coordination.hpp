#pragma once
// Coordination (patent 11, functions 21-24): who is connected from where, with which
// profile, using which service, and who can be reached now.
//
// The only header of this module that others may include. Knows no SOAP. A session row holds no
// replica: any replica serves any call, a dead replica ends nothing.
// Publishes (component "coordination"): contact.state (to each watching terminal whose view
// changed), session.ended.
// Failures: Fault (the client can act on it) or db::Error (it cannot).

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "modules/availability/availability.hpp"
#include "modules/directory/directory.hpp"
#include "modules/events/component.hpp"
#include "modules/events/events.hpp"
#include "modules/identity/identity.hpp"
#include "modules/profiles/profiles.hpp"

namespace whitebrick::coordination {

using availability::Connectability;

struct AccessSession {
  std::string id;  // 32 hex digits, unguessable
  std::string user, profile, terminal;
  Time opened_at;
  std::optional<profiles::ServiceRef> via;
};

struct ServiceSession {
  std::string id;
  std::string access_session_id, user, profile;
  profiles::ServiceRef service;
  Time opened_at;
};

struct WatchedContact {
  std::string profile;  // of the watcher
  std::string contact;  // normalised number
  Connectability state = Connectability::kUnknown;
};

struct ConnectedTerminal {
  std::string terminal_session_id;
  int lease_seconds = 0;
  std::vector<AccessSession> access_sessions;
  std::vector<WatchedContact> contacts;
  std::uint64_t snapshot_version = 0;  // contact.state events of a higher version are news
  std::uint64_t backlog = 0;
};

struct Ended {
  bool already = false;
  int access_sessions = 0;
  int service_sessions = 0;
};

struct Question {
  std::vector<std::string> contacts;
  std::optional<std::string> service_session_id;  // a service asks in that user's name
};

class Coordination final : public Liveness {
 public:
  struct Settings {
    std::chrono::seconds terminal_lease{90};
  };
  Coordination(Settings, identity::Identity&, directory::Directory&, profiles::Profiles&,
               availability::Availability&, events::Events&);

  // `user_token`: a portal (service) connects a user's terminal; its poll keeps it alive.
  // Connecting again keeps the sessions and answers the present state.
  // Faults: NOT_FOUND(terminalId, activate), AUTHENTICATION_FAILED(userToken), NOT_CONNECTED (portal).
  ConnectedTerminal connect_terminal(db::Session&, const Caller&, const std::optional<std::string>& user_token,
                                     const std::string& terminal, const std::vector<std::string>& profiles,
                                     std::optional<int> lease_seconds);
  // Ends its access sessions and their service sessions, one session.ended each, one cause id.
  Ended disconnect_terminal(db::Session&, const Caller&, const std::optional<std::string>& user_token,
                            const std::string& terminal);
  ConnectedTerminal activate_profile(db::Session&, const Caller&, const std::optional<std::string>& user_token,
                                     const std::string& terminal, const std::string& profile);
  Ended deactivate_profile(db::Session&, const Caller&, const std::optional<std::string>& user_token,
                           const std::string& access_session_id);
  // Faults: SESSION_ENDED, FORBIDDEN(service) (not in the session's profile), NOT_CONNECTED(service).
  ServiceSession open_service_session(db::Session&, const Caller&, const std::string& access_session_id,
                                      const profiles::ServiceRef&);
  Ended close_service_session(db::Session&, const Caller&, const std::string& id);
  std::vector<AccessSession> access_sessions(db::Session&, std::uint64_t user_id);
  std::vector<ServiceSession> service_sessions(db::Session&, const Caller&, std::optional<std::uint64_t> user_id);

  // In the order asked; the total table K1-K5. UNKNOWN is the same for hidden and missing, by the
  // same queries. Faults: INVALID_ARGUMENT(contact), FORBIDDEN, SESSION_ENDED(serviceSessionId).
  std::vector<Connectability> connectability(db::Session&, const Caller&, const Question&);

  // The queue PullEvents means for a terminal of this user, or a portal's terminals ("terminals").
  // Component subscriptions: mode.changed, profile.changed, service.unavailable, account.changed.
  void subscribe(events::ComponentWorkers&);

  void renew(db::Session&, const Caller&) override;
  bool expire(db::Pool&);  // job: terminals whose lease is over; exactly one expiry event each
  bool sweep(db::Pool&);   // job: tells what a snapshot taken too early has missed (M4)

 private:
  Settings settings_;
  identity::Identity& identity_;
  directory::Directory& directory_;
  profiles::Profiles& profiles_;
  availability::Availability& availability_;
  events::Events& events_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::chrono::steady_clock::time_point> renew_after_;
};

}  // namespace whitebrick::coordination
