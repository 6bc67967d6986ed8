#pragma once
// Service management (patent 16): registrations, actions, class, the connected
// indicator with its cause, references by name and provider.
//
// The only header of this module that others may include. Knows no SOAP. One service
// account = one registration; a service is known inside by its account id.
// Publishes (component "directory"): service.available, service.unavailable.
// Failures: Fault (the client can act on it) or db::Error (it cannot).

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "modules/events/events.hpp"
#include "server/caller.hpp"
#include "server/known_leases.hpp"
#include "server/row_failures.hpp"

namespace whitebrick::directory {

enum class Cause { kRegistered = 0, kConnected = 1, kDisconnected = 2, kLeaseLost = 3 };

struct Registration {
  std::string name, provider;
  std::optional<std::string> description, service_class, endpoint, wsdl;
  std::vector<std::string> actions;
};

struct Service {
  std::uint64_t id = 0;  // account id
  Registration registration;
  std::uint64_t version = 0;
  bool connected = false;
  Cause cause = Cause::kRegistered;
  Time since;
  std::vector<std::string> events;  // types it transmits now
};

struct Search {
  std::optional<std::string> name, provider, action, service_class;
  bool connected_only = false;
};

struct Found {
  std::vector<Service> services;  // at most 1,000
  bool more = false;
};

struct Connected {
  int lease_seconds = 0;
  Time since;
  std::uint64_t snapshot_version = 0;  // highest event id when the answer was made
  std::uint64_t backlog = 0;
  std::vector<events::Subscription> subscriptions;
};

class Directory final : public Liveness {
 public:
  struct Settings {
    std::chrono::seconds lease{90};
  };
  Directory(Settings, events::Events&);

  // Creates or replaces the caller's registration. Faults: ALREADY_EXISTS(name) when another
  // account holds the reference, STALE_VERSION, INVALID_ARGUMENT(name) for another reference
  // while connected (others know it by the old one).
  std::uint64_t register_service(db::Session&, const Caller&, const Registration&,
                                 std::optional<std::uint64_t> if_version);
  bool deregister_service(db::Session&, const Caller&);  // disconnects first; false: there was none
  // Declarations and subscriptions in the same transaction; both are added to what the service
  // has already. Connecting again renews. Faults: NOT_REGISTERED.
  Connected connect(db::Session&, const Caller&, std::optional<int> lease_seconds,
                    const std::vector<events::Declaration>&, const std::vector<events::SubscriptionRequest>&);
  bool disconnect(db::Session&, const Caller&, Cause cause = Cause::kDisconnected);
  Service get(db::Session&, const std::string& name, const std::string& provider);  // NOT_FOUND
  Found find(db::Session&, const Search&);

  std::optional<std::uint64_t> find_id(db::Session&, const std::string& name, const std::string& provider);
  bool is_connected(db::Session&, std::uint64_t service_id);

  // Liveness: any call of a connected service renews its lease, written when a third is used up.
  std::optional<std::chrono::milliseconds> renew(db::Session&, const Caller&) override;
  // Job: disconnects services whose lease is over, each exactly once (conditional update in
  // the transaction of its events). Does nothing during an outage credit (server/pulse.hpp).
  // Answers true while there may be more.
  bool expire(db::Pool&);
  std::uint64_t expiry_failures() const { return expiry_failures_.count(); }

 private:
  // What follows from a service being gone: its transmitters and who is told. `cause` as in
  // wsdl/events.xsd, ServiceCause.
  void tell_gone(db::Session&, std::uint64_t id, const std::string& cause);
  bool disconnect_as(db::Session&, std::uint64_t id, Cause, const std::string& told);

  const Settings settings_;
  events::Events& events_;
  KnownLeases leases_;  // by account id
  RowFailures expiry_failures_{"service.expiry_failed"};
};

}  // namespace whitebrick::directory
