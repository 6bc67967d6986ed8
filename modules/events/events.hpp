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
#include <memory>
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

// Where the events of a subscription are pushed to (wsdl/notify.wsdl).
struct PushTarget {
  std::string endpoint;
  std::optional<std::string> secret;  // key of the signature
  int max_events = 1;                 // in one Notify
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
  std::optional<int> lifetime_seconds =
      {};                               // expires so long after the last poll; absent: as it was, else never
  std::optional<int> max_pending = {};  // absent: as it was, else 100,000
  std::optional<PushTarget> push = {};  // absent: as it was
  bool pull_only = false;               // absent `push` ends the pushing
};

// A count that stands for "more than 10,000".
inline constexpr std::uint64_t kMostBacklog = 10'001;

struct Subscription {
  std::uint64_t id = 0;
  std::uint64_t queue_id = 0;
  std::string name;
  bool available = false;     // somebody transmits at least one of its types now (prefix: any that matches)
  std::uint64_t backlog = 0;  // deliveries not acknowledged yet; counted up to kMostBacklog
};

struct NewEvent {
  std::string type;
  std::string content;                  // any text or XML, returned byte-true
  std::vector<std::uint64_t> profiles;  // profile.id of the profiles it is for; empty: concerns a service
  int ttl_seconds = 7 * 86400;
  bool wait_for_terminal = true;  // with none connected, keep it for the profile's next terminal
  bool for_services = true;       // false: for the profiles' own terminals and components only (K5)
  // What the event says the state of. When a queue is full, older undelivered states of the same
  // transmitter, type and key make way for this one.
  std::string state_key = {};
  std::optional<int> respond_within_seconds = {};  // recipients are asked to answer; services only
};

struct Published {
  std::uint64_t event_id = 0;
  std::uint64_t recipients = 0;  // subscriptions told; of a service's event those of services only (K5)
  std::vector<std::uint64_t> pushed =
      {};  // subscriptions among them that are pushed to; at most 1,000 in a batch
};

enum class PushOutcome { kPending, kDelivered, kFailed };

// A push of a published event, as far as the publisher may know.
struct Push {
  std::uint64_t event_id = 0, subscription_id = 0, queue_id = 0;
  std::string service, provider, subscription;
  bool expected = false;  // the subscriber is connected and not held back after failures
  PushOutcome outcome = PushOutcome::kPending;
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
  std::vector<ProfileName> profiles;        // of its targets, those the reader may see
  unsigned attempts = 0;                    // of this delivery, this one included
  std::string terminal, user;               // recipient terminal, where a portal pulls for many
  std::uint64_t sequence = 0;               // 1, 2, 3... in its queue, given when it is first claimed
  bool replay = false;                      // delivered before, and sought again
  unsigned coalesced = 0;                   // older states that made way for this one
  std::optional<Time> respond_before = {};  // the transmitter waits for an answer until then
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

// Deliveries of a lease that were given back or kept longer.
struct Held {
  std::uint64_t count = 0;
  std::vector<std::uint64_t> lost;  // not held by this lease any more
};

struct Replayed {
  std::uint64_t count = 0;
  std::optional<std::uint64_t> next_event_id;  // there is more from this event on
};

struct DeadEvent {
  Event event;
  Time died_at;
};

struct Requeued {
  std::uint64_t count = 0;
  std::vector<std::uint64_t> not_requeued;  // not dead, or their time to live is over
};

enum class QueueState { kActive = 0, kSuspended = 1, kExpired = 2 };

// What is known of a queue besides its events, for its owner.
struct QueueInfo {
  std::uint64_t id = 0;
  std::string name;  // of the subscription; a terminal's name
  std::vector<std::string> patterns;
  std::vector<ProfileName> profiles;       // it is limited to
  std::optional<Transmitter> transmitter;  // it is limited to
  bool available = false;
  QueueState state = QueueState::kActive;
  std::optional<Time> state_since;
  std::uint64_t held = 0;  // kept back while suspended
  int max_pending = 0;
  std::optional<int> lifetime_seconds;
  std::optional<Time> expires_at, last_poll_at;
  std::uint64_t last_sequence = 0;
};

struct QueueList {
  std::vector<QueueInfo> queues;  // by name
  bool more = false;
};

struct QueueLoad {
  std::uint64_t depth = 0, leased = 0, dead = 0;        // counted up to 100,001
  std::optional<Time> oldest_at;                        // of the oldest one waiting
  std::vector<std::pair<std::string, Time>> consumers;  // and their last polls
};

struct LogQuery {
  std::optional<std::uint64_t> after_event_id = {};
  std::optional<std::string> type = {};  // exact or prefix
  std::optional<Time> since = {}, until = {};
  int max_events = 100;
  std::optional<std::uint64_t> transmitter_id = {};  // only events of this service
};

// In the order of their ids. A call looks at no more than some thousand events: with a filter
// that selects few, a page may hold less than was asked for, or nothing, while there is more.
struct LogPage {
  std::vector<Event> events;
  std::optional<std::uint64_t> last_event_id;  // searched up to here
  bool more = false;
};

enum class Outcome {
  kPending = 0,
  kAcknowledged = 1,
  kExpired = 2,
  kDead = 3,
  kUnsubscribed = 4,
  kCoalesced = 5,
  kHeldBack = 6,  // its subscription was suspended
  kLeased = 9
};

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

class EgressRules;

class Events {
 public:
  // `egress`: where subscribers may have events pushed to; by default https at public addresses.
  explicit Events(Wake&, std::shared_ptr<const EgressRules> egress = nullptr);

