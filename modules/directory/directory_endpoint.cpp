#include "modules/directory/directory_endpoint.hpp"

#include "directory_soapDirectoryService.h"
#include "modules/directory/directory.hpp"
#include "modules/profiles/profiles.hpp"
#include "server/fault.hpp"
#include "server/operation.hpp"
#include "server/soap_optional.hpp"

namespace whitebrick::directory {
namespace {

using namespace directory_soap;

dir__Cause cause_to_wire(Cause cause) {
  switch (cause) {
    case Cause::kConnected:
      return dir__Cause::CONNECTED;
    case Cause::kDisconnected:
      return dir__Cause::DISCONNECTED;
    case Cause::kLeaseLost:
      return dir__Cause::LEASE_LOST;
    case Cause::kRegistered:
      break;
  }
  return dir__Cause::REGISTERED;
}

Registration registration_of(const _dir__RegisterService& in) {
  return {.name = in.name,
          .provider = in.provider,
          .description = given(in.description),
          .service_class = given(in.class_),
          .endpoint = given(in.endpoint),
          .wsdl = given(in.wsdl),
          .actions = in.action};
}

dir__Service* service_to_wire(struct soap* soap, const Service& service) {
  dir__Service* out = soap_new_dir__Service(soap);
  const Registration& registration = service.registration;
  out->name = registration.name;
  out->provider = registration.provider;
  out->description = put(soap, registration.description);
  out->class_ = put(soap, registration.service_class);
  out->action = registration.actions;
  out->endpoint = put(soap, registration.endpoint);
  out->wsdl = put(soap, registration.wsdl);
  out->version = static_cast<LONG64>(service.version);
  out->connected = service.connected;
  out->cause = put(soap, std::optional(cause_to_wire(service.cause)));
  out->since = service.since;
  out->event = service.events;
  return out;
}

std::optional<std::uint64_t> version_of(const LONG64* version) {
  return version == nullptr ? std::nullopt : std::optional(static_cast<std::uint64_t>(*version));
}

std::vector<events::Declaration> declarations_of(const std::vector<c__EventDeclaration*>& in) {
  std::vector<events::Declaration> declarations;
  for (const c__EventDeclaration* item : in) declarations.push_back({item->type, given(item->description)});
  return declarations;
}

class DirectoryEndpoint final : public DirectoryService {
 public:
  DirectoryEndpoint(struct soap* s, Guard& guard, Directory& directory, profiles::Profiles& profiles)
      : DirectoryService(s), guard_(guard), directory_(directory), profiles_(profiles) {}
  DirectoryService* copy() override { return nullptr; }

  int RegisterService(_dir__RegisterService* in, _dir__RegisterServiceResponse& out) override {
    return guard_.operation("RegisterService", *in, out, [&](Operation& op) {
      out.version = static_cast<LONG64>(
          directory_.register_service(op.db, op.caller, registration_of(*in), version_of(in->ifVersion)));
    });
  }

  int DeregisterService(_dir__DeregisterService* in, _dir__DeregisterServiceResponse& out) override {
    return guard_.operation("DeregisterService", *in, out, [&](Operation& op) {
      out.existed = directory_.deregister_service(op.db, op.caller);
    });
  }

  int ConnectService(_dir__ConnectService* in, _dir__ConnectServiceResponse& out) override {
    return guard_.operation("ConnectService", *in, out, [&](Operation& op) {
      const Connected connected = directory_.connect(op.db, op.caller, given(in->leaseSeconds),
                                                     declarations_of(in->declare), subscriptions_of(op, *in));
      out.leaseSeconds = connected.lease_seconds;
      out.connectedSince = connected.since;
      out.snapshotVersion = static_cast<LONG64>(connected.snapshot_version);
      out.backlog = static_cast<LONG64>(connected.backlog);
      for (const events::Subscription& subscription : connected.subscriptions) {
        c__Subscription* item = soap_new_c__Subscription(soap);
        item->name = subscription.name;
        item->available = subscription.available;
        item->backlog = static_cast<LONG64>(subscription.backlog);
        out.subscription.push_back(item);
      }
    });
  }

  int DisconnectService(_dir__DisconnectService* in, _dir__DisconnectServiceResponse& out) override {
    return guard_.operation("DisconnectService", *in, out, [&](Operation& op) {
      out.wasConnected = directory_.disconnect(op.db, op.caller);
    });
  }

  int GetService(_dir__GetService* in, _dir__GetServiceResponse& out) override {
    return guard_.operation("GetService", *in, out, [&](Operation& op) {
      out.service = service_to_wire(soap, directory_.get(op.db, in->name, in->provider));
    });
  }

  int FindServices(_dir__FindServices* in, _dir__FindServicesResponse& out) override {
    return guard_.operation("FindServices", *in, out, [&](Operation& op) {
      const Search search{.name = given(in->name),
                          .provider = given(in->provider),
                          .action = given(in->action),
                          .service_class = given(in->class_),
                          .connected_only = given(in->connectedOnly).value_or(false)};
      const Found found = directory_.find(op.db, search);
      for (const Service& service : found.services) out.service.push_back(service_to_wire(soap, service));
      if (found.more) out.more = put(soap, std::optional(true));
    });
  }

 private:
  std::vector<events::SubscriptionRequest> subscriptions_of(Operation& op, const _dir__ConnectService& in) {
    std::vector<events::SubscriptionRequest> subscriptions;
    for (const c__SubscriptionRequest* item : in.subscribe) {
      events::SubscriptionRequest request{
          .name = item->name, .patterns = item->type, .profile_id = {}, .transmitter_id = {}};
      if (item->profile != nullptr) request.profile_id = profile_of(op, *item->profile);
      if (item->transmitter != nullptr) request.transmitter_id = transmitter_of(op, *item->transmitter);
      subscriptions.push_back(std::move(request));
    }
    return subscriptions;
  }

  // Of a profile that does not subscribe to the service it learns nothing, not even whether it is there.
  // As events.Subscribe answers.
  std::uint64_t profile_of(Operation& op, const c__ProfileRef& reference) {
    if (reference.userId == nullptr) {
      throw Fault(FaultCode::INVALID_ARGUMENT, "a service says whose profile it means", "userId");
    }
    const auto user = profiles_.find_user(op.db, *reference.userId);
    const auto profile = profiles_.find_profile(op.db, user.value_or(0), reference.profileId);
    if (!profiles_.subscribes_to(op.db, profile ? profile->id : 0, op.caller.account_id)) {
      throw Fault(FaultCode::FORBIDDEN, "the profile does not subscribe to the service", "profile");
    }
    return profile->id;
  }

  std::uint64_t transmitter_of(Operation& op, const c__ServiceRef& reference) {
    const auto id = directory_.find_id(op.db, reference.name, reference.provider);
    if (!id) throw Fault(FaultCode::NOT_FOUND, "there is no such service", "transmitter");
    return *id;
  }

  Guard& guard_;
  Directory& directory_;
  profiles::Profiles& profiles_;
};

}  // namespace

int dispatch(struct soap* soap, Guard& guard, Directory& directory, profiles::Profiles& profiles) {
  return DirectoryEndpoint(soap, guard, directory, profiles).dispatch();
}

}  // namespace whitebrick::directory
