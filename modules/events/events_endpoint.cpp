#include "modules/events/events_endpoint.hpp"

#include <algorithm>
#include <any>
#include <chrono>
#include <memory>
#include <set>

#include "events_soapEventsService.h"
#include "modules/events/events.hpp"
#include "modules/events/answers_endpoint.hpp"
#include "modules/events/parties.hpp"
#include "modules/events/pull_batches.hpp"
#include "modules/events/queue_endpoint.hpp"
#include "server/fault.hpp"
#include "server/operation.hpp"
#include "server/soap_optional.hpp"

namespace whitebrick::events {
namespace {

using namespace events_soap;
using Ids = std::vector<std::uint64_t>;

constexpr int kDefaultWait = 20;
constexpr int kDefaultLease = 30;
constexpr int kDefaultEvents = 100;

ev__PartyKind kind_to_wire(PartyKind kind) {
  switch (kind) {
    case PartyKind::kTerminal:
      return ev__PartyKind::TERMINAL;
    case PartyKind::kComponent:
      return ev__PartyKind::COMPONENT;
    case PartyKind::kService:
      break;
  }
  return ev__PartyKind::SERVICE;
}

ev__Outcome outcome_to_wire(Outcome outcome) {
  switch (outcome) {
    case Outcome::kLeased:
      return ev__Outcome::LEASED;
    case Outcome::kAcknowledged:
      return ev__Outcome::ACKNOWLEDGED;
    case Outcome::kExpired:
      return ev__Outcome::EXPIRED;
    case Outcome::kDead:
      return ev__Outcome::DEAD;
    case Outcome::kCoalesced:
      return ev__Outcome::COALESCED;
    case Outcome::kHeldBack:
      return ev__Outcome::HELD_BACK;
    case Outcome::kUnsubscribed:
      return ev__Outcome::UNSUBSCRIBED;
    case Outcome::kPending:
      break;
  }
  return ev__Outcome::PENDING;
}

c__Subscription* subscription_to_wire(struct soap* soap, const Subscription& subscription,
                                      const std::string& name) {
  c__Subscription* out = soap_new_c__Subscription(soap);
  out->name = name;
  out->available = subscription.available;
  out->backlog = static_cast<LONG64>(subscription.backlog);
  return out;
}

Ids ids_of(const std::vector<LONG64>& in) { return {in.begin(), in.end()}; }

std::vector<LONG64> ids_to_wire(const Ids& ids) { return {ids.begin(), ids.end()}; }

ProfileReference reference_of(const c__ProfileRef& in) { return {given(in.userId), in.profileId}; }

// All targets of a batch are looked up together.
std::vector<NewEvent> events_of(db::Session& db, const std::vector<ev__NewEvent*>& in) {
  std::vector<ProfileReference> references;
  for (const ev__NewEvent* item : in) {
    for (const c__ProfileRef* profile : item->profile) references.push_back(reference_of(*profile));
  }
  const Ids profiles = targets_of_service(db, references);
  std::vector<NewEvent> events;
  auto next = profiles.begin();
  for (const ev__NewEvent* item : in) {
    NewEvent event;
    event.type = item->type;
    event.content = item->content;
    const auto end = next + static_cast<std::ptrdiff_t>(item->profile.size());
    event.profiles.assign(next, end);
    next = end;
    event.ttl_seconds = given(item->ttlSeconds).value_or(event.ttl_seconds);
    event.state_key = given(item->stateKey).value_or("");
    event.respond_within_seconds = given(item->responseWithinSeconds);
    events.push_back(std::move(event));
  }
  return events;
}

// What a pull keeps from its first run, which is committed before it parks.
struct PullMemory {
  std::uint64_t queue_id = 0;
  std::uint64_t epoch = 0;
  int wait_seconds = 0;  // granted
  Acknowledged acknowledged;
  std::shared_ptr<ParkedPull> parked;  // a terminal's; nothing: this poll goes alone
};

// What a publisher keeps while its events are pushed.
struct PublishMemory {
  std::vector<Published> published;
  std::vector<Push> pushes;  // in the order of `published`
};

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kPushWait{1000};

bool is_awaited(const std::vector<Push>& pushes) {
  return std::any_of(pushes.begin(), pushes.end(),
                     [](const Push& push) { return push.expected && push.outcome == PushOutcome::kPending; });
}

ev__PushOutcome push_outcome_to_wire(PushOutcome outcome) {
  switch (outcome) {
    case PushOutcome::kDelivered:
      return ev__PushOutcome::DELIVERED;
    case PushOutcome::kFailed:
      return ev__PushOutcome::FAILED;
    case PushOutcome::kPending:
      break;
  }
  return ev__PushOutcome::PENDING;
}

class EventsEndpoint final : public EventsService {
 public:
  EventsEndpoint(struct soap* s, Guard& guard, Events& events, PullBatches& batches)
      : EventsService(s), guard_(guard), events_(events), batches_(batches) {}
  EventsService* copy() override { return nullptr; }

