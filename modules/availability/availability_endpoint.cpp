#include "modules/availability/availability_endpoint.hpp"

#include "availability_soapAvailabilityService.h"
#include "modules/availability/availability.hpp"
#include "modules/profiles/profiles.hpp"
#include "server/operation.hpp"
#include "server/soap_optional.hpp"

namespace whitebrick::availability {
namespace {

using namespace availability_soap;

av__ModeState state_to_wire(ModeState state) {
  switch (state) {
    case ModeState::kAvailable: return av__ModeState::AVAILABLE;
    case ModeState::kNotAvailable: return av__ModeState::NOT_AVAILABLE;
    case ModeState::kTransfer: return av__ModeState::TRANSFER;
    case ModeState::kUnknown: break;
  }
  return av__ModeState::UNKNOWN;
}

ModeState state_from_wire(av__ModeState state) {
  switch (state) {
    case av__ModeState::AVAILABLE: return ModeState::kAvailable;
    case av__ModeState::NOT_AVAILABLE: return ModeState::kNotAvailable;
    case av__ModeState::TRANSFER: return ModeState::kTransfer;
    case av__ModeState::UNKNOWN: break;
  }
  return ModeState::kUnknown;
}

std::optional<std::uint64_t> version_of(const LONG64* version) {
  return version == nullptr ? std::nullopt : std::optional(static_cast<std::uint64_t>(*version));
}

av__Mode* mode_to_wire(struct soap* soap, const Mode& mode) {
  av__Mode* out = soap_new_av__Mode(soap);
  out->modeId = mode.mode;
  out->activity = put(soap, mode.activity);
  out->state = state_to_wire(mode.state);
  out->transferTo = put(soap, mode.transfer_to);
  out->contact = mode.contacts;
  out->priority = put(soap, std::optional(mode.priority));
  out->active = mode.active;
  out->until = put(soap, mode.until);
  out->version = static_cast<LONG64>(mode.version);
  return out;
}

Mode mode_of(const _av__PutMode& in) {
  return {.mode = in.modeId,
          .activity = given(in.activity),
          .state = state_from_wire(in.state),
          .transfer_to = given(in.transferTo),
          .contacts = in.contact,
          .priority = given(in.priority).value_or(0),
          .active = false,
          .until = {},
          .version = 0};
}

Activation activation_of(const _av__ActivateMode& in) {
  Activation activation{
      .mode = given(in.modeId), .level = {}, .active = given(in.active).value_or(true), .until = given(in.until)};
  if (in.level != nullptr) activation.level = state_from_wire(*in.level);
  return activation;
}

class AvailabilityEndpoint final : public AvailabilityService {
 public:
  AvailabilityEndpoint(struct soap* s, Guard& guard, Availability& availability, profiles::Profiles& profiles)
      : AvailabilityService(s), guard_(guard), availability_(availability), profiles_(profiles) {}
  AvailabilityService* copy() override { return nullptr; }

  int PutMode(_av__PutMode* in, _av__PutModeResponse& out) override {
    return guard_.operation("PutMode", *in, out, [&](Operation& op) {
      const auto key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      const auto written = availability_.put_mode(op.db, key, mode_of(*in), version_of(in->ifVersion));
      out.version = static_cast<LONG64>(written.version);
      out.created = written.created;
    });
  }

  int ListModes(_av__ListModes* in, _av__ListModesResponse& out) override {
    return guard_.operation("ListModes", *in, out, [&](Operation& op) {
      const auto key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      const Modes modes = availability_.list_modes(op.db, key);
      for (const Mode& mode : modes.modes) out.mode.push_back(mode_to_wire(soap, mode));
      if (modes.level) out.level = put(soap, std::optional(state_to_wire(*modes.level)));
      out.levelUntil = put(soap, modes.level_until);
    });
  }

  int ActivateMode(_av__ActivateMode* in, _av__ActivateModeResponse& out) override {
    return guard_.operation("ActivateMode", *in, out, [&](Operation& op) {
      const auto key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      const Activation activation = activation_of(*in);
      out.activatedAt = availability_.activate(op.db, key, activation);
      if (activation.active) out.until = put(soap, activation.until);
    });
  }

  int GetAvailability(_av__GetAvailability* in, _av__GetAvailabilityResponse& out) override {
    return guard_.operation("GetAvailability", *in, out, [&](Operation& op) {
      const std::string number = profiles::normalise_number(in->contact, "contact");
      const std::uint64_t service = op.caller.role == Role::kService ? op.caller.account_id : 0;
      View view = availability_.views(op.db, op.caller.user_id, service, {number}).front();
      // An administrator sees what the owner himself would see.
      if (op.caller.role == Role::kAdmin) view.facts.asks_himself = view.facts.registered;
      const Seen seen = availability(view.facts);
      out.contact = number;
      out.state = state_to_wire(seen.state);
      out.authorisationRequired = seen.authorisation_required;
    });
  }

  int RequestAuthorisation(_av__RequestAuthorisation* in, _av__RequestAuthorisationResponse& out) override {
    return guard_.operation("RequestAuthorisation", *in, out, [&](Operation& op) {
      const std::string number = profiles::normalise_number(in->contact, "contact");
      const auto asker = profiles_.subject_profile(op.db, op.caller, std::nullopt, in->profileId);
      availability_.request_authorisation(op.db, asker, number, given(in->message));
      out.status = av__RequestStatus::PENDING;
    });
  }

  int AnswerAuthorisation(_av__AnswerAuthorisation* in, _av__AnswerAuthorisationResponse& out) override {
    return guard_.operation("AnswerAuthorisation", *in, out, [&](Operation& op) {
      availability_.answer_authorisation(op.db, op.caller, static_cast<std::uint64_t>(in->authorisationId),
                                         in->grant, given(in->until));
      out.done = true;
    });
  }

 private:
  Guard& guard_;
  Availability& availability_;
  profiles::Profiles& profiles_;
};

}  // namespace

int dispatch(struct soap* soap, Guard& guard, Availability& availability, profiles::Profiles& profiles) {
  return AvailabilityEndpoint(soap, guard, availability, profiles).dispatch();
}

}  // namespace whitebrick::availability
