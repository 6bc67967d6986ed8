#pragma once
// The events service on the wire (wsdl/events.wsdl).

struct soap;

namespace whitebrick {
class Guard;
}

namespace whitebrick::events {

class Events;
class PullBatches;

// Answers the operation that `soap` stands at; a gSOAP status.
int dispatch(struct soap*, Guard&, Events&, PullBatches&);

}  // namespace whitebrick::events