  int DeclareEvents(_ev__DeclareEvents* in, _ev__DeclareEventsResponse& out) override {
    return guard_.operation("DeclareEvents", *in, out, [&](Operation& op) {
      std::vector<Declaration> declarations;
      for (const c__EventDeclaration* item : in->declare)
        declarations.push_back({item->type, given(item->description)});
      events_.declare(op.db, op.caller.account_id, declarations, is_connected(op.db, op.caller));
      out.declared = static_cast<int>(declarations.size());
    });
  }

  int WithdrawEvents(_ev__WithdrawEvents* in, _ev__WithdrawEventsResponse& out) override {
    return guard_.operation("WithdrawEvents", *in, out, [&](Operation& op) {
      out.withdrawn = events_.withdraw(op.db, op.caller.account_id, in->type);
    });
  }

  int Subscribe(_ev__Subscribe* in, _ev__SubscribeResponse& out) override {
    return guard_.operation("Subscribe", *in, out, [&](Operation& op) {
      out.subscription = subscription_to_wire(soap, subscribe(op, *in), in->name);
    });
  }

  int Unsubscribe(_ev__Unsubscribe* in, _ev__UnsubscribeResponse& out) override {
    return guard_.operation("Unsubscribe", *in, out, [&](Operation& op) {
      if (op.caller.role == Role::kUser) {
        events_.select_terminal_events(op.db, own_terminal(op.db, op.caller, in->name), {}, {});
        out.existed = true;
      } else {
        out.existed = events_.unsubscribe(op.db, {PartyKind::kService, op.caller.account_id}, in->name);
      }
    });
  }

  int PublishEvents(_ev__PublishEvents* in, _ev__PublishEventsResponse& out) override {
    return guard_.operation(
        "PublishEvents", *in, out,
        [&](Operation& op) {
          PublishMemory memory;
          memory.published = events_.publish(op.db, op.caller, events_of(op.db, in->event));
          memory.pushes = events_.pushes(op.db, memory.published);
          answer_published(memory, out);
          if (!is_awaited(memory.pushes)) return true;
          std::set<std::uint64_t> queues;
          for (const Push& push : memory.pushes) queues.insert(push.queue_id);
          for (const std::uint64_t queue : queues) op.poll.watch(Events::pushed_key(queue));
          op.poll.set_wait(kPushWait);
          op.poll.memory() = std::move(memory);
          return false;
        },
        [&](Poll& poll, db::Session* db) {
          auto& memory = *std::any_cast<PublishMemory>(&poll.memory());
          if (db != nullptr) events_.look_at(*db, memory.pushes);
          answer_published(memory, out);
          return db == nullptr || poll.last_run() || !is_awaited(memory.pushes);
        });
  }

  int PullEvents(_ev__PullEvents* in, _ev__PullEventsResponse& out) override {
    return guard_.operation("PullEvents", *in, out, [&](Operation& op) { return pull(op, *in, out); });
  }

  int AckEvents(_ev__AckEvents* in, _ev__AckEventsResponse& out) override {
    return guard_.operation("AckEvents", *in, out, [&](Operation& op) {
      const std::uint64_t queue = queue_of(op.db, events_, op.caller, given(in->subscription));
      const Acknowledged done = events_.acknowledge(op.db, queue, in->ackToken, ids_of(in->ackEventId));
      out.acknowledged = static_cast<int>(done.count);
      out.lost = ids_to_wire(done.lost);
    });
  }

  int RespondToEvent(_ev__RespondToEvent* in, _ev__RespondToEventResponse& out) override {
    return guard_.operation("RespondToEvent", *in, out, [&](Operation& op) {
      out.responseEventId = static_cast<LONG64>(
          events_.respond(op.db, op.caller, static_cast<std::uint64_t>(in->eventId), in->content));
    });
  }