  // --- transmitters (13.1, 13.4, 13.5) ---------------------------------------------------
  // Declares types for a service. `live`: its service is connected now. Types with a
  // component's prefix are refused: EVENT_TYPE_RESERVED.
  void declare(db::Session&, std::uint64_t service_id, const std::vector<Declaration>&, bool live);
  int withdraw(db::Session&, std::uint64_t service_id, const std::vector<std::string>& types);
  // The service connected or went: its declarations go live or not; the first one and the
  // last one of a type tell the type's subscribers event.available / event.unavailable with `cause`. Those
  // who hear of some transmitters only are told of these, by settle().
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
  // Its expiry is put off, also after it has expired, and a suspension ends: it collects again. With
  // a new lifetime, or (absent) the old one. Answers the new expiry. Faults: NOT_FOUND(name).
  std::optional<Time> renew_subscription(db::Session&, Party, const std::string& name,
                                         std::optional<int> lifetime_seconds);
  // Of a service, or of a user's terminals that are connected, those behind this name; at most 1,000, or so
  // many that they have some 10,000 patterns.
  QueueList list_subscriptions(db::Session&, const Caller&, const std::string& after = {});
  QueueInfo queue_info(db::Session&, std::uint64_t queue_id);
  QueueLoad queue_load(db::Session&, std::uint64_t queue_id);
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
  std::uint64_t backlog(db::Session&, std::uint64_t queue_id);  // counted up to kMostBacklog

  // --- publishing (M5, M7) -------------------------------------------------------------------
  // By a service: all or none. Faults: EVENT_NOT_DECLARED, NOT_CONNECTED (of its types none is
  // live), FORBIDDEN(profile) (the profile does not subscribe to the service), QUEUE_FULL,
  // LIMIT_EXCEEDED(profile) (more than 2,000 targets in all).
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
  // An event for more than 1,000 subscriptions, or one of a batch with more than 5,000 deliveries, gets its
  // deliveries behind the publisher's transaction, about 1,000 in one, by whichever replica is quickest; what
  // the same transmitter publishes meanwhile goes behind it. True while there is more to do.
  bool fan_out(db::Pool&);
  static WaitKey fan_out_key();  // woken when there is something

  // --- pushing (13.8, 13.10) -------------------------------------------------------------------
  // What the senders (push_senders.hpp) do with what was published, for a publisher that waits.
  std::vector<Push> pushes(db::Session&, const std::vector<Published>&);
  // Fills in the outcomes as they are now.
  void look_at(db::Session&, std::vector<Push>&);
  static WaitKey push_key();                          // something may be to push
  static WaitKey pushed_key(std::uint64_t queue_id);  // outcomes of this queue have changed

  // --- asynchronous responses (13.6) -----------------------------------------------------------
  // The caller, a recipient, answers an event whose publisher asked for it; told to that by
  // event.response in its subscription kResponses. Answers the id of that event. Faults: NOT_FOUND(eventId),
  // INVALID_ARGUMENT(eventId), ALREADY_EXISTS(eventId), DEADLINE_PASSED(eventId).
  std::uint64_t respond(db::Session&, const Caller&, std::uint64_t event_id, const std::string& content);
  static constexpr const char* kResponses = "responses";
  // The queue of a service that all terminals share that it connected.
  static constexpr const char* kTerminals = "terminals";

