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
#include <memory>
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

class ContactStates;  // contact_states.hpp
class Ending;         // ending.hpp

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
  std::uint64_t snapshot_version = 0;  // contact.state events with a higher event id are news
  std::uint64_t backlog = 0;
};

struct Ended {
  bool already = false;
  int access_sessions = 0;
  int service_sessions = 0;
};

struct Question {
  std::vector<std::string> contacts;
  std::optional<std::string> access_session_id;   // a user asks from this session of his
  std::optional<std::string> service_session_id;  // a service asks in that user's name
};

class Coordination final : public Liveness {
 public:
  struct Settings {
    std::chrono::seconds terminal_lease{90};
  };
  Coordination(Settings, identity::Identity&, directory::Directory&, profiles::Profiles&,
               availability::Availability&, events::Events&);
  ~Coordination() override;

  // `user_token`: a portal (service) connects a user's terminal; its poll keeps it alive.
  // Connecting again keeps the sessions and answers the present state.
  // Faults: NOT_FOUND(terminalId, activate), AUTHENTICATION_FAILED(userToken), NOT_CONNECTED (portal),
  // INVALID_ARGUMENT(userToken) (a portal must show one, a user must not).
  ConnectedTerminal connect_terminal(db::Session&, const Caller&,
                                     const std::optional<std::string>& user_token,
                                     const std::string& terminal, const std::vector<std::string>& profiles,
                                     std::optional<int> lease_seconds);
  // Ends its access sessions and their service sessions, one session.ended each, one cause id.
  Ended disconnect_terminal(db::Session&, const Caller&, const std::optional<std::string>& user_token,
                            const std::string& terminal);
  // Answers that session and its contacts. Faults also: NOT_FOUND(profileId), NOT_CONNECTED(terminalId).
  ConnectedTerminal activate_profile(db::Session&, const Caller&,
                                     const std::optional<std::string>& user_token,
                                     const std::string& terminal, const std::string& profile);
  // A session that is over already: `already`. Faults: NOT_FOUND(accessSessionId) (somebody else's).
  Ended deactivate_profile(db::Session&, const Caller&, const std::optional<std::string>& user_token,
                           const std::string& access_session_id);
  // Opening one that is open answers it. Faults: SESSION_ENDED, NOT_FOUND(accessSessionId) (somebody
  // else's), NOT_FOUND(service), FORBIDDEN(service) (not in the session's profile), NOT_CONNECTED(service).
  ServiceSession open_service_session(db::Session&, const Caller&, const std::string& access_session_id,
                                      const profiles::ServiceRef&);
  // By its user or its service. Faults: NOT_FOUND(serviceSessionId) (somebody else's).
  Ended close_service_session(db::Session&, const Caller&, const std::string& id);
  std::vector<AccessSession> access_sessions(db::Session&, std::uint64_t user_id);
  std::vector<ServiceSession> service_sessions(db::Session&, const Caller&,
                                               std::optional<std::uint64_t> user_id);

  // In the order asked; the total table K1-K5. UNKNOWN is the same for hidden and missing, by the
  // same queries. Faults: INVALID_ARGUMENT(contact), FORBIDDEN(serviceSessionId) (not a
  // service), SESSION_ENDED(accessSessionId, serviceSessionId) (also: somebody else's).
  std::vector<Connectability> connectability(db::Session&, const Caller&, const Question&);

  // Component subscriptions: mode.changed, profile.changed, session.changed and session.refresh (of
  // its own, internal), service.unavailable, account.changed.
  void subscribe(events::ComponentWorkers&);

  std::optional<std::chrono::milliseconds> renew(db::Session&, const Caller&) override;
  // Job: terminals whose lease is over and whatever hangs on a service that is gone; exactly one
  // session.ended each.
  bool expire(db::Pool&);
  bool sweep(db::Pool&);  // job: tells what a snapshot taken too early has missed (M4)

 private:
  // In whose name a terminal is spoken for.
  struct Subject {
    std::uint64_t user_id = 0, account_id = 0, token_id = 0;
    std::optional<std::uint64_t> via_service_id;
  };
  struct TerminalSession;

  Subject subject(db::Session&, const Caller&, const std::optional<std::string>& user_token);
  TerminalSession bind_terminal(db::Session&, const Subject&, std::uint64_t terminal_id, int lease_seconds);
  void move_subscriptions(db::Session&, const TerminalSession&);
  void open_profiles(db::Session&, const TerminalSession&, const std::vector<profiles::ProfileKey>&);
  // With the snapshot of the contacts; of one profile or of all that are active at the terminal.
  ConnectedTerminal answer(db::Session&, const TerminalSession&, std::optional<std::uint64_t> profile_id);

  static bool renewed(db::Session&, std::uint64_t terminal_session_id);
  void forget_leases(std::uint64_t account_id, std::uint64_t token_id);

  void heard(db::Session&, const events::Event&);
  void profile_changed(db::Session&, const profiles::Change&);
  void end_terminals_of_account(db::Session&, const std::string& account);
  struct Hanging;
  Hanging find_hanging(db::Session&);
  void end_some_with_gone_services(db::Session&);

  Settings settings_;
  identity::Identity& identity_;
  directory::Directory& directory_;
  profiles::Profiles& profiles_;
  availability::Availability& availability_;
  events::Events& events_;
  std::unique_ptr<ContactStates> contact_states_;
  std::unique_ptr<Ending> ending_;

  // What this replica knows of the leases of a token's terminals.
  struct KnownLease {
    std::chrono::steady_clock::time_point look_again;
    std::optional<std::chrono::steady_clock::time_point> end;  // of the one that ends first
  };
  std::mutex mutex_;
  std::map<std::uint64_t, KnownLease> known_leases_;
};

}  // namespace whitebrick::coordination