  int RenewSubscription(_ev__RenewSubscription* in, _ev__RenewSubscriptionResponse& out) override {
    return guard_.operation("RenewSubscription", *in, out,
                            [&](Operation& op) { renew(op, events_, soap, *in, out); });
  }

  int ListSubscriptions(_ev__ListSubscriptions* in, _ev__ListSubscriptionsResponse& out) override {
    return guard_.operation("ListSubscriptions", *in, out,
                            [&](Operation& op) { list_subscriptions(op, events_, soap, *in, out); });
  }

  int GetSubscription(_ev__GetSubscription* in, _ev__GetSubscriptionResponse& out) override {
    return guard_.operation("GetSubscription", *in, out,
                            [&](Operation& op) { get_subscription(op, events_, soap, *in, out); });
  }

  int ReleaseEvents(_ev__ReleaseEvents* in, _ev__ReleaseEventsResponse& out) override {
    return guard_.operation("ReleaseEvents", *in, out,
                            [&](Operation& op) { release(op, events_, *in, out); });
  }

  int ExtendLease(_ev__ExtendLease* in, _ev__ExtendLeaseResponse& out) override {
    return guard_.operation("ExtendLease", *in, out, [&](Operation& op) { extend(op, events_, *in, out); });
  }

  int SeekSubscription(_ev__SeekSubscription* in, _ev__SeekSubscriptionResponse& out) override {
    return guard_.operation("SeekSubscription", *in, out,
                            [&](Operation& op) { seek(op, events_, soap, *in, out); });
  }

  int GetDeadEvents(_ev__GetDeadEvents* in, _ev__GetDeadEventsResponse& out) override {
    return guard_.operation("GetDeadEvents", *in, out,
                            [&](Operation& op) { get_dead(op, events_, soap, *in, out); });
  }

  int RequeueEvents(_ev__RequeueEvents* in, _ev__RequeueEventsResponse& out) override {
    return guard_.operation("RequeueEvents", *in, out,
                            [&](Operation& op) { requeue(op, events_, *in, out); });
  }

  int GetEventLog(_ev__GetEventLog* in, _ev__GetEventLogResponse& out) override {
    return guard_.operation("GetEventLog", *in, out, [&](Operation& op) {
      LogQuery query;
      if (in->afterEventId != nullptr) query.after_event_id = static_cast<std::uint64_t>(*in->afterEventId);
      query.type = given(in->type);
      query.since = given(in->since);
      query.until = given(in->until);
      query.max_events = given(in->maxEvents).value_or(kDefaultEvents);
      if (in->transmitter != nullptr)
        query.transmitter_id = transmitter_of(op.db, in->transmitter->name, in->transmitter->provider);
      const LogPage page = events_.log(op.db, op.caller, query);
      for (const Event& event : page.events) out.entry.push_back(entry_to_wire(event));
      if (page.last_event_id)
        out.lastEventId = put(soap, std::optional(static_cast<LONG64>(*page.last_event_id)));
      out.more = page.more;
    });
  }

  int GetDeliveries(_ev__GetDeliveries* in, _ev__GetDeliveriesResponse& out) override {
    return guard_.operation("GetDeliveries", *in, out, [&](Operation& op) {
      const auto report = events_.deliveries(op.db, op.caller, static_cast<std::uint64_t>(in->eventId));
      for (const Delivery& delivery : report.deliveries) out.delivery.push_back(delivery_to_wire(delivery));
      for (const auto& [name, notified] : report.profiles) {
        ev__ProfileNotified* item = soap_new_ev__ProfileNotified(soap);
        item->profile = profile_to_wire(soap, name);
        item->notified = notified;
        out.profileNotified.push_back(item);
      }
    });
  }

 private:
  void answer_published(const PublishMemory& memory, _ev__PublishEventsResponse& out) {
    auto push = memory.pushes.begin();
    for (const Published& published : memory.published) {
      ev__Published* item = soap_new_ev__Published(soap);
      item->eventId = static_cast<LONG64>(published.event_id);
      item->recipients = static_cast<int>(published.recipients);
      for (; push != memory.pushes.end() && push->event_id == published.event_id; ++push) {
        ev__Pushed* pushed = soap_new_ev__Pushed(soap);
        pushed->subscriber = soap_new_c__ServiceRef(soap);
        pushed->subscriber->name = push->service;
        pushed->subscriber->provider = push->provider;
        pushed->subscription = push->subscription;
        pushed->outcome = push_outcome_to_wire(push->outcome);
        item->pushed.push_back(pushed);
      }
      out.published.push_back(item);
    }
  }

