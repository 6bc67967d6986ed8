#include "modules/events/answers_endpoint.hpp"

#include "server/soap_optional.hpp"

namespace whitebrick::events {

using namespace events_soap;

c__ProfileRef* profile_to_wire(struct soap* soap, const ProfileName& name) {
  c__ProfileRef* out = soap_new_c__ProfileRef(soap);
  out->userId = put(soap, std::optional(name.user));
  out->profileId = name.profile;
  return out;
}

std::vector<c__ProfileRef*> profiles_to_wire(struct soap* soap, const std::vector<ProfileName>& names) {
  std::vector<c__ProfileRef*> out;
  for (const ProfileName& name : names) out.push_back(profile_to_wire(soap, name));
  return out;
}

ev__Transmitter* transmitter_to_wire(struct soap* soap, const Transmitter& transmitter) {
  ev__Transmitter* out = soap_new_ev__Transmitter(soap);
  if (transmitter.service_id == 0) {
    out->kind = ev__PartyKind::COMPONENT;
    out->component = put(soap, std::optional(transmitter.component));
    return out;
  }
  out->kind = ev__PartyKind::SERVICE;
  if (transmitter.service.empty()) return out;  // deregistered since
  out->service = soap_new_c__ServiceRef(soap);
  out->service->name = transmitter.service;
  out->service->provider = transmitter.provider;
  return out;
}

ev__Event* event_to_wire(struct soap* soap, const Event& event) {
  ev__Event* out = soap_new_ev__Event(soap);
  out->eventId = static_cast<LONG64>(event.id);
  out->type = event.type;
  out->publishedAt = event.published_at;
  out->transmitter = transmitter_to_wire(soap, event.transmitter);
  out->content = event.content;
  out->profile = profiles_to_wire(soap, event.profiles);
  out->attempts = static_cast<int>(event.attempts);
  if (!event.terminal.empty()) out->terminalId = put(soap, std::optional(event.terminal));
  if (!event.user.empty()) out->userId = put(soap, std::optional(event.user));
  if (event.sequence != 0) out->sequence = put(soap, std::optional(static_cast<LONG64>(event.sequence)));
  if (event.replay) out->replay = put(soap, std::optional(true));
  if (event.coalesced != 0) out->coalesced = put(soap, std::optional(static_cast<int>(event.coalesced)));
  out->respondBefore = put(soap, event.respond_before);
  return out;
}

}  // namespace whitebrick::events
