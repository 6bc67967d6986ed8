#pragma once
// Coordination (patent 11, functions 21-24): who is connected from where, with which
// profile, using which service, and who can be reached now.
//
// The only header of this module that others may include. Knows no SOAP. A session row holds no
// replica: any replica serves any call, a dead replica ends nothing.
// Publishes (component "coordination"): contact.state (to each watching terminal whose view
// changed), session.ended; what calls.hpp, urgent.hpp and contact_alerts.hpp say.
// Failures: Fault (the client can act on it) or db::Error (it cannot).

#include <chrono>
#include <cstdint>
#include <memory>
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
#include "server/known_leases.hpp"
#include "server/row_failures.hpp"

namespace whitebrick::coordination {

using availability::Connectability;

class Calls;           // calls.hpp
class ContactAlerts;   // contact_alerts.hpp
class ContactStates;   // contact_states.hpp
class Contexts;        // contexts.hpp
class Ending;          // ending.hpp
class UrgentMessages;  // urgent.hpp

struct AccessSession {
  std::string id;  // 32 hex digits, unguessable
  std::string user, profile, terminal;
  Time opened_at;
  std::optional<profiles::ServiceRef> via;
  bool rings = false;  // calls for the profile ring here and at none of its other terminals
};

// A service session by means of which another one is used.
struct Means {
  std::string service_session_id;
  profiles::ServiceRef service;
};

struct ServiceSession {
  std::string id;
  std::string access_session_id, user, profile;
  profiles::ServiceRef service;
  Time opened_at;
  std::vector<Means> chain = {};  // the nearest first
  std::vector<profiles::Parameter> parameters = {};
};

struct ServiceSessions {
  std::vector<ServiceSession> sessions;  // the oldest first
  bool more = false;                     // than are answered at once
};

struct OpenService {
  std::string access_session_id;
  profiles::ServiceRef service;
  std::optional<std::string> via_service_session;
};

struct AccessSessionChange {
  std::string access_session_id;
  std::optional<std::string> profile;
  std::optional<bool> rings;
};

// A parameter without a value is removed.
struct ParameterChange {
  std::string name;
  std::optional<std::string> value;
};
struct ServiceSessionChange {
  std::string service_session_id;
  std::optional<std::string> access_session_id;  // it goes there
  std::vector<ParameterChange> parameters;
};

// How a contact can be reached now, as far as the asker may know.
struct Reach {
  Connectability state = Connectability::kUnknown;
  availability::Offers offers = 0;
  friend auto operator<=>(const Reach&, const Reach&) = default;
};
Reach reach_of(const availability::View&);

struct WatchedContact {
  std::string profile;  // of the watcher
  std::string contact;  // normalised number
  Reach reach = {};
  std::optional<std::string> display_name = {};  // of the contact, for who may see his state
};

struct ConnectedTerminal {
  std::string terminal_session_id;
  int lease_seconds = 0;
  std::vector<AccessSession> access_sessions;
  std::vector<WatchedContact> contacts;
  std::uint64_t snapshot_version = 0;  // contact.state events with a higher event id are news, no others
  std::uint64_t backlog = 0;
};

// Where the states of a profile's contacts are read: with a session of the caller there is
// something to wait for.
struct StatesPlace {
  profiles::ProfileKey profile;
  std::optional<std::uint64_t> access_session_id;
};
struct ContactDelta {
  std::uint64_t version = 0;  // to ask with the next time; 0: there is no session
  bool complete = false;      // all contacts; else those told since
  std::vector<WatchedContact> contacts;
};

// Why an asker sees a profile as he does.
enum class Decision {
  kNoNumber,
  kRefusedList,
  kPolicyAsk,
  kPolicyClosed,
  kMode,
  kDefaultState,
  kNoSession,
  kSession
};
enum class Right { kOwner, kAuthorisedList, kGrant, kPolicyOpen, kNone };
struct Explanation {
  Connectability state = Connectability::kUnknown;
  Decision decision = Decision::kDefaultState;
  Right right = Right::kNone;
  availability::ModeState mode_state = availability::ModeState::kAvailable;
  bool by_mode = false;                // a mode or level covers the asker; else the profile's default state
  std::optional<std::string> mode;     // that one
  bool by_rule = false;                // it is active by rules
  std::vector<std::string> outranked;  // modes that cover him too, best first
  std::optional<std::uint64_t> grant;  // id of the live one
  availability::Offers offers = 0;     // to the asker
  std::optional<Time> next_change;     // if nobody does anything, within seven days
  std::vector<std::string> terminals;  // connected for the profile
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
               availability::Availability&, events::Events&, Wake&);
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
  // Its profile (service sessions end where the new one lacks their service or one of their chain), and
  // where calls for the profile ring. Faults: SESSION_ENDED, NOT_FOUND(accessSessionId, profileId),
  // ALREADY_EXISTS(profileId) (active at the terminal).
  ConnectedTerminal modify_access_session(db::Session&, const Caller&,
                                          const std::optional<std::string>& user_token,
                                          const AccessSessionChange&);
  // Opening one that is open answers it. By the user; by means of another one also by that one's
  // service: each service of the chain is subscribed in the profile and connected. Faults:
  // SESSION_ENDED, NOT_FOUND(accessSessionId, viaServiceSessionId) (somebody else's), NOT_FOUND(service),
  // FORBIDDEN(service) (not in the session's profile), FORBIDDEN(viaServiceSessionId) (a service
  // without one, or a service of the chain is not in the profile), NOT_CONNECTED(service,
  // viaServiceSessionId), ALREADY_EXISTS(viaServiceSessionId) (open by other means),
  // LIMIT_EXCEEDED(viaServiceSessionId).
  ServiceSession open_service_session(db::Session&, const Caller&, const OpenService&);
  // Parameters by its user or its service; moved by its user. Faults: SESSION_ENDED,
  // NOT_FOUND(serviceSessionId, accessSessionId) (somebody else's), FORBIDDEN(accessSessionId) (a service, or
  // it or a service of its chain is not subscribed there), ALREADY_EXISTS(accessSessionId) (open there),
  // LIMIT_EXCEEDED(parameter).
  ServiceSession modify_service_session(db::Session&, const Caller&, const ServiceSessionChange&);
  // By its user or its service; with those that are used by means of it. Faults:
  // NOT_FOUND(serviceSessionId) (somebody else's).
  Ended close_service_session(db::Session&, const Caller&, const std::string& id);
  // The oldest first, 1,001 where there are more than 1,000.
  std::vector<AccessSession> access_sessions(db::Session&, std::uint64_t user_id);
  // At most check::kMaxItems, with parameters of at most check::kMaxAnswer.
  ServiceSessions service_sessions(db::Session&, const Caller&, std::optional<std::uint64_t> user_id);

