#include "modules/coordination/coordination_endpoint.hpp"

#include <array>

#include "coordination_soapCoordinationService.h"
#include "modules/coordination/calls_endpoint.hpp"
#include "modules/coordination/contexts.hpp"
#include "modules/coordination/coordination.hpp"
#include "modules/profiles/profiles.hpp"
#include "server/check.hpp"
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

std::vector<c__CommunicationType> offers_to_wire(availability::Offers offers) {
  using availability::Communication;
  constexpr std::array kTypes{
      std::pair(Communication::kVoiceImmediate, c__CommunicationType::VOICE_IMMEDIATE),
      std::pair(Communication::kWrittenImmediate, c__CommunicationType::WRITTEN_IMMEDIATE),
      std::pair(Communication::kVoiceDelayed, c__CommunicationType::VOICE_DELAYED),
      std::pair(Communication::kWrittenDelayed, c__CommunicationType::WRITTEN_DELAYED)};
  std::vector<c__CommunicationType> types;
  for (const auto& [type, wire] : kTypes) {
    if (availability::holds(offers, type)) types.push_back(wire);
  }
  return types;
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
  if (session.rings) out->callTerminal = put(soap, std::optional(true));
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
  for (const Means& means : session.chain) {
    auto* item = soap_new_coord__ServiceMeans(soap);
    item->serviceSessionId = means.service_session_id;
    item->service = service_to_wire(soap, means.service);
    out->via.push_back(item);
  }
  for (const auto& parameter : session.parameters) {
    auto* item = soap_new_coord__SessionParameter(soap);
    item->name = parameter.name;
    item->value = put(soap, std::optional(parameter.value));
    out->parameter.push_back(item);
  }
  return out;
}

coord__WatchedContact* contact_to_wire(struct soap* soap, const WatchedContact& contact) {
  auto* out = soap_new_coord__WatchedContact(soap);
  out->profileId = contact.profile;
  out->contact = contact.contact;
  out->state = state_to_wire(contact.reach.state);
  out->displayName = put(soap, contact.display_name);
  out->offers = offers_to_wire(contact.reach.offers);
  return out;
}

constexpr int kDefaultWait = 20;

// In the order of Decision and of Right.
constexpr std::array kDecisions{
    coord__ConnectabilityDecision::NO_NUMBER,  coord__ConnectabilityDecision::REFUSED_LIST,
    coord__ConnectabilityDecision::POLICY_ASK, coord__ConnectabilityDecision::POLICY_CLOSED,
    coord__ConnectabilityDecision::MODE,       coord__ConnectabilityDecision::DEFAULT_STATE,
    coord__ConnectabilityDecision::NO_SESSION, coord__ConnectabilityDecision::SESSION};
constexpr std::array kRights{coord__ConnectabilityRight::OWNER, coord__ConnectabilityRight::AUTHORISED_LIST,
                             coord__ConnectabilityRight::GRANT, coord__ConnectabilityRight::POLICY_OPEN,
                             coord__ConnectabilityRight::NONE};

coord__CoveringState covering_to_wire(availability::ModeState state) {
  switch (state) {
    case availability::ModeState::kAvailable:
      return coord__CoveringState::AVAILABLE;
    case availability::ModeState::kNotAvailable:
      return coord__CoveringState::NOT_AVAILABLE;
    case availability::ModeState::kTransfer:
      return coord__CoveringState::TRANSFER;
    case availability::ModeState::kUnknown:
      break;
  }
  return coord__CoveringState::UNKNOWN;
}

std::optional<std::uint64_t> number_of(const LONG64* number) {
  return number == nullptr ? std::nullopt : std::optional(static_cast<std::uint64_t>(*number));
}

