#include "modules/availability/answers_endpoint.hpp"

#include "modules/availability/rules_endpoint.hpp"

#include "server/fault.hpp"
#include "server/soap_optional.hpp"

namespace whitebrick::availability {

using namespace availability_soap;

av__ModeState state_to_wire(ModeState state) {
  switch (state) {
    case ModeState::kAvailable:
      return av__ModeState::AVAILABLE;
    case ModeState::kNotAvailable:
      return av__ModeState::NOT_AVAILABLE;
    case ModeState::kTransfer:
      return av__ModeState::TRANSFER;
    case ModeState::kUnknown:
      break;
  }
  return av__ModeState::UNKNOWN;
}

ModeState state_from_wire(av__ModeState state) {
  switch (state) {
    case av__ModeState::AVAILABLE:
      return ModeState::kAvailable;
    case av__ModeState::NOT_AVAILABLE:
      return ModeState::kNotAvailable;
    case av__ModeState::TRANSFER:
      return ModeState::kTransfer;
    case av__ModeState::UNKNOWN:
      break;
  }
  return ModeState::kUnknown;
}

namespace {

c__CommunicationType to_wire(Communication type) {
  switch (type) {
    case Communication::kVoiceImmediate:
      return c__CommunicationType::VOICE_IMMEDIATE;
    case Communication::kWrittenImmediate:
      return c__CommunicationType::WRITTEN_IMMEDIATE;
    case Communication::kVoiceDelayed:
      return c__CommunicationType::VOICE_DELAYED;
    case Communication::kWrittenDelayed:
      break;
  }
  return c__CommunicationType::WRITTEN_DELAYED;
}

Offers bit_of(c__CommunicationType type) {
  for (const Communication known : kCommunications) {
    if (to_wire(known) == type) return static_cast<Offers>(known);
  }
  return 0;
}

av__CommunicationMode to_wire(Medium medium) {
  switch (medium) {
    case Medium::kFixed:
      return av__CommunicationMode::FIXED;
    case Medium::kMobile:
      return av__CommunicationMode::MOBILE;
    case Medium::kVoip:
      return av__CommunicationMode::VOIP;
    case Medium::kSms:
      return av__CommunicationMode::SMS;
    case Medium::kMms:
      return av__CommunicationMode::MMS;
    case Medium::kEmail:
      break;
  }
  return av__CommunicationMode::EMAIL;
}

std::vector<av__CommunicationMode> media_to_wire(Media media) {
  std::vector<av__CommunicationMode> modes;
  for (const Medium medium : kMedia) {
    if (media & media_bit(medium)) modes.push_back(to_wire(medium));
  }
  return modes;
}

Medium medium_of(av__CommunicationMode mode) {
  for (const Medium medium : kMedia) {
    if (to_wire(medium) == mode) return medium;
  }
  return Medium::kEmail;
}

av__NotificationMode to_wire(Notification notification) {
  switch (notification) {
    case Notification::kTerminals:
      return av__NotificationMode::TERMINALS;
    case Notification::kVoiceMessage:
      return av__NotificationMode::VOICE_MESSAGE;
    case Notification::kWrittenMessage:
      return av__NotificationMode::WRITTEN_MESSAGE;
    case Notification::kNone:
      break;
  }
  return av__NotificationMode::NONE;
}

Notification notification_of(av__NotificationMode mode) {
  switch (mode) {
    case av__NotificationMode::TERMINALS:
      return Notification::kTerminals;
    case av__NotificationMode::VOICE_MESSAGE:
      return Notification::kVoiceMessage;
    case av__NotificationMode::WRITTEN_MESSAGE:
      return Notification::kWrittenMessage;
    case av__NotificationMode::NONE:
      break;
  }
  return Notification::kNone;
}

template <class Value>
auto wire_or_nothing(struct soap* soap, const std::optional<Value>& value) {
  return put(soap, value ? std::optional(to_wire(*value)) : std::nullopt);
}

}  // namespace

std::vector<c__CommunicationType> offers_to_wire(Offers offers) {
  std::vector<c__CommunicationType> types;
  for (const Communication type : kCommunications) {
    if (holds(offers, type)) types.push_back(to_wire(type));
  }
  return types;
}

av__Mode* mode_to_wire(struct soap* soap, const Mode& mode) {
  av__Mode* out = soap_new_av__Mode(soap);
  out->modeId = mode.mode;
  out->activity = put(soap, mode.activity);
  out->state = state_to_wire(mode.state);
  out->transferTo = put(soap, mode.transfer.number);
  out->transferToTerminal = put(soap, mode.transfer.terminal);
  out->transferToMedium = wire_or_nothing(soap, mode.transfer.medium);
  if (mode.means.offers) out->offer = offers_to_wire(*mode.means.offers);
  if (mode.means.offers == Offers{0}) out->offersNothing = put(soap, std::optional(true));
  out->callBy = media_to_wire(mode.means.call_by);
  out->notification = wire_or_nothing(soap, mode.means.notification);
  out->contact = mode.contacts;
  out->priority = put(soap, std::optional(mode.priority));
  out->active = mode.active;
  out->until = put(soap, mode.until);
  out->version = static_cast<LONG64>(mode.version);
  if (mode.by_rules) out->byRules = put(soap, std::optional(true));
  out->rule = rules_to_wire(soap, mode.rules, false);
  return out;
}

namespace {

Means means_of(const _av__PutMode& in) {
  Means means;
  const bool nothing = given(in.offersNothing).value_or(false);
  if (nothing && !in.offer.empty()) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "offers nothing, or some types", "offersNothing");
  }
  if (nothing) means.offers = 0;
  for (const auto type : in.offer) means.offers = means.offers.value_or(0) | bit_of(type);
  for (const auto mode : in.callBy) means.call_by |= media_bit(medium_of(mode));
  if (in.notification != nullptr) means.notification = notification_of(*in.notification);
  return means;
}

}  // namespace