  // In the order asked; the total table K1-K5. UNKNOWN is the same for hidden and missing, by the
  // same queries. Faults: INVALID_ARGUMENT(contact), FORBIDDEN(serviceSessionId) (not a
  // service), SESSION_ENDED(accessSessionId, serviceSessionId) (also: somebody else's). A grant for
  // once is used up where it decides.
  std::vector<Reach> connectability(db::Session&, const Caller&, const Question&);

  // M4 by polling. First where, so that states_key() is watched before the look. Faults:
  // NOT_FOUND(profileId), and those of a portal's user token.
  StatesPlace states_place(db::Session&, const Caller&, const std::optional<std::string>& user_token,
                           const std::string& profile, std::uint64_t since);
  ContactDelta contact_states(db::Session&, const StatesPlace&, std::uint64_t since);
  static WaitKey states_key(std::uint64_t access_session_id);  // "states:<id>"

  // How the holder of `asker` sees the profile, and what decided it; for the owner (the caller was
  // resolved to be him or an administrator). No asker: the owner himself. Faults:
  // INVALID_ARGUMENT(asker).
  Explanation explain(db::Session&, const profiles::ProfileKey& owner,
                      const std::optional<std::string>& asker);

  // As availability::Availability::acting_profile().
  profiles::ProfileKey acting_profile(db::Session& db, const Caller& caller,
                                      const std::optional<std::string>& service_session,
                                      const std::optional<std::string>& profile) {
    return availability_.acting_profile(db, caller, service_session, profile);
  }

