#include "modules/coordination/calls_endpoint.hpp"

#include <algorithm>
#include <cstring>

#include "modules/coordination/calls.hpp"
#include "modules/coordination/contact_alerts.hpp"
#include "modules/coordination/contents.hpp"
#include "modules/coordination/coordination.hpp"
#include "modules/coordination/urgent.hpp"
#include "modules/profiles/profiles.hpp"
#include "server/fault.hpp"
#include "server/operation.hpp"
#include "server/soap_optional.hpp"

namespace whitebrick::coordination {
namespace {

using namespace coordination_soap;

Communication from_wire(c__CommunicationType type) {
  switch (type) {
    case c__CommunicationType::VOICE_IMMEDIATE:
      return Communication::kVoiceImmediate;
    case c__CommunicationType::VOICE_DELAYED:
      return Communication::kVoiceDelayed;
    case c__CommunicationType::WRITTEN_IMMEDIATE:
      return Communication::kWrittenImmediate;
    case c__CommunicationType::WRITTEN_DELAYED:
      break;
  }
  return Communication::kWrittenDelayed;
}

CallReport from_wire(coord__CallReport report) {
  switch (report) {
    case coord__CallReport::RINGING:
      return CallReport::kRinging;
    case coord__CallReport::ESTABLISHED:
      return CallReport::kEstablished;
    case coord__CallReport::ENDED:
      break;
  }
  return CallReport::kEnded;
}

coord__CallDecision to_wire(struct soap* soap, CallAction action) {
  coord__CallDecision out{};
  soap_s2coord__CallDecision(soap, std::string(wire_name(action)).c_str(), &out);
  return out;
}

coord__CallReason to_wire(struct soap* soap, CallReason reason) {
  coord__CallReason out{};
  soap_s2coord__CallReason(soap, std::string(wire_name(reason)).c_str(), &out);
  return out;
}

coord__CallState to_wire(struct soap* soap, CallState state) {
  coord__CallState out{};
  soap_s2coord__CallState(soap, std::string(wire_name(state)).c_str(), &out);
  return out;
}

coord__CallTarget* target_to_wire(struct soap* soap, const DecidedCall& decided) {
  if (wire_name(decided.action) != "FORWARD") return nullptr;
  auto* out = soap_new_coord__CallTarget(soap);
  out->number = put(soap, decided.target.number);
  out->terminalId = put(soap, decided.target.terminal);
  if (decided.target.medium) {
    coord__Medium medium{};
    soap_s2coord__Medium(soap, std::string(wire_name(*decided.target.medium)).c_str(), &medium);
    out->medium = put(soap, std::optional(medium));
  }
  if (decided.messaging) {
    out->messaging = soap_new_c__ServiceRef(soap);
    out->messaging->name = decided.messaging->name;
    out->messaging->provider = decided.messaging->provider;
  }
  return out;
}

std::string bytes_of(const xsd__base64Binary& binary) {
  return {reinterpret_cast<const char*>(binary.__ptr), static_cast<std::size_t>(binary.__size)};
}

xsd__base64Binary* bytes_to_wire(struct soap* soap, const std::string& bytes) {
  auto* out = soap_new_xsd__base64Binary(soap);
  out->__ptr = static_cast<unsigned char*>(soap_malloc(soap, bytes.size()));
  out->__size = static_cast<int>(bytes.size());
  std::memcpy(out->__ptr, bytes.data(), bytes.size());
  return out;
}

}  // namespace

CallsEndpoint::CallsEndpoint(struct soap* s, Guard& guard, Coordination& coordination,
                             profiles::Profiles& profiles)
    : CoordinationService(s), guard_(guard), coordination_(coordination), profiles_(profiles) {}

int CallsEndpoint::DecideCall(_coord__DecideCall* in, _coord__DecideCallResponse& out) {
  return guard_.operation("DecideCall", *in, out, [&](Operation& op) {
    const DecidedCall decided = coordination_.calls().decide(op.db, op.caller,
                                                             {.call_id = in->callId,
                                                              .called = in->calledNumber,
                                                              .caller = given(in->callerNumber),
                                                              .type = from_wire(in->type),
                                                              .history = in->history,
                                                              .dry_run = given(in->dryRun).value_or(false)});
    out.decision = to_wire(soap, decided.action);
    out.reason = to_wire(soap, decided.reason);
    out.target = target_to_wire(soap, decided);
    out.terminalId = decided.terminals;
    out.ringSeconds = decided.ring_seconds;
    out.history = decided.history;
    out.trace = decided.trace;
    out.decidedAt = decided.decided_at;
  });
}

int CallsEndpoint::PlaceCall(_coord__PlaceCall* in, _coord__PlaceCallResponse& out) {
  return guard_.operation("PlaceCall", *in, out, [&](Operation& op) {
    const auto from =
        coordination_.acting_profile(op.db, op.caller, given(in->serviceSessionId), in->profileId);
    const PlacedCall placed =
        coordination_.calls().place(op.db, op.caller, from, in->callId, in->contact, from_wire(in->type));
    out.decision = to_wire(soap, placed.action);
    out.ringSeconds = placed.ring_seconds;
  });
}

int CallsEndpoint::ChooseTerminal(_coord__ChooseTerminal* in, _coord__ChooseTerminalResponse& out) {
  return guard_.operation("ChooseTerminal", *in, out, [&](Operation& op) {
    const ChosenTerminal chosen =
        coordination_.calls().choose_terminal(op.db, op.caller, in->callId, in->terminalId);
    out.taken = chosen.won;
    if (!chosen.terminal.empty()) out.terminalId = put(soap, std::optional(chosen.terminal));
  });
}

int CallsEndpoint::ReportCall(_coord__ReportCall* in, _coord__ReportCallResponse& out) {
  return guard_.operation("ReportCall", *in, out, [&](Operation& op) {
    const ReportedCall reported = coordination_.calls().report(op.db, op.caller, in->callId,
                                                               from_wire(in->state), given(in->terminalId));
    out.state = to_wire(soap, reported.state);
    out.lost = reported.lost;
  });
}

int CallsEndpoint::AllowUrgent(_coord__AllowUrgent* in, _coord__AllowUrgentResponse& out) {
  return guard_.operation("AllowUrgent", *in, out, [&](Operation& op) {
    const auto owner = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
    UrgentPermission permission;
    permission.contact = in->contact;
    permission.voice = std::ranges::find(in->kind, coord__UrgentKind::VOICE) != in->kind.end();
    permission.written = std::ranges::find(in->kind, coord__UrgentKind::WRITTEN) != in->kind.end();
    permission.until = given(in->until);
    permission.rate_per_hour = given(in->ratePerHour).value_or(permission.rate_per_hour);
    out.allowed = coordination_.urgent_messages().allow(op.db, owner, permission);
  });
}

int CallsEndpoint::ListUrgentPermissions(_coord__ListUrgentPermissions* in,
                                         _coord__ListUrgentPermissionsResponse& out) {
  return guard_.operation("ListUrgentPermissions", *in, out, [&](Operation& op) {
    const auto user_id = profiles_.subject(op.db, op.caller, given(in->userId));
    std::optional<std::uint64_t> profile_id;
    if (in->profileId != nullptr) {
      profile_id = profiles_.subject_profile(op.db, op.caller, given(in->userId), *in->profileId).id;
    }
    for (const auto& one : coordination_.urgent_messages().permissions(op.db, user_id, profile_id)) {
      auto* item = soap_new_coord__UrgentPermission(soap);
      item->profileId = one.profile;
      item->contact = one.permission.contact;
      if (one.permission.voice) item->kind.push_back(coord__UrgentKind::VOICE);
      if (one.permission.written) item->kind.push_back(coord__UrgentKind::WRITTEN);
      item->until = put(soap, one.permission.until);
      item->ratePerHour = one.permission.rate_per_hour;
      item->sentLastHour = one.sent_last_hour;
      out.permission.push_back(item);
    }
  });
}

int CallsEndpoint::SendUrgent(_coord__SendUrgent* in, _coord__SendUrgentResponse& out) {
  return guard_.operation("SendUrgent", *in, out, [&](Operation& op) {
    if ((in->text == nullptr) == (in->voice == nullptr)) {
      throw Fault(FaultCode::INVALID_ARGUMENT, "exactly one of text and voice is needed", "text");
    }
    UrgentContent message;
    if (in->voice != nullptr) {
      message.kind = UrgentKind::kVoice;
      message.content = bytes_of(*in->voice);
      message.voice_type = given(in->voiceType).value_or("audio/wav");
    } else {
      message.content = *in->text;
    }
    const auto sender =
        coordination_.acting_profile(op.db, op.caller, given(in->serviceSessionId), std::nullopt);
    out.urgentId = coordination_.urgent_messages().send(op.db, sender, in->contact, message);
  });
}

int CallsEndpoint::GetUrgent(_coord__GetUrgent* in, _coord__GetUrgentResponse& out) {
  return guard_.operation("GetUrgent", *in, out, [&](Operation& op) {
    const UrgentMessage found = coordination_.urgent_messages().get(op.db, op.caller, in->urgentId);
    out.sender = found.sender;
    out.sentAt = found.sent_at;
    out.acknowledged = found.acknowledged;
    out.voiceType = put(soap, found.message.voice_type);
    if (found.message.kind == UrgentKind::kVoice) {
      out.voice = bytes_to_wire(soap, found.message.content);
    } else {
      out.text = put(soap, std::optional(found.message.content));
    }
  });
}

int CallsEndpoint::AcknowledgeUrgent(_coord__AcknowledgeUrgent* in, _coord__AcknowledgeUrgentResponse& out) {
  return guard_.operation("AcknowledgeUrgent", *in, out, [&](Operation& op) {
    out.acknowledged = coordination_.urgent_messages().acknowledge(op.db, op.caller, in->urgentId);
  });
}

int CallsEndpoint::WatchContact(_coord__WatchContact* in, _coord__WatchContactResponse& out) {
  return guard_.operation("WatchContact", *in, out, [&](Operation& op) {
    const auto asker =
        coordination_.acting_profile(op.db, op.caller, given(in->serviceSessionId), in->profileId);
    const auto state = coordination_.contact_alerts().watch(
        op.db, asker, {in->contact, given(in->once).value_or(true), given(in->until)});
    soap_s2c__ConnectabilityState(soap, std::string(wire_name(state)).c_str(), &out.state);
  });
}

}  // namespace whitebrick::coordination