Mode mode_from_wire(const _av__PutMode& in) {
  Mode mode;
  mode.mode = in.modeId;
  mode.activity = given(in.activity);
  mode.state = state_from_wire(in.state);
  mode.transfer.number = given(in.transferTo);
  mode.transfer.terminal = given(in.transferToTerminal);
  if (in.transferToMedium != nullptr) mode.transfer.medium = medium_of(*in.transferToMedium);
  mode.means = means_of(in);
  mode.contacts = in.contact;
  mode.priority = given(in.priority).value_or(0);
  return mode;
}

namespace {

av__AuthorisationStatus to_wire(AuthorisationStatus status) {
  switch (status) {
    case AuthorisationStatus::kPending:
      return av__AuthorisationStatus::PENDING;
    case AuthorisationStatus::kGranted:
      return av__AuthorisationStatus::GRANTED;
    case AuthorisationStatus::kRefused:
      return av__AuthorisationStatus::REFUSED;
    case AuthorisationStatus::kUsed:
      break;
  }
  return av__AuthorisationStatus::USED;
}

}  // namespace

av__Authorisation* given_to_wire(struct soap* soap, const Authorisation& authorisation) {
  av__Authorisation* out = soap_new_av__Authorisation(soap);
  out->authorisationId = static_cast<LONG64>(authorisation.id);
  out->profileId = authorisation.profile;
  out->contact = authorisation.contact;
  out->status = to_wire(authorisation.status);
  out->oneShot = authorisation.one_shot;
  out->from = put(soap, authorisation.from);
  out->until = put(soap, authorisation.until);
  out->askedAt = put(soap, authorisation.asked_at);
  out->answeredAt = put(soap, authorisation.answered_at);
  return out;
}

av__AskedAuthorisation* asked_to_wire(struct soap* soap, const Authorisation& authorisation) {
  av__AskedAuthorisation* out = soap_new_av__AskedAuthorisation(soap);
  out->profileId = authorisation.profile;
  out->contact = authorisation.contact;
  out->status = to_wire(authorisation.status);
  out->oneShot = authorisation.one_shot;
  out->from = put(soap, authorisation.from);
  out->until = put(soap, authorisation.until);
  out->askedAt = authorisation.asked_at.value_or(Time{});
  return out;
}