  // A service's own subscription; for a user, what reaches the terminal of that name.
  Subscription subscribe(Operation& op, const _ev__Subscribe& in) {
    std::optional<std::uint64_t> profile, transmitter;
    if (in.profile != nullptr) profile = filter_profile(op.db, op.caller, reference_of(*in.profile));
    if (op.caller.role == Role::kUser) {
      if (in.push != nullptr)
        throw Fault(FaultCode::INVALID_ARGUMENT, "Events are pushed to services.", "push");
      if (in.transmitter != nullptr) {
        throw Fault(FaultCode::INVALID_ARGUMENT, "A terminal hears of all services of its profiles.",
                    "transmitter");
      }
      if (in.lifetimeSeconds != nullptr || in.maxPending != nullptr) {
        throw Fault(FaultCode::INVALID_ARGUMENT, "A terminal's events wait as long and as many as ever.",
                    in.lifetimeSeconds != nullptr ? "lifetimeSeconds" : "maxPending");
      }
      return events_.select_terminal_events(op.db, own_terminal(op.db, op.caller, in.name), profile, in.type);
    }
    is_connected(op.db, op.caller);  // registered, at least
    if (in.transmitter != nullptr)
      transmitter = transmitter_of(op.db, in.transmitter->name, in.transmitter->provider);
    SubscriptionRequest request{in.name, in.type, profile, transmitter};
    request.lifetime_seconds = given(in.lifetimeSeconds);
    request.max_pending = given(in.maxPending);
    request.pull_only = in.push == nullptr;
    if (in.push != nullptr) {
      request.push = PushTarget{in.push->endpoint, given(in.push->secret),
                                given(in.push->maxEvents).value_or(PushTarget{}.max_events)};
    }
    return events_.subscribe(op.db, {PartyKind::kService, op.caller.account_id}, request);
  }

  bool pull(Operation& op, const _ev__PullEvents& in, _ev__PullEventsResponse& out) {
    const int lease = given(in.leaseSeconds).value_or(kDefaultLease);
    const int wait = given(in.waitSeconds).value_or(kDefaultWait);
    ParkedPull::Outcome before;
    if (op.poll.first_run()) {
      if (park_with_others(op, in, wait, lease)) return false;
      begin_pull(op, in, wait);
    } else if (!look_at_parked(op, in, wait, before)) {
      return false;
    }
    auto& memory = *std::any_cast<PullMemory>(&op.poll.memory());
    out.leaseSeconds = lease;
    out.waitSeconds = memory.wait_seconds;
    out.acknowledged = static_cast<int>(memory.acknowledged.count);
    out.lost = ids_to_wire(memory.acknowledged.lost);
    out.superseded =
        !op.poll.first_run() && !before.looked &&
        events_.superseded(op.db, memory.queue_id, memory.epoch, given(in.consumer).value_or(""));
    if (out.superseded) return true;
    const Batch batch = before.looked ? std::move(before.batch)
                                      : events_.claim(op.db, memory.queue_id,
                                                      given(in.maxEvents).value_or(kDefaultEvents), lease);
    if (batch.events.empty()) {
      const bool answers = wait == 0 || op.poll.last_run();
      if (!answers && memory.parked) {
        op.db.after_commit([parked = memory.parked, epoch = memory.epoch] { parked->parks(epoch); });
      }
      return answers;
    }
    out.leaseToken = put(soap, std::optional(batch.lease_token));
    for (const Event& event : batch.events) out.event.push_back(event_to_wire(soap, event));
    return true;
  }

  // The usual pull of a terminal parks at once, and is begun together with others (pull_batches.hpp).
  bool park_with_others(Operation& op, const _ev__PullEvents& in, int wait, int lease) {
    if (op.caller.role != Role::kUser || wait == 0 || op.poll.last_run() || in.subscription == nullptr ||
        in.consumer != nullptr || !in.ackEventId.empty() || op.poll.memory().has_value() ||
        !batches_.running())
      return false;
    PullTogether::Request request;
    if (in.ackToken != nullptr && !in.ackToken->empty()) {
      request.acknowledges = LeaseToken::parse(*in.ackToken);
      if (!request.acknowledges || request.acknowledges->deliveries > PullTogether::kMostAcknowledged)
        return false;
    }
    const auto queue = batches_.together().known_queue(op.caller.user_id, *in.subscription);
    if (!queue) return false;
    request.queue_id = *queue;
    request.user_id = op.caller.user_id;
    request.terminal = *in.subscription;
    request.lease_seconds = lease;
    PullMemory memory = waiting(op, *queue, wait);
    const WaitKey key = batches_.new_wake_key();
    op.poll.watch(key);
    memory.parked = std::make_shared<ParkedPull>(batches_, std::move(request), key);
    op.poll.memory() = std::move(memory);
    return true;
  }

