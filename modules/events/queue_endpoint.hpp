#pragma once
// The operations on a subscription's queue besides pulling: from the request's class to one use case
// and back.

#include "events_soapEventsService.h"
#include "modules/events/events.hpp"
#include "server/operation.hpp"

namespace whitebrick::events {

void renew(Operation&, Events&, struct soap*, const events_soap::_ev__RenewSubscription&,
           events_soap::_ev__RenewSubscriptionResponse&);
void list_subscriptions(Operation&, Events&, struct soap*, const events_soap::_ev__ListSubscriptions&,
                        events_soap::_ev__ListSubscriptionsResponse&);
void get_subscription(Operation&, Events&, struct soap*, const events_soap::_ev__GetSubscription&,
                      events_soap::_ev__GetSubscriptionResponse&);
void release(Operation&, Events&, const events_soap::_ev__ReleaseEvents&,
             events_soap::_ev__ReleaseEventsResponse&);
void extend(Operation&, Events&, const events_soap::_ev__ExtendLease&,
            events_soap::_ev__ExtendLeaseResponse&);
void seek(Operation&, Events&, struct soap*, const events_soap::_ev__SeekSubscription&,
          events_soap::_ev__SeekSubscriptionResponse&);
void get_dead(Operation&, Events&, struct soap*, const events_soap::_ev__GetDeadEvents&,
              events_soap::_ev__GetDeadEventsResponse&);
void requeue(Operation&, Events&, const events_soap::_ev__RequeueEvents&,
             events_soap::_ev__RequeueEventsResponse&);

}  // namespace whitebrick::events