namespace {

av__Standing to_wire(Standing standing) {
  switch (standing) {
    case Standing::kOwner:
      return av__Standing::OWNER;
    case Standing::kRefused:
      return av__Standing::REFUSED;
    case Standing::kKnown:
      return av__Standing::KNOWN;
    case Standing::kOther:
      break;
  }
  return av__Standing::OTHER;
}

av__Shown to_wire(Shown shown) {
  switch (shown) {
    case Shown::kState:
      return av__Shown::STATE;
    case Shown::kMustAsk:
      return av__Shown::AUTHORISATION_REQUIRED;
    case Shown::kNothing:
      break;
  }
  return av__Shown::NOTHING;
}

av__CallAction to_wire(CallAction action) {
  switch (action) {
    case CallAction::kAccept:
      return av__CallAction::ACCEPT;
    case CallAction::kNotify:
      return av__CallAction::NOTIFY;
    case CallAction::kForward:
      return av__CallAction::FORWARD;
    case CallAction::kReject:
      break;
  }
  return av__CallAction::REJECT;
}

av__Policy to_wire(ProfilePolicy policy) {
  switch (policy) {
    case ProfilePolicy::kOpen:
      return av__Policy::OPEN;
    case ProfilePolicy::kAsk:
      return av__Policy::ASK;
    case ProfilePolicy::kClosed:
      break;
  }
  return av__Policy::CLOSED;
}

av__StateSource to_wire(StateSource source) {
  switch (source) {
    case StateSource::kMode:
      return av__StateSource::MODE;
    case StateSource::kLevel:
      return av__StateSource::LEVEL;
    case StateSource::kDefault:
      break;
  }
  return av__StateSource::DEFAULT;
}

av__CallRule* call_to_wire(struct soap* soap, const CallRule& rule) {
  av__CallRule* out = soap_new_av__CallRule(soap);
  out->type = to_wire(rule.type);
  out->action = to_wire(rule.connected);
  out->actionAway = to_wire(rule.away);
  if (rule.messaging) out->messaging = put(soap, std::optional(true));
  return out;
}

av__FilterEntry* entry_to_wire(struct soap* soap, const FilterDocument& document, const FilterEntry& entry) {
  av__FilterEntry* out = soap_new_av__FilterEntry(soap);
  if (entry.standing) out->standing = put(soap, std::optional(to_wire(*entry.standing)));
  out->shown = to_wire(entry.shown);
  if (entry.shown == Shown::kState) out->state = put(soap, std::optional(state_to_wire(entry.state)));
  for (const CallRule& rule : document.calls(entry)) out->call.push_back(call_to_wire(soap, rule));
  if (!entry.mode) return out;
  const CoveringMode& mode = document.filter.modes[*entry.mode];
  if (mode.contacts > 0) out->setId = put(soap, std::optional("mode:" + mode.mode));
  if (!mode.mode.empty()) out->modeId = put(soap, std::optional(mode.mode));
  out->from = put(soap, mode.from);
  out->until = put(soap, mode.until);
  out->notification = wire_or_nothing(soap, mode.means.notification);
  if (entry.shown != Shown::kState) return out;
  out->transferTo = put(soap, mode.transfer.number);
  out->transferToTerminal = put(soap, mode.transfer.terminal);
  out->transferToMedium = wire_or_nothing(soap, mode.transfer.medium);
  out->callBy = media_to_wire(mode.means.call_by);
  return out;
}

}  // namespace

void filter_to_wire(struct soap* soap, const FilterDocument& document, _av__GetFilterResponse& out) {
  out.version = static_cast<LONG64>(document.version);
  out.validFrom = document.valid_from;
  out.validUntil = document.valid_until;
  for (const ContactSet& set : document.sets) {
    av__ContactSet* item = soap_new_av__ContactSet(soap);
    item->setId = set.id;
    item->contact = set.contacts;
    out.set.push_back(item);
  }
  for (const FilterEntry& entry : document.filter.entries) {
    out.entry.push_back(entry_to_wire(soap, document, entry));
  }
}

void explanation_to_wire(struct soap* soap, const Explanation& why, _av__ExplainAvailabilityResponse& out) {
  out.state = state_to_wire(why.verdict.state);
  out.authorisationRequired = why.verdict.shown == Shown::kMustAsk;
  out.offers = offers_to_wire(why.verdict.offers);
  out.at = put(soap, std::optional(why.at));
  out.standing = put(soap, std::optional(to_wire(why.standing)));
  out.onAuthorisedList = put(soap, std::optional(why.authorised));
  out.onRefusedList = put(soap, std::optional(why.refused));
  if (why.grant) out.authorisationId = put(soap, std::optional(static_cast<LONG64>(*why.grant)));
  out.policy = put(soap, std::optional(to_wire(why.policy)));
  out.source = put(soap, std::optional(to_wire(why.source)));
  out.ownState = put(soap, std::optional(state_to_wire(why.own_state)));
  out.modeId = put(soap, why.mode);
  out.byRule = put(soap, std::optional(why.by_rule));
  out.outranked = why.outranked;
  for (const CallRule& rule : why.calls) out.call.push_back(call_to_wire(soap, rule));
  out.nextChange = put(soap, why.next_change);
}

}  // namespace whitebrick::availability
