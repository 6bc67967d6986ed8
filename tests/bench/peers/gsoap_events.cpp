// The ceiling of publish -> pull -> ack: the same messages in and out through gSOAP; the events lie in
// this process's memory, one list per subscription, and nothing is durable, checked or leased.
// An event of type bench.NAME goes to subscription NAME.
// usage: gsoap_events PORT THREADS

#include <cstdlib>
#include <ctime>
#include <deque>
#include <map>
#include <mutex>

#include "Events.nsmap"
#include "peers/serve.hpp"
#include "soapEventsService.h"

namespace {

struct Stored {
  LONG64 id;
  std::string type;
  std::string content;
};

struct Queue {
  std::deque<Stored> waiting;
  std::size_t leased = 0;  // at the front
};

struct Store {
  std::mutex mutex;
  std::map<std::string, Queue> queues;
  LONG64 last_id = 0;
};

Store& store() {
  static Store one;
  return one;
}

class EventsInMemory : public EventsService {
 public:
  int PublishEvents(_ev__PublishEvents* request, _ev__PublishEventsResponse& response) override;
  int PullEvents(_ev__PullEvents* request, _ev__PullEventsResponse& response) override;
  int AckEvents(_ev__AckEvents* request, _ev__AckEventsResponse& response) override;
};

}  // namespace

int EventsInMemory::PublishEvents(_ev__PublishEvents* request, _ev__PublishEventsResponse& response) {
  const std::lock_guard lock(store().mutex);
  for (const ev__NewEvent* event : request->event) {
    const LONG64 id = ++store().last_id;
    const std::string name = event->type.substr(event->type.rfind('.') + 1);
    store().queues[name].waiting.push_back({id, event->type, event->content});
    response.published.push_back(soap_new_req_ev__Published(soap, id, 1));
  }
  return SOAP_OK;
}

int EventsInMemory::PullEvents(_ev__PullEvents* request, _ev__PullEventsResponse& response) {
  const std::lock_guard lock(store().mutex);
  Queue& queue = store().queues[request->subscription ? *request->subscription : ""];
  if (request->ackToken) {
    response.acknowledged = static_cast<int>(queue.leased);
    queue.waiting.erase(queue.waiting.begin(),
                        queue.waiting.begin() + static_cast<std::ptrdiff_t>(queue.leased));
    queue.leased = 0;
  }
  const std::size_t most = request->maxEvents ? static_cast<std::size_t>(*request->maxEvents) : 100;
  while (queue.leased < most && queue.leased < queue.waiting.size()) {
    const Stored& stored = queue.waiting[queue.leased++];
    auto* by = soap_new_req_ev__Transmitter(soap, ev__PartyKind__SERVICE);
    by->service = soap_new_req_c__ServiceRef(soap, "publisher", "bench");
    response.event.push_back(
        soap_new_req_ev__Event(soap, stored.id, stored.type, std::time(nullptr), by, stored.content, 1));
  }
  if (queue.leased > 0) {
    response.leaseToken = soap_new_std__string(soap);
    *response.leaseToken = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  }
  response.leaseSeconds = 30;
  response.waitSeconds = 0;
  return SOAP_OK;
}

int EventsInMemory::AckEvents(_ev__AckEvents* request, _ev__AckEventsResponse& response) {
  const std::lock_guard lock(store().mutex);
  Queue& queue = store().queues[request->subscription ? *request->subscription : ""];
  response.acknowledged = static_cast<int>(queue.leased);
  queue.waiting.erase(queue.waiting.begin(),
                      queue.waiting.begin() + static_cast<std::ptrdiff_t>(queue.leased));
  queue.leased = 0;
  return SOAP_OK;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return peers::serve<EventsInMemory>(std::atoi(argv[1]), std::atoi(argv[2]), [] {});
}