coord__UseContext* context_to_wire(struct soap* soap, const UseContext& context) {
  auto* out = soap_new_coord__UseContext(soap);
  out->contextId = context.id;
  out->userId = context.user;
  out->activity = context.activity;
  out->openedAt = context.opened_at;
  out->version = static_cast<LONG64>(context.version);
  out->lockedUntil = put(soap, context.locked_until);
  if (context.locked_by) out->lockedBy = service_to_wire(soap, *context.locked_by);
  for (const ContextEntry& entry : context.entries) {
    auto* item = soap_new_coord__ContextEntry(soap);
    item->key = entry.key;
    item->value = entry.value;
    item->version = static_cast<LONG64>(entry.version);
    item->changedAt = entry.changed_at;
    if (entry.service) item->service = service_to_wire(soap, *entry.service);
    out->entry.push_back(item);
  }
  return out;
}

class CoordinationEndpoint final : public CallsEndpoint {
 public:
  CoordinationEndpoint(struct soap* s, Guard& guard, Coordination& coordination, profiles::Profiles& profiles)
      : CallsEndpoint(s, guard, coordination, profiles) {}
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
      const OpenService open{
          in->accessSessionId, {in->service->name, in->service->provider}, given(in->viaServiceSessionId)};
      out.serviceSession = session_to_wire(soap, coordination_.open_service_session(op.db, op.caller, open));
    });
  }

  int ModifyAccessSession(_coord__ModifyAccessSession* in,
                          _coord__ModifyAccessSessionResponse& out) override {
    return guard_.operation("ModifyAccessSession", *in, out, [&](Operation& op) {
      const ConnectedTerminal connected = coordination_.modify_access_session(
          op.db, op.caller, given(in->userToken),
          {in->accessSessionId, given(in->profileId), given(in->callTerminal)});
      out.accessSession = session_to_wire(soap, connected.access_sessions.at(0));
      for (const auto& contact : connected.contacts)
        out.contactState.push_back(contact_to_wire(soap, contact));
      out.snapshotVersion = static_cast<LONG64>(connected.snapshot_version);
    });
  }

  int ModifyServiceSession(_coord__ModifyServiceSession* in,
                           _coord__ModifyServiceSessionResponse& out) override {
    return guard_.operation("ModifyServiceSession", *in, out, [&](Operation& op) {
      ServiceSessionChange change{in->serviceSessionId, given(in->accessSessionId), {}};
      for (const auto* item : in->parameter) change.parameters.push_back({item->name, given(item->value)});
      out.serviceSession =
          session_to_wire(soap, coordination_.modify_service_session(op.db, op.caller, change));
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
      auto sessions = coordination_.access_sessions(op.db, user_id);
      if (check::cut(sessions)) out.more = put(soap, std::optional(true));
      for (const auto& session : sessions) out.accessSession.push_back(session_to_wire(soap, session));
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
      const auto found = coordination_.service_sessions(op.db, op.caller, user_id);
      if (found.more) out.more = put(soap, std::optional(true));
      for (const auto& session : found.sessions) out.serviceSession.push_back(session_to_wire(soap, session));
    });
  }

  int GetConnectability(_coord__GetConnectability* in, _coord__GetConnectabilityResponse& out) override {
    return guard_.operation("GetConnectability", *in, out, [&](Operation& op) {
      if (in->profileId != nullptr) profiles_.subject_profile(op.db, op.caller, std::nullopt, *in->profileId);
      const auto reached = coordination_.connectability(
          op.db, op.caller, {in->contact, given(in->accessSessionId), given(in->serviceSessionId)});
      for (std::size_t i = 0; i < reached.size(); ++i) {
        auto* item = soap_new_c__ContactState(soap);
        item->contact = in->contact[i];
        item->state = state_to_wire(reached[i].state);
        item->offers = offers_to_wire(reached[i].offers);
        out.contactState.push_back(item);
      }
    });
  }

  int GetContactStates(_coord__GetContactStates* in, _coord__GetContactStatesResponse& out) override {
    return guard_.operation("GetContactStates", *in, out, [&](Operation& op) {
      const std::uint64_t since =
          in->sinceVersion == nullptr ? 0 : static_cast<std::uint64_t>(*in->sinceVersion);
      const int wait = given(in->waitSeconds).value_or(kDefaultWait);
      const auto place =
          coordination_.states_place(op.db, op.caller, given(in->userToken), in->profileId, since);
      const bool watched = op.poll.memory().has_value();
      if (place.access_session_id && !watched && wait > 0) {
        op.poll.memory() = true;
        op.poll.watch(Coordination::states_key(*place.access_session_id));
        op.poll.set_wait(std::chrono::seconds(wait));
      }
      const ContactDelta delta = coordination_.contact_states(op.db, place, since);
      out.version = static_cast<LONG64>(delta.version);
      out.complete = delta.complete;
      for (const auto& contact : delta.contacts) out.contactState.push_back(contact_to_wire(soap, contact));
      return delta.complete || !delta.contacts.empty() || wait == 0 || op.poll.last_run();
    });
  }

  int ExplainConnectability(_coord__ExplainConnectability* in,
                            _coord__ExplainConnectabilityResponse& out) override {
    return guard_.operation("ExplainConnectability", *in, out, [&](Operation& op) {
      const auto owner = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      const Explanation found = coordination_.explain(op.db, owner, given(in->asker));
      out.state = state_to_wire(found.state);
      out.decidedBy = kDecisions.at(static_cast<std::size_t>(found.decision));
      out.right = kRights.at(static_cast<std::size_t>(found.right));
      out.coveringState = covering_to_wire(found.mode_state);
      out.terminalId = found.terminals;
      out.offers = offers_to_wire(found.offers);
      out.modeId = put(soap, found.mode);
      if (found.by_mode) out.byRule = put(soap, std::optional(found.by_rule));
      out.outranked = found.outranked;
      if (found.grant) out.authorisationId = put(soap, std::optional(static_cast<LONG64>(*found.grant)));
      out.nextChange = put(soap, found.next_change);
    });
  }

  int OpenContext(_coord__OpenContext* in, _coord__OpenContextResponse& out) override {
    return guard_.operation("OpenContext", *in, out, [&](Operation& op) {
      const UseContext context =
          coordination_.contexts().open(op.db, op.caller, given(in->serviceSessionId), in->activity);
      out.created = context.created;
      out.context = context_to_wire(soap, context);
    });
  }

  int PutContext(_coord__PutContext* in, _coord__PutContextResponse& out) override {
    return guard_.operation("PutContext", *in, out, [&](Operation& op) {
      const PutEntry entry{in->contextId, in->key, given(in->value), number_of(in->ifVersion),
                           number_of(in->fencingToken)};
      out.version = static_cast<LONG64>(coordination_.contexts().put(op.db, op.caller, entry));
    });
  }

  int GetContext(_coord__GetContext* in, _coord__GetContextResponse& out) override {
    return guard_.operation("GetContext", *in, out, [&](Operation& op) {
      out.context = context_to_wire(soap, coordination_.contexts().get(op.db, op.caller, in->contextId));
    });
  }

  int LockContext(_coord__LockContext* in, _coord__LockContextResponse& out) override {
    return guard_.operation("LockContext", *in, out, [&](Operation& op) {
      const ContextLock lock = coordination_.contexts().lock(op.db, op.caller, in->contextId,
                                                             in->leaseSeconds, number_of(in->fencingToken));
      out.fencingToken = static_cast<LONG64>(lock.fencing_token);
      out.lockedUntil = put(soap, lock.until);
    });
  }

  int CloseContext(_coord__CloseContext* in, _coord__CloseContextResponse& out) override {
    return guard_.operation("CloseContext", *in, out, [&](Operation& op) {
      out.alreadyClosed = !coordination_.contexts().close(op.db, op.caller, in->contextId);
    });
  }
};

}  // namespace

int dispatch(struct soap* soap, Guard& guard, Coordination& coordination, profiles::Profiles& profiles) {
  CoordinationEndpoint endpoint(soap, guard, coordination, profiles);
  return endpoint.dispatch();
}

}  // namespace whitebrick::coordination
