#include "modules/coordination/coordination_endpoint.hpp"

#include "coordination_soapCoordinationService.h"
#include "modules/coordination/coordination.hpp"
#include "modules/profiles/profiles.hpp"
#include "server/fault.hpp"
#include "server/operation.hpp"
#include "server/soap_optional.hpp"

namespace whitebrick::coordination {
namespace {

using namespace coordination_soap;

c__ConnectabilityState state_to_wire(Connectability state) {
  switch (state) {
    case Connectability::kConnectable:
      return c__ConnectabilityState::CONNECTABLE;
    case Connectability::kNotConnectable:
      return c__ConnectabilityState::NOT_CONNECTABLE;
    case Connectability::kAuthorisationRequired:
      return c__ConnectabilityState::AUTHORISATION_REQUIRED;
    case Connectability::kInTransfer:
      return c__ConnectabilityState::IN_TRANSFER;
    case Connectability::kUnknown:
      break;
  }
  return c__ConnectabilityState::UNKNOWN;
}

c__ServiceRef* service_to_wire(struct soap* soap, const profiles::ServiceRef& service) {
  auto* out = soap_new_c__ServiceRef(soap);
  out->name = service.name;
  out->provider = service.provider;
  return out;
}

coord__AccessSession* session_to_wire(struct soap* soap, const AccessSession& session) {
  auto* out = soap_new_coord__AccessSession(soap);
  out->accessSessionId = session.id;
  out->userId = session.user;
  out->profileId = session.profile;
  out->terminalId = session.terminal;
  out->openedAt = session.opened_at;
  if (session.via) out->via = service_to_wire(soap, *session.via);
  return out;
}

coord__ServiceSession* session_to_wire(struct soap* soap, const ServiceSession& session) {
  auto* out = soap_new_coord__ServiceSession(soap);
  out->serviceSessionId = session.id;
  out->accessSessionId = session.access_session_id;
  out->userId = session.user;
  out->profileId = session.profile;
  out->service = service_to_wire(soap, session.service);
  out->openedAt = session.opened_at;
  return out;
}

coord__WatchedContact* contact_to_wire(struct soap* soap, const WatchedContact& contact) {
  auto* out = soap_new_coord__WatchedContact(soap);
  out->profileId = contact.profile;
  out->contact = contact.contact;
  out->state = state_to_wire(contact.state);
  return out;
}

class CoordinationEndpoint final : public CoordinationService {
 public:
  CoordinationEndpoint(struct soap* s, Guard& guard, Coordination& coordination, profiles::Profiles& profiles)
      : CoordinationService(s), guard_(guard), coordination_(coordination), profiles_(profiles) {}
  CoordinationService* copy() override { return nullptr; }

  int ConnectTerminal(_coord__ConnectTerminal* in, _coord__ConnectTerminalResponse& out) override {
    return guard_.operation("ConnectTerminal", *in, out, [&](Operation& op) {
      const ConnectedTerminal connected = coordination_.connect_terminal(
          op.db, op.caller, given(in->userToken), in->terminalId, in->activate, given(in->leaseSeconds));
      out.terminalSessionId = connected.terminal_session_id;
      out.leaseSeconds = connected.lease_seconds;
      for (const auto& session : connected.access_sessions) {
        out.accessSession.push_back(session_to_wire(soap, session));
      }
      for (const auto& contact : connected.contacts)
        out.contactState.push_back(contact_to_wire(soap, contact));
      out.snapshotVersion = static_cast<LONG64>(connected.snapshot_version);
      out.backlog = static_cast<LONG64>(connected.backlog);
    });
  }

  int DisconnectTerminal(_coord__DisconnectTerminal* in, _coord__DisconnectTerminalResponse& out) override {
    return guard_.operation("DisconnectTerminal", *in, out, [&](Operation& op) {
      const Ended ended =
          coordination_.disconnect_terminal(op.db, op.caller, given(in->userToken), in->terminalId);
      out.alreadyEnded = ended.already;
      out.endedAccessSessions = ended.access_sessions;
      out.endedServiceSessions = ended.service_sessions;
    });
  }

