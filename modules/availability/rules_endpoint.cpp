#include "modules/availability/rules_endpoint.hpp"

#include "server/check.hpp"
#include "server/fault.hpp"
#include "server/soap_optional.hpp"

namespace whitebrick::availability {

using namespace availability_soap;

namespace {

Rule rule_from_wire(const av__Rule& in, bool of_profile) {
  Rule rule;
  if (in.action != nullptr && *in.action == av__RuleAction::DEACTIVATE) rule.action = RuleAction::kDeactivate;
  if (of_profile != (in.modeId != nullptr)) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "a rule in a profile names its mode, one in a mode does not",
                "modeId");
  }
  if (in.modeId != nullptr) rule.mode = *in.modeId;
  rule.zone = in.timeZone;
  rule.start = parse_local(in.start, "start");
  if (in.end != nullptr) rule.end = parse_local(*in.end, "end");
  if (in.durationMinutes != nullptr) rule.duration = std::chrono::minutes(*in.durationMinutes);
  rule.recurrence = given(in.recurrence);
  for (const std::string& time : in.except) rule.except.push_back(parse_local(time, "except"));
  for (const std::string& time : in.extra) rule.extra.push_back(parse_local(time, "extra"));
  return rule;
}

av__Rule* rule_to_wire(struct soap* soap, const Rule& rule, bool of_profile) {
  av__Rule* out = soap_new_av__Rule(soap);
  if (of_profile) {
    out->action = put(soap, std::optional(rule.action == RuleAction::kActivate ? av__RuleAction::ACTIVATE
                                                                               : av__RuleAction::DEACTIVATE));
    out->modeId = put(soap, std::optional(rule.mode));
  }
  out->timeZone = rule.zone;
  out->start = local_text(rule.start);
  if (rule.end) out->end = put(soap, std::optional(local_text(*rule.end)));
  if (rule.duration)
    out->durationMinutes = put(soap, std::optional(static_cast<int>(rule.duration->count())));
  out->recurrence = put(soap, rule.recurrence);
  for (const LocalTime time : rule.except) out->except.push_back(local_text(time));
  for (const LocalTime time : rule.extra) out->extra.push_back(local_text(time));
  return out;
}

}  // namespace

std::vector<Rule> rules_from_wire(const _av__PutRules& in) {
  check::count(in.rule.size(), kMaxRules, "rule");
  std::vector<Rule> rules;
  for (const av__Rule* rule : in.rule) rules.push_back(rule_from_wire(*rule, in.modeId == nullptr));
  return rules;
}

std::vector<av__Rule*> rules_to_wire(struct soap* soap, const std::vector<Rule>& rules, bool of_profile) {
  std::vector<av__Rule*> out;
  for (const Rule& rule : rules) out.push_back(rule_to_wire(soap, rule, of_profile));
  return out;
}

std::vector<av__PlannedMode*> planned_to_wire(struct soap* soap, const std::vector<PlannedMode>& planned) {
  std::vector<av__PlannedMode*> out;
  for (const PlannedMode& mode : planned) {
    out.push_back(soap_new_av__PlannedMode(soap));
    out.back()->modeId = mode.mode;
    out.back()->from = mode.begin;
    out.back()->until = put(soap, mode.end);
  }
  return out;
}

}  // namespace whitebrick::availability
