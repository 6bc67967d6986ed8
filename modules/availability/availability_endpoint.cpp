#include "modules/availability/availability_endpoint.hpp"

#include "availability_soapAvailabilityService.h"
#include "modules/availability/answers_endpoint.hpp"
#include "modules/availability/availability.hpp"
#include "modules/availability/rules_endpoint.hpp"
#include "modules/profiles/profiles.hpp"
#include "server/fault.hpp"
#include "server/operation.hpp"
#include "server/soap_optional.hpp"

namespace whitebrick::availability {
namespace {

using namespace availability_soap;

std::optional<std::uint64_t> version_of(const LONG64* version) {
  return version == nullptr ? std::nullopt : std::optional(static_cast<std::uint64_t>(*version));
}

Activation activation_of(const _av__ActivateMode& in) {
  Activation activation{.mode = given(in.modeId),
                        .level = {},
                        .active = given(in.active).value_or(true),
                        .until = given(in.until)};
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
      const auto written = availability_.put_mode(op.db, key, mode_from_wire(*in), version_of(in->ifVersion));
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
      out.rule = rules_to_wire(soap, modes.rules, true);
      if (modes.rules_version)
        out.rulesVersion = put(soap, std::optional(static_cast<LONG64>(*modes.rules_version)));
      out.nextChange = put(soap, modes.next_change);
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

  int DeleteMode(_av__DeleteMode* in, _av__DeleteModeResponse& out) override {
    return guard_.operation("DeleteMode", *in, out, [&](Operation& op) {
      const auto key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      availability_.delete_mode(op.db, key, in->modeId, version_of(in->ifVersion));
      out.done = true;
    });
  }

  int PutRules(_av__PutRules* in, _av__PutRulesResponse& out) override {
    return guard_.operation("PutRules", *in, out, [&](Operation& op) {
      const auto key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      const auto written = availability_.put_rules(op.db, key, given(in->modeId), rules_from_wire(*in),
                                                   version_of(in->ifVersion));
      out.version = static_cast<LONG64>(written.version);
      out.created = written.created;
    });
  }

  int ResumeRules(_av__ResumeRules* in, _av__ResumeRulesResponse& out) override {
    return guard_.operation("ResumeRules", *in, out, [&](Operation& op) {
      const auto key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      out.ended = availability_.resume_rules(op.db, key);
    });
  }

  int ImportCalendar(_av__ImportCalendar* in, _av__ImportCalendarResponse& out) override {
    return guard_.operation("ImportCalendar", *in, out, [&](Operation& op) {
      const auto key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      const ImportedCalendar imported = availability_.import_calendar(
          op.db, key, in->calendar, given(in->modeId), version_of(in->ifVersion));
      out.version = static_cast<LONG64>(imported.version);
      out.modeId = imported.modes;
      out.rules = imported.rules;
      out.skipped = imported.skipped;
    });
  }

  int ExportCalendar(_av__ExportCalendar* in, _av__ExportCalendarResponse& out) override {
    return guard_.operation("ExportCalendar", *in, out, [&](Operation& op) {
      const auto key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      out.calendar = availability_.export_calendar(op.db, key);
    });
  }

  int PreviewCalendar(_av__PreviewCalendar* in, _av__PreviewCalendarResponse& out) override {
    return guard_.operation("PreviewCalendar", *in, out, [&](Operation& op) {
      const auto key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      out.planned = planned_to_wire(soap, availability_.preview_calendar(op.db, key, in->from, in->to));
    });
  }

  int GetAvailability(_av__GetAvailability* in, _av__GetAvailabilityResponse& out) override {
    return guard_.operation("GetAvailability", *in, out, [&](Operation& op) {
      const std::string number = profiles::normalise_number(in->contact, "contact");
      const std::uint64_t service = op.caller.role == Role::kService ? op.caller.account_id : 0;
      const Reach reach = reach_for(op, service, number);
      out.contact = number;
      out.state = state_to_wire(reach.seen.state);
      out.authorisationRequired = reach.seen.authorisation_required;
      out.offers = offers_to_wire(reach.offers);
    });
  }

  int RequestAuthorisation(_av__RequestAuthorisation* in, _av__RequestAuthorisationResponse& out) override {
    return guard_.operation("RequestAuthorisation", *in, out, [&](Operation& op) {
      const std::string number = profiles::normalise_number(in->contact, "contact");
      const auto asker =
          availability_.acting_profile(op.db, op.caller, given(in->serviceSessionId), in->profileId);
      availability_.request_authorisation(op.db, asker, number, given(in->message));
      out.status = av__RequestStatus::PENDING;
    });
  }

  int AnswerAuthorisation(_av__AnswerAuthorisation* in, _av__AnswerAuthorisationResponse& out) override {
    return guard_.operation("AnswerAuthorisation", *in, out, [&](Operation& op) {
      const AuthorisationAnswer answer{.grant = in->grant,
                                       .one_shot = given(in->oneShot).value_or(false),
                                       .from = given(in->from),
                                       .until = given(in->until)};
      out.done = true;
      if (in->authorisationId != nullptr && in->contact == nullptr && in->profileId == nullptr) {
        availability_.answer_authorisation(op.db, op.caller, static_cast<std::uint64_t>(*in->authorisationId),
                                           answer);
        return;
      }
      if (in->authorisationId != nullptr || in->contact == nullptr || in->profileId == nullptr) {
        throw Fault(FaultCode::INVALID_ARGUMENT, "either authorisationId, or profileId and contact",
                    "authorisationId");
      }
      const std::string number = profiles::normalise_number(*in->contact, "contact");
      const auto key = profiles_.subject_profile(op.db, op.caller, std::nullopt, *in->profileId);
      availability_.authorise_ahead(op.db, op.caller, key, number, answer);
    });
  }

  int ListAuthorisations(_av__ListAuthorisations* in, _av__ListAuthorisationsResponse& out) override {
    return guard_.operation("ListAuthorisations", *in, out, [&](Operation& op) {
      const auto user_id = profiles_.subject(op.db, op.caller, given(in->userId));
      const Authorisations all = availability_.list_authorisations(op.db, user_id);
      for (const Authorisation& one : all.given) out.given.push_back(given_to_wire(soap, one));
      for (const Authorisation& one : all.asked) out.asked.push_back(asked_to_wire(soap, one));
    });
  }

  int RevokeAuthorisation(_av__RevokeAuthorisation* in, _av__RevokeAuthorisationResponse& out) override {
    return guard_.operation("RevokeAuthorisation", *in, out, [&](Operation& op) {
      availability_.revoke_authorisation(op.db, op.caller, static_cast<std::uint64_t>(in->authorisationId));
      out.done = true;
    });
  }

  int GetFilter(_av__GetFilter* in, _av__GetFilterResponse& out) override {
    return guard_.operation("GetFilter", *in, out, [&](Operation& op) {
      const auto key = profiles_.subject_profile(op.db, op.caller, given(in->userId), in->profileId);
      filter_to_wire(soap, availability_.filter(op.db, key), out);
    });
  }

  int ExplainAvailability(_av__ExplainAvailability* in, _av__ExplainAvailabilityResponse& out) override {
    return guard_.operation("ExplainAvailability", *in, out, [&](Operation& op) {
      if ((in->contact == nullptr) == (in->profileId == nullptr)) {
        throw Fault(FaultCode::INVALID_ARGUMENT, "either a profile of yours, or a contact", "profileId");
      }
      if (in->contact != nullptr) {
        explain_to_asker(op, *in, out);
        return;
      }
      std::optional<std::string> asker;
      if (in->asker != nullptr) asker = profiles::normalise_number(*in->asker, "asker");
      const auto key = profiles_.subject_profile(op.db, op.caller, given(in->userId), *in->profileId);
      explanation_to_wire(soap, availability_.explain(op.db, key, asker, given(in->at)), out);
    });
  }

 private:
  // Only what GetAvailability tells him too.
  void explain_to_asker(Operation& op, const _av__ExplainAvailability& in,
                        _av__ExplainAvailabilityResponse& out) {
    const auto refuse = [](const char* field) {
      throw Fault(FaultCode::FORBIDDEN, "whom a profile shows what, its owner learns", field);
    };
    if (in.asker != nullptr) refuse("asker");
    if (in.at != nullptr) refuse("at");
    if (in.userId != nullptr) refuse("userId");
    const std::string number = profiles::normalise_number(*in.contact, "contact");
    const Reach reach = reach_for(op, 0, number);
    out.state = state_to_wire(reach.seen.state);
    out.authorisationRequired = reach.seen.authorisation_required;
    out.offers = offers_to_wire(reach.offers);
  }

  // An administrator sees what the owner himself would see.
  Reach reach_for(Operation& op, std::uint64_t service_id, const std::string& number) {
    if (op.caller.role != Role::kAdmin) {
      return availability_
          .reach(op.db, op.caller.user_id, service_id, {number}, Availability::OneShot::kLeave)
          .front();
    }
    View view = availability_.views(op.db, 0, 0, {number}).front();
    view.facts.asks_himself = view.facts.registered;
    return reach_of(view.facts);
  }

  Guard& guard_;
  Availability& availability_;
  profiles::Profiles& profiles_;
};

}  // namespace

int dispatch(struct soap* soap, Guard& guard, Availability& availability, profiles::Profiles& profiles) {
  return AvailabilityEndpoint(soap, guard, availability, profiles).dispatch();
}

}  // namespace whitebrick::availability