  int ActivateProfile(_coord__ActivateProfile* in, _coord__ActivateProfileResponse& out) override {
    return guard_.operation("ActivateProfile", *in, out, [&](Operation& op) {
      const ConnectedTerminal connected = coordination_.activate_profile(
          op.db, op.caller, given(in->userToken), in->terminalId, in->profileId);
      out.accessSession = session_to_wire(soap, connected.access_sessions.at(0));
      for (const auto& contact : connected.contacts)
        out.contactState.push_back(contact_to_wire(soap, contact));
      out.snapshotVersion = static_cast<LONG64>(connected.snapshot_version);
    });
  }

  int DeactivateProfile(_coord__DeactivateProfile* in, _coord__DeactivateProfileResponse& out) override {
    return guard_.operation("DeactivateProfile", *in, out, [&](Operation& op) {
      const Ended ended =
          coordination_.deactivate_profile(op.db, op.caller, given(in->userToken), in->accessSessionId);
      out.alreadyEnded = ended.already;
      out.endedServiceSessions = ended.service_sessions;
    });
  }

  int OpenServiceSession(_coord__OpenServiceSession* in, _coord__OpenServiceSessionResponse& out) override {
    return guard_.operation("OpenServiceSession", *in, out, [&](Operation& op) {
      const profiles::ServiceRef service{in->service->name, in->service->provider};
      out.serviceSession = session_to_wire(
          soap, coordination_.open_service_session(op.db, op.caller, in->accessSessionId, service));
    });
  }

  int CloseServiceSession(_coord__CloseServiceSession* in,
                          _coord__CloseServiceSessionResponse& out) override {
    return guard_.operation("CloseServiceSession", *in, out, [&](Operation& op) {
      out.alreadyEnded = coordination_.close_service_session(op.db, op.caller, in->serviceSessionId).already;
    });
  }

  int ListAccessSessions(_coord__ListAccessSessions* in, _coord__ListAccessSessionsResponse& out) override {
    return guard_.operation("ListAccessSessions", *in, out, [&](Operation& op) {
      const auto user_id = profiles_.subject(op.db, op.caller, given(in->userId));
      for (const auto& session : coordination_.access_sessions(op.db, user_id)) {
        out.accessSession.push_back(session_to_wire(soap, session));
      }
    });
  }

  int ListServiceSessions(_coord__ListServiceSessions* in,
                          _coord__ListServiceSessionsResponse& out) override {
    return guard_.operation("ListServiceSessions", *in, out, [&](Operation& op) {
      const auto user = given(in->userId);
      std::optional<std::uint64_t> user_id;
      if (op.caller.role != Role::kService) {
        user_id = profiles_.subject(op.db, op.caller, user);
      } else if (user) {
        user_id = profiles_.find_user(op.db, *user).value_or(0);  // nobody: no sessions either
      }
      for (const auto& session : coordination_.service_sessions(op.db, op.caller, user_id)) {
        out.serviceSession.push_back(session_to_wire(soap, session));
      }
    });
  }

  int GetConnectability(_coord__GetConnectability* in, _coord__GetConnectabilityResponse& out) override {
    return guard_.operation("GetConnectability", *in, out, [&](Operation& op) {
      if (in->profileId != nullptr) profiles_.subject_profile(op.db, op.caller, std::nullopt, *in->profileId);
      const auto states = coordination_.connectability(
          op.db, op.caller, {in->contact, given(in->accessSessionId), given(in->serviceSessionId)});
      for (std::size_t i = 0; i < states.size(); ++i) {
        auto* item = soap_new_c__ContactState(soap);
        item->contact = in->contact[i];
        item->state = state_to_wire(states[i]);
        out.contactState.push_back(item);
      }
    });
  }

 private:
  Guard& guard_;
  Coordination& coordination_;
  profiles::Profiles& profiles_;
};

}  // namespace

int dispatch(struct soap* soap, Guard& guard, Coordination& coordination, profiles::Profiles& profiles) {
  CoordinationEndpoint endpoint(soap, guard, coordination, profiles);
  return endpoint.dispatch();
}

}  // namespace whitebrick::coordination