  Contexts& contexts() { return *contexts_; }

  Calls& calls() { return *calls_; }
  UrgentMessages& urgent_messages() { return *urgent_messages_; }
  ContactAlerts& contact_alerts() { return *contact_alerts_; }

  // Component subscriptions: mode.changed, profile.changed, profile.deleted, profile.service_removed,
  // profile.terminal_deleted, session.changed and session.refresh (of its own, internal),
  // service.unavailable, account.changed.
  void subscribe(events::ComponentWorkers&);

  std::optional<std::chrono::milliseconds> renew(db::Session&, const Caller&) override;
  // Job: terminals whose lease is over and whatever hangs on a service that is gone; exactly one
  // session.ended each. Contexts of users without a session.
  bool expire(db::Pool&);
  // Job: what has lost its ground. Terminals, connected directly or by a portal, whose user has logged out
  // or whose token or password is void; and whatever was being opened while its profile, terminal or
  // subscribed service went (what was open then has ended at once).
  bool end_void(db::Pool&);
  std::uint64_t expiry_failures() const { return expiry_failures_.count(); }
  bool expire_calls(db::Pool&);          // job, calls.hpp
  bool repeat_urgent(db::Pool&);         // job, urgent.hpp
  bool check_contact_alerts(db::Pool&);  // job, contact_alerts.hpp
  bool sweep(db::Pool&);                 // job: tells what a snapshot taken too early has missed (M4)

 private:
  // In whose name a terminal is spoken for.
  struct Subject {
    std::uint64_t user_id = 0, account_id = 0, token_id = 0, account_version = 0;
    std::optional<std::uint64_t> via_service_id;
  };
  struct TerminalSession;

  Subject subject(db::Session&, const Caller&, const std::optional<std::string>& user_token);
  TerminalSession bind_terminal(db::Session&, const Subject&, std::uint64_t terminal_id, int lease_seconds);
  void move_subscriptions(db::Session&, const TerminalSession&);
  void open_profiles(db::Session&, const TerminalSession&, const std::vector<profiles::ProfileKey>&);
  // With the snapshot of the contacts; of one profile or of all that are active at the terminal.
  ConnectedTerminal answer(db::Session&, const TerminalSession&, std::optional<std::uint64_t> profile_id);
  void go_on_with(db::Session&, const TerminalSession&, std::uint64_t session_id,
                  std::uint64_t subscription_id, const profiles::ProfileKey&);
  std::uint64_t means(db::Session&, const Caller&, const std::string& public_id, std::uint64_t profile_id);
  bool subscribes_to_chain(db::Session&, std::uint64_t profile_id, std::uint64_t service_session_id);

  static bool renewed(db::Session&, std::uint64_t terminal_session_id);
  static std::uint64_t lease_key(std::uint64_t account_id, std::uint64_t token_id);
  template <class Row, class End>
  bool end_each(db::Lease&, const std::vector<Row>&, End&&);

  void heard(db::Session&, const events::Event&);
  void profile_changed(db::Session&, const profiles::Change&);
  void removed(db::Session&, const events::Event&);
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
  std::unique_ptr<Calls> calls_;
  std::unique_ptr<UrgentMessages> urgent_messages_;
  std::unique_ptr<ContactAlerts> contact_alerts_;
  std::unique_ptr<ContactStates> contact_states_;
  std::unique_ptr<Contexts> contexts_;
  std::unique_ptr<Ending> ending_;

  KnownLeases leases_;  // of a token's terminals: the one that ends first
  RowFailures expiry_failures_{"session.expiry_failed"};
};

}  // namespace whitebrick::coordination
