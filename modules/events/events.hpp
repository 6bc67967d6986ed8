#pragma once
// Event notification (patent 13): transmitters, subscriptions, a durable log with an
// indicator per recipient, and a pull queue with leases and acknowledgements.
//
// The only header of this module that others may include. Knows no SOAP. All state is
// in the database; one object may be used from many threads. Every method runs in
// the caller's transaction (or autocommit for reads), so that a fact and its event are
// stored together or not at all.
//
// Delivery is at least once: each (event, subscription) is one row until it is
// acknowledged, then a history row. Nothing is dropped silently.
// Failures: Fault (the client can act on it) or db::Error (it cannot).

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "server/caller.hpp"
#include "server/wait.hpp"

namespace whitebrick::events {

enum class PartyKind { kService = 1, kTerminal = 2, kComponent = 3 };

// Who owns a queue or subscription: a service (account id), a terminal (terminal id) or a
// server component (id 0, told apart by the queue's name).
struct Party {
  PartyKind kind = PartyKind::kService;
  std::uint64_t id = 0;
};

struct Declaration {
  std::string type;
  std::optional<std::string> description;
};

struct SubscriptionRequest {
  std::string name;
  std::vector<std::string> patterns;            // "call.incoming", "call.*", "*"
  std::optional<std::uint64_t> profile_id;      // only events for this profile
  std::optional<std::uint64_t> transmitter_id;  // only events of this service
};

struct Subscription {
  std::uint64_t id = 0;
  std::uint64_t queue_id = 0;
  std::string name;
  bool available = false;     // somebody transmits at least one of its types now (prefix: any that matches)
  std::uint64_t backlog = 0;  // deliveries not acknowledged yet
};

struct NewEvent {
  std::string type;
  std::string content;                  // any text or XML, returned byte-true
  std::vector<std::uint64_t> profiles;  // profile.id of the profiles it is for; empty: concerns a service
  int ttl_seconds = 7 * 86400;
  bool wait_for_terminal = true;  // with none connected, keep it for the profile's next terminal
};

struct Published {
  std::uint64_t event_id = 0;
  std::uint64_t recipients = 0;
};

struct Transmitter {
  std::uint64_t service_id = 0;  // 0: a component
  std::string service, provider, component;
};

struct ProfileName {
  std::string user, profile;  // wire ids
};

struct Event {
  std::uint64_t id = 0;
  std::string type, content;
  Time published_at;
  Transmitter transmitter;
  std::vector<ProfileName> profiles;  // of its targets, those the reader may see
  unsigned attempts = 0;              // of this delivery, this one included
  std::string terminal, user;         // recipient terminal, where a portal pulls for many
};

struct PullRequest {
  int max_events = 100;
  int lease_seconds = 30;
  std::string ack_token;                     // hex, of the last batch; empty: none
  std::vector<std::uint64_t> ack_event_ids;  // empty with a token: all of that batch
};

struct Acknowledged {
  std::uint64_t count = 0;
  std::vector<std::uint64_t> lost;  // somebody else holds them now
};

struct Batch {
  std::vector<Event> events;
  std::string lease_token;  // hex; empty when there are no events
};

struct LogQuery {
  std::optional<std::uint64_t> after_event_id = {};
  std::optional<std::string> type = {};  // exact or prefix
  std::optional<Time> since = {}, until = {};
  int max_events = 100;
};

enum class Outcome { kPending = 0, kAcknowledged = 1, kExpired = 2, kUnsubscribed = 4, kLeased = 9 };

struct Delivery {
  PartyKind recipient_kind = PartyKind::kService;
  std::string recipient;  // "name/provider", "user/terminal" or the component's name
  std::string subscription;
  bool notified = false;
  unsigned attempts = 0;
  std::optional<Time> at;  // of the outcome
  Outcome outcome = Outcome::kPending;
};

struct DeliveryReport {
  std::vector<Delivery> deliveries;
  std::vector<std::pair<ProfileName, bool>> profiles;  // notified: one of its terminals acknowledged
};

// An event handed to a component, inside the transaction that also acknowledges it.
using ComponentEvent = std::function<void(db::Session&, const Event&)>;

class Events {
 public:
  explicit Events(Wake&);

  // --- transmitters (13.1, 13.4, 13.5) ---------------------------------------------------
  // Declares types for a service. `live`: its service is connected now. Types with a
  // component's prefix are refused: EVENT_TYPE_RESERVED.
  void declare(db::Session&, std::uint64_t service_id, const std::vector<Declaration>&, bool live);
  int withdraw(db::Session&, std::uint64_t service_id, const std::vector<std::string>& types);
  // The service connected or went: its declarations go live or not; the first one and the
  // last one of a type tell the type's subscribers event.available / event.unavailable with `cause`.
  void transmitter_connected(db::Session&, std::uint64_t service_id);
  void transmitter_gone(db::Session&, std::uint64_t service_id, const std::string& cause);
  std::vector<std::string> live_types(db::Session&, std::uint64_t service_id);
  // The same for many services, by one query.
  std::map<std::uint64_t, std::vector<std::string>> live_types(db::Session&,
                                                               const std::vector<std::uint64_t>& service_ids);