  // False: the run has nothing to do.
  bool look_at_parked(Operation& op, const _ev__PullEvents& in, int wait, ParkedPull::Outcome& before) {
    auto& memory = *std::any_cast<PullMemory>(&op.poll.memory());
    if (memory.parked) {
      auto outcome = memory.parked->outcome(op.poll.last_run());
      if (!outcome && op.poll.last_run()) {
        throw Fault(FaultCode::UNAVAILABLE, "the database took too long; try again").retry_after(1);
      }
      if (!outcome) return false;
      before = *std::move(outcome);
      if (!before.begun) {
        begin_pull(op, in, wait);
        return true;
      }
      memory.epoch = before.epoch;
      memory.acknowledged = before.acknowledged;
      if (before.looked) return true;
    }
    if (op.caller.role == Role::kUser)
      queue_of(op.db, events_, op.caller, given(in.subscription));  // still connected?
    return true;
  }

  static PullMemory waiting(Operation& op, std::uint64_t queue_id, int wait) {
    if (wait > 0) op.poll.set_wait(std::chrono::seconds(wait));
    PullMemory memory;
    memory.queue_id = queue_id;
    memory.wait_seconds =
        static_cast<int>(std::chrono::ceil<std::chrono::seconds>(wait > 0 ? op.poll.wait() : 0ms).count());
    return memory;
  }

  // Watches before it looks. May run again after a lost conflict: then the key is watched already.
  void begin_pull(Operation& op, const _ev__PullEvents& in, int wait) {
    const std::uint64_t queue = queue_of(op.db, events_, op.caller, given(in.subscription));
    if (op.caller.role == Role::kUser && in.subscription != nullptr) {
      batches_.together().remember_queue(op.caller.user_id, *in.subscription, queue);
    }
    auto* memory = std::any_cast<PullMemory>(&op.poll.memory());
    if (memory == nullptr || memory->queue_id != queue) {
      if (wait > 0) op.poll.watch(Events::wait_key(queue));
      op.poll.memory() = waiting(op, queue, wait);
      memory = std::any_cast<PullMemory>(&op.poll.memory());
    }
    const std::string consumer = given(in.consumer).value_or("");
    memory->epoch = events_.begin_poll(op.db, queue, consumer);
    if (wait > 0) op.poll.watch(Events::poll_key(queue, memory->epoch + 1, consumer));
    memory->acknowledged =
        events_.acknowledge(op.db, queue, given(in.ackToken).value_or(""), ids_of(in.ackEventId));
  }

  ev__LogEntry* entry_to_wire(const Event& event) {
    ev__LogEntry* out = soap_new_ev__LogEntry(soap);
    out->eventId = static_cast<LONG64>(event.id);
    out->type = event.type;
    out->publishedAt = event.published_at;
    out->transmitter = transmitter_to_wire(soap, event.transmitter);
    out->content = event.content;
    out->profile = profiles_to_wire(soap, event.profiles);
    return out;
  }

  ev__Delivery* delivery_to_wire(const Delivery& delivery) {
    ev__Delivery* out = soap_new_ev__Delivery(soap);
    out->recipientKind = kind_to_wire(delivery.recipient_kind);
    out->recipient = delivery.recipient;
    out->subscription = delivery.subscription;
    out->notified = delivery.notified;
    out->attempts = static_cast<int>(delivery.attempts);
    out->at = put(soap, delivery.at);
    out->outcome = outcome_to_wire(delivery.outcome);
    return out;
  }

  Guard& guard_;
  Events& events_;
  PullBatches& batches_;
};

}  // namespace

int dispatch(struct soap* soap, Guard& guard, Events& events, PullBatches& batches) {
  return EventsEndpoint(soap, guard, events, batches).dispatch();
}

}  // namespace whitebrick::events
