#include "modules/events/queue_endpoint.hpp"

#include <algorithm>
#include <chrono>

#include "modules/events/answers_endpoint.hpp"
#include "modules/events/parties.hpp"
#include "server/fault.hpp"
#include "server/soap_optional.hpp"

namespace whitebrick::events {

using namespace events_soap;

namespace {

using Ids = std::vector<std::uint64_t>;

Ids ids_of(const std::vector<LONG64>& in) { return {in.begin(), in.end()}; }

std::vector<LONG64> ids_to_wire(const Ids& ids) { return {ids.begin(), ids.end()}; }

// A call of many subscriptions at once, or a large answer, is cut at what the schema allows.
std::vector<LONG64> first_ids(const Ids& ids) {
  return ids_to_wire(
      Ids{ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(ids.size(), 1000))});
}

std::uint64_t queue_named(Operation& op, Events& events, const std::string* subscription) {
  return queue_of(op.db, events, op.caller, given(subscription));
}

ev__SubscriptionState state_to_wire(QueueState state) {
  switch (state) {
    case QueueState::kSuspended:
      return ev__SubscriptionState::SUSPENDED;
    case QueueState::kExpired:
      return ev__SubscriptionState::EXPIRED;
    case QueueState::kActive:
      break;
  }
  return ev__SubscriptionState::ACTIVE;
}

ev__SubscriptionInfo* info_to_wire(struct soap* soap, const QueueInfo& info) {
  ev__SubscriptionInfo* out = soap_new_ev__SubscriptionInfo(soap);
  out->name = info.name;
  out->type = info.patterns;
  out->profile = profiles_to_wire(soap, info.profiles);
  if (info.transmitter) {
    out->transmitter = soap_new_c__ServiceRef(soap);
    out->transmitter->name = info.transmitter->service;
    out->transmitter->provider = info.transmitter->provider;
  }
  out->available = info.available;
  out->state = state_to_wire(info.state);
  out->stateSince = put(soap, info.state_since);
  out->maxPending = info.max_pending;
  out->lifetimeSeconds = put(soap, info.lifetime_seconds);
  out->expiresAt = put(soap, info.expires_at);
  out->lastPullAt = put(soap, info.last_poll_at);
  out->lastSequence = static_cast<LONG64>(info.last_sequence);
  return out;
}

}  // namespace

void renew(Operation& op, Events& events, struct soap* soap, const _ev__RenewSubscription& in,
           _ev__RenewSubscriptionResponse& out) {
  const Party owner{PartyKind::kService, op.caller.account_id};
  out.expiresAt = put(soap, events.renew_subscription(op.db, owner, in.name, given(in.lifetimeSeconds)));
}

void list_subscriptions(Operation& op, Events& events, struct soap* soap, const _ev__ListSubscriptions& in,
                        _ev__ListSubscriptionsResponse& out) {
  const QueueList list = events.list_subscriptions(op.db, op.caller, given(in.afterName).value_or(""));
  for (const QueueInfo& info : list.queues) out.subscription.push_back(info_to_wire(soap, info));
  if (list.more) out.more = put(soap, std::optional(true));
}

void get_subscription(Operation& op, Events& events, struct soap* soap, const _ev__GetSubscription& in,
                      _ev__GetSubscriptionResponse& out) {
  const auto queue = queue_named(op, events, in.subscription);
  const QueueInfo info = events.queue_info(op.db, queue);
  const QueueLoad load = events.queue_load(op.db, queue);
  out.subscription = info_to_wire(soap, info);
  out.depth = static_cast<int>(load.depth);
  out.leased = static_cast<int>(load.leased);
  out.dead = static_cast<int>(load.dead);
  out.heldBack = static_cast<int>(std::min<std::uint64_t>(info.held, 2'000'000'000));
  if (load.oldest_at) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(op.db.now() - *load.oldest_at);
    out.oldestAgeSeconds = put(soap, std::optional(static_cast<int>(std::max<long>(0, age.count()))));
  }
  for (const auto& [name, at] : load.consumers) {
    ev__Consumer* consumer = soap_new_ev__Consumer(soap);
    consumer->name = name;
    consumer->lastPullAt = at;
    out.consumer.push_back(consumer);
  }
}

void release(Operation& op, Events& events, const _ev__ReleaseEvents& in, _ev__ReleaseEventsResponse& out) {
  const Held held = events.release(op.db, queue_named(op, events, in.subscription), in.leaseToken,
                                   ids_of(in.eventId), given(in.delaySeconds).value_or(0));
  out.released = static_cast<int>(held.count);
  out.lost = first_ids(held.lost);
}

void extend(Operation& op, Events& events, const _ev__ExtendLease& in, _ev__ExtendLeaseResponse& out) {
  const Held held = events.extend_lease(op.db, queue_named(op, events, in.subscription), in.leaseToken,
                                        ids_of(in.eventId), in.leaseSeconds);
  out.extended = static_cast<int>(held.count);
  out.lost = first_ids(held.lost);
}

void seek(Operation& op, Events& events, struct soap* soap, const _ev__SeekSubscription& in,
          _ev__SeekSubscriptionResponse& out) {
  if ((in.since == nullptr) == (in.fromEventId == nullptr)) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "Give either since or fromEventId.", "fromEventId");
  }
  const auto queue = queue_named(op, events, in.subscription);
  const Replayed done = in.since != nullptr
                            ? events.seek(op.db, queue, *in.since)
                            : events.seek(op.db, queue, static_cast<std::uint64_t>(*in.fromEventId));
  out.redelivered = static_cast<int>(done.count);
  if (done.next_event_id)
    out.nextEventId = put(soap, std::optional(static_cast<LONG64>(*done.next_event_id)));
}

void get_dead(Operation& op, Events& events, struct soap* soap, const _ev__GetDeadEvents& in,
              _ev__GetDeadEventsResponse& out) {
  const auto after = static_cast<std::uint64_t>(given(in.afterEventId).value_or(0));
  for (const DeadEvent& dead : events.dead_events(op.db, queue_named(op, events, in.subscription), after,
                                                  given(in.maxEvents).value_or(100))) {
    ev__DeadEvent* item = soap_new_ev__DeadEvent(soap);
    item->event = event_to_wire(soap, dead.event);
    item->diedAt = dead.died_at;
    out.dead.push_back(item);
  }
}

void requeue(Operation& op, Events& events, const _ev__RequeueEvents& in, _ev__RequeueEventsResponse& out) {
  const Requeued done = events.requeue(op.db, queue_named(op, events, in.subscription), ids_of(in.eventId));
  out.requeued = static_cast<int>(done.count);
  out.notRequeued = first_ids(done.not_requeued);
}

}  // namespace whitebrick::events