  // --- pulling (13.9) ---------------------------------------------------------------------------
  // The newest poll of a consumer of a queue wins: takes the next epoch, wakes the older poll and
  // puts off the queue's expiry. Consumers share a queue without knowing of each other.
  // Faults: LIMIT_EXCEEDED(consumer), more than 1,000 of them.
  std::uint64_t begin_poll(db::Session&, std::uint64_t queue_id, const std::string& consumer = {});
  bool superseded(db::Session&, std::uint64_t queue_id, std::uint64_t epoch,
                  const std::string& consumer = {});
  Acknowledged acknowledge(db::Session&, std::uint64_t queue_id, const std::string& token,
                           const std::vector<std::uint64_t>& event_ids);
  // In the order of event ids, each with its dense number in the queue. What was handed out twice
  // goes alone, and after ten times to the dead list.
  Batch claim(db::Session&, std::uint64_t queue_id, int max_events, int lease_seconds);
  // Gives leased events back, to be ready in `delay_seconds`; the attempt counts. No ids: all of the
  // lease. Faults: INVALID_ARGUMENT(leaseToken).
  Held release(db::Session&, std::uint64_t queue_id, const std::string& token,
               const std::vector<std::uint64_t>& event_ids, int delay_seconds);
  // The lease of these ends `lease_seconds` from now. Faults: INVALID_ARGUMENT(leaseToken),
  // LEASE_LOST(leaseToken) when none of them is held any more.
  Held extend_lease(db::Session&, std::uint64_t queue_id, const std::string& token,
                    const std::vector<std::uint64_t>& event_ids, int lease_seconds);
  // Delivers again what is in the log and went to this queue's subscriptions: from an event, or a
  // time on; at most 1,000 at once. Ends a suspension, whose events come for the first time.
  // Faults: QUEUE_FULL.
  Replayed seek(db::Session&, std::uint64_t queue_id, std::uint64_t from_event_id);
  Replayed seek(db::Session&, std::uint64_t queue_id, Time since);
  std::vector<DeadEvent> dead_events(db::Session&, std::uint64_t queue_id, std::uint64_t after_event_id,
                                     int max_events);
  // Back to the queue as if never handed out; no ids: up to 1,000.
  Requeued requeue(db::Session&, std::uint64_t queue_id, const std::vector<std::uint64_t>& event_ids);
  static WaitKey wait_key(std::uint64_t queue_id);  // "queue:<id>"
  // Woken when the poll of that epoch begins; the one before it waits for it. Not the queue's
  // key, so that a poll does not wake itself.
  static WaitKey poll_key(std::uint64_t queue_id, std::uint64_t epoch,
                          const std::string& consumer = {});  // "poll:<id>:<consumer>:<epoch>"

  // --- upkeep: jobs, one replica each period; true while there is more to do ----------------
  // Hands what waits to terminals that connected while it was published or settled, and settles what is
  // left of subscriptions that ended or moved, also what was published meanwhile. A piece of each; every
  // second or so, and when woken.
  bool sweep_waiting(db::Pool&);
  static WaitKey waiting_key();  // woken when more is left than one transaction should write
  // Deliveries of events past their time to live go to the history as expired, those that failed
  // too often to the dead list, and states make way in queues that are full. All of it, every minute or so.
  void expire(db::Pool&);
  // Subscriptions that nobody polled for their lifetime collect no more: subscription.expired is
  // their last event; a day later they end. Not while leases have an outage credit.
  bool expire_subscriptions(db::Pool&);
  // Events older than this, with all that tells of them; never before their time to live is over
  // and somebody had a day to see that. In pieces; true while there is more.
  bool forget_old(db::Pool&, int retention_days);

  // Tells of event types that flapped what is true now, those who hear of some transmitters only what has
  // become of them, and the publishers whose events nobody answered (event.no_response), each once. Every
  // second.
  bool settle(db::Pool&);

  // --- log (13.7) ----------------------------------------------------------------------------------
  // Visible to the transmitter, recipients and administrators only; others see nothing.
  LogPage log(db::Session&, const Caller&, const LogQuery&);
  // Faults: NOT_FOUND (also: not visible).
  DeliveryReport deliveries(db::Session&, const Caller&, std::uint64_t event_id);

 private:
  void recount_and_tell(db::Session&, std::uint64_t service_id, const std::vector<std::string>& types,
                        const std::string& cause);
  std::size_t tell_availability(db::Session&, const std::string& type, std::uint64_t live,
                                const std::string& cause, std::size_t deliveries_before = 0);
  // A notice about a type to its subscribers, many of them by and by, or all when there were many in the
  // transaction before. Answers how many were told in it.
  std::size_t publish_about(db::Session&, const NewEvent&, const std::vector<std::uint64_t>& subscription_ids,
                            const std::string& type, std::size_t deliveries_before);
  // A subscriber has connected: what waits is pushed at once, whatever happened before.
  void retry_pushes(db::Session&, std::uint64_t service_id);
  void ask_for_response(db::Session&, std::uint64_t service_id, std::uint64_t event_id, int within_seconds);

  Wake& wake_;
  std::shared_ptr<const EgressRules> egress_;
};

// True when `type` begins with the prefix of a server component (contact., mode., ...).
bool is_reserved(const std::string& type);
// "call.incoming" -> {"call.incoming", "call.*", "*"}: the patterns that match a type.
std::vector<std::string> matching_patterns(const std::string& type);

}  // namespace whitebrick::events