  // --- subscriptions (13.2) -----------------------------------------------------------------
  // Creates or replaces the party's subscription of that name, with a queue of its own.
  Subscription subscribe(db::Session&, Party, const SubscriptionRequest&);
  // A terminal's for one profile, into the queue `queue_id` (its own, or its portal's); moves
  // what waited for the profile's next terminal into it.
  Subscription subscribe_terminal(db::Session&, std::uint64_t terminal_id, std::uint64_t queue_id,
                                  std::uint64_t profile_id, const std::vector<std::string>& patterns);
  bool unsubscribe(db::Session&, Party, const std::string& name);
  // A user's choice of what reaches his connected terminal, for one of its profiles or all;
  // no pattern: nothing but contact states. Faults: NOT_CONNECTED(name).
  Subscription select_terminal_events(db::Session&, std::uint64_t terminal_id,
                                      std::optional<std::uint64_t> profile_id,
                                      const std::vector<std::string>& patterns);
  // Ends a terminal's subscription; what no terminal of the profile has acknowledged and may
  // wait goes back to waiting for the next one.
  void unsubscribe_terminal(db::Session&, std::uint64_t subscription_id);
  // All of a party's subscriptions, queues and declarations (deregistration).
  void forget(db::Session&, Party);
  // The queue of a party by name ("" = the default one), created when missing.
  std::uint64_t open_queue(db::Session&, Party, const std::string& name);
  std::optional<std::uint64_t> find_queue(db::Session&, Party, const std::string& name);
  std::uint64_t backlog(db::Session&, std::uint64_t queue_id);

  // --- publishing (M5, M7) -------------------------------------------------------------------
  // By a service: all or none. Faults: EVENT_NOT_DECLARED, NOT_CONNECTED (of its types none is
  // live), FORBIDDEN(profile) (the profile does not subscribe to the service), QUEUE_FULL.
  std::vector<Published> publish(db::Session&, const Caller& service, const std::vector<NewEvent>&);
  // By a server component; never refused. Reaches component subscribers, services and terminals
  // like any event.
  Published publish(db::Session&, const std::string& component, const NewEvent&);
  // Those of these services that cover the type, for publish_to(); not those for one profile only, but
  // for this one.
  std::vector<std::uint64_t> subscriptions_for(db::Session&, const std::vector<std::uint64_t>& service_ids,
                                              const std::string& type,
                                              std::optional<std::uint64_t> profile_id = std::nullopt);
  // By a component to these subscriptions only (contact.state is computed per watcher).
  Published publish_to(db::Session&, const std::string& component, const NewEvent&,
                       std::span<const std::uint64_t> subscription_ids);

  // --- pulling (13.9) ---------------------------------------------------------------------------
  // The newest poll of a queue wins: takes the next epoch and wakes the older poll.
  std::uint64_t begin_poll(db::Session&, std::uint64_t queue_id);
  bool superseded(db::Session&, std::uint64_t queue_id, std::uint64_t epoch);
  Acknowledged acknowledge(db::Session&, std::uint64_t queue_id, const std::string& token,
                           const std::vector<std::uint64_t>& event_ids);
  Batch claim(db::Session&, std::uint64_t queue_id, int max_events, int lease_seconds);
  static WaitKey wait_key(std::uint64_t queue_id);  // "queue:<id>"
  // Woken when the poll of that epoch begins; the one before it waits for it. Not the queue's
  // key, so that a poll does not wake itself.
  static WaitKey poll_key(std::uint64_t queue_id, std::uint64_t epoch);  // "poll:<id>:<epoch>"

  // --- upkeep: jobs, one replica each period; true while there is more to do ----------------
  // Hands what waits to terminals that connected while it was published, and settles what was
  // published while a subscription ended. Every 2 s or so.
  bool sweep_waiting(db::Pool&);
  // Deliveries of events past their time to live go to the history as expired. Every minute or so.
  bool expire(db::Pool&);

  // --- log (13.7) ----------------------------------------------------------------------------------
  // Visible to the transmitter, recipients and administrators only; others see nothing.
  std::vector<Event> log(db::Session&, const Caller&, const LogQuery&);
  // Faults: NOT_FOUND (also: not visible).
  DeliveryReport deliveries(db::Session&, const Caller&, std::uint64_t event_id);

 private:
  Wake& wake_;
};

// True when `type` begins with the prefix of a server component (contact., mode., ...).
bool is_reserved(const std::string& type);
// "call.incoming" -> {"call.incoming", "call.*", "*"}: the patterns that match a type.
std::vector<std::string> matching_patterns(const std::string& type);

}  // namespace whitebrick::events
