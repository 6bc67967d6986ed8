#include "modules/coordination/call_decision.hpp"

#include <algorithm>
#include <utility>

namespace whitebrick::coordination {

using availability::Connectability;
using availability::Medium;
using profiles::TerminalKind;

bool is_immediate(Communication type) { return availability::holds(availability::kImmediate, type); }

std::string_view wire_name(Communication type) {
  switch (type) {
    case Communication::kVoiceImmediate:
      return "VOICE_IMMEDIATE";
    case Communication::kVoiceDelayed:
      return "VOICE_DELAYED";
    case Communication::kWrittenImmediate:
      return "WRITTEN_IMMEDIATE";
    case Communication::kWrittenDelayed:
      break;
  }
  return "WRITTEN_DELAYED";
}

std::string_view wire_name(Medium medium) {
  switch (medium) {
    case Medium::kFixed:
      return "FIXED";
    case Medium::kMobile:
      return "MOBILE";
    case Medium::kVoip:
      return "VOIP";
    case Medium::kSms:
      return "SMS";
    case Medium::kMms:
      return "MMS";
    case Medium::kEmail:
      break;
  }
  return "EMAIL";
}

std::vector<Communication> offered_types(const availability::Facts& facts, bool messaging) {
  const auto offers = availability::offered_now(facts);
  std::vector<Communication> types;
  for (const auto type : availability::kCommunications) {
    if (availability::holds(offers, type) && (messaging || is_immediate(type))) types.push_back(type);
  }
  return types;
}

bool offers(const std::vector<Communication>& types, Communication type) {
  return std::ranges::find(types, type) != types.end();
}

std::string listed(const std::vector<Communication>& types) {
  std::string text;
  for (const auto type : types) text.append(text.empty() ? "" : ", ").append(wire_name(type));
  return text.empty() ? "none" : text;
}

std::string_view wire_name(CallAction action) {
  switch (action) {
    case CallAction::kAccept:
      return "ACCEPT";
    case CallAction::kReject:
      return "REJECT";
    case CallAction::kNotify:
      return "NOTIFY";
    case CallAction::kForwardToNumber:
    case CallAction::kForwardToMessaging:
    case CallAction::kForwardToTerminals:
      break;
  }
  return "FORWARD";
}

std::string_view wire_name(CallReason reason) {
  switch (reason) {
    case CallReason::kAvailable:
      return "AVAILABLE";
    case CallReason::kNotAvailable:
      return "NOT_AVAILABLE";
    case CallReason::kNotConnected:
      return "NOT_CONNECTED";
    case CallReason::kAuthorisationRequired:
      return "AUTHORISATION_REQUIRED";
    case CallReason::kTransfer:
      return "TRANSFER";
    case CallReason::kUnknown:
      return "UNKNOWN";
    case CallReason::kInCall:
      return "IN_CALL";
    case CallReason::kDelayedType:
      return "DELAYED_TYPE";
    case CallReason::kTypeNotOffered:
      return "TYPE_NOT_OFFERED";
    case CallReason::kDiversionLoop:
      return "DIVERSION_LOOP";
    case CallReason::kTooManyDiversions:
      break;
  }
  return "TOO_MANY_DIVERSIONS";
}

namespace {

// A terminal's way into the network; what runs in a browser or behind a portal is VoIP.
Medium medium_of(TerminalKind kind) {
  switch (kind) {
    case TerminalKind::kFixed:
      return Medium::kFixed;
    case TerminalKind::kMobile:
      return Medium::kMobile;
    case TerminalKind::kVoip:
    case TerminalKind::kWeb:
    case TerminalKind::kPortal:
    case TerminalKind::kOther:
      break;
  }
  return Medium::kVoip;
}

constexpr availability::Media kCallMedia = availability::media_bit(Medium::kFixed) |
                                           availability::media_bit(Medium::kMobile) |
                                           availability::media_bit(Medium::kVoip);

// The rule at work: facts in, one decision out, leaving its trace.
class Deciding {
 public:
  explicit Deciding(const CallFacts& facts)
      : facts_(facts), filter_(availability::decide_call(facts.seen_by_caller, facts.type)) {}

  CallDecision decide() {
    const auto seen =
        facts_.served ? availability::connectability(facts_.seen_by_caller) : Connectability::kUnknown;
    switch (seen) {
      case Connectability::kUnknown:
        note("K5: the called number is unknown, or hidden from the caller");
        return decided(CallAction::kReject, CallReason::kUnknown);
      case Connectability::kAuthorisationRequired:
        return decide_for_stranger();
      case Connectability::kInTransfer:
        note("K4: the mode transfers calls");
        break;
      case Connectability::kNotConnectable:
        break;
      case Connectability::kConnectable:
        note("K1: available and connected");
        break;
    }
    offered_ = offered_types(facts_.seen_by_caller, facts_.messaging);
    if (!is_immediate(facts_.type) && seen != Connectability::kNotConnectable) {
      return leave_message(CallReason::kDelayedType);
    }
    if (seen == Connectability::kNotConnectable) return decide_unreachable();
    if (filter_.action == availability::CallAction::kForward) return decide_forward();
    if (filter_.action != availability::CallAction::kAccept)
      return leave_message(CallReason::kTypeNotOffered);
    const auto rings = ringing(filter_.call_by);
    if (rings.empty()) return leave_message(CallReason::kNotConnected);
    if (!facts_.in_call) return ring(CallAction::kAccept, CallReason::kAvailable, rings);
    note("another call is established: the called user is told of this one");
    return ring(CallAction::kNotify, CallReason::kInCall, rings);
  }

 private:
  CallDecision decide_for_stranger() {
    note("K3: the caller is not authorised");
    if (filter_.action != availability::CallAction::kNotify) {
      return decided(CallAction::kReject, CallReason::kAuthorisationRequired);
    }
    if (is_immediate(facts_.type) && !facts_.terminals.empty()) {
      return ring(CallAction::kNotify, CallReason::kAuthorisationRequired, facts_.terminals);
    }
    return lost(CallAction::kNotify, CallReason::kAuthorisationRequired);
  }

  CallDecision decide_forward() {
    const auto& target = filter_.transfer;
    if (target.number) return forward_to_number(*target.number);
    if (target.medium && (availability::media_bit(*target.medium) & kCallMedia) == 0) {
      return leave_message(CallReason::kTransfer);
    }
    std::vector<CallRing> rings;
    for (const auto& one : facts_.terminals) {
      const bool meant = target.terminal ? one.terminal == *target.terminal
                                         : target.medium && medium_of(one.kind) == *target.medium;
      if (meant) rings.push_back(one);
    }
    if (rings.empty()) return leave_message(CallReason::kNotConnected);
    CallDecision decision = ring(CallAction::kForwardToTerminals, CallReason::kTransfer, std::move(rings));
    decision.target = target;
    return decision;
  }

  CallDecision forward_to_number(const std::string& number) {
    if (number == facts_.called || std::ranges::find(facts_.history, number) != facts_.history.end()) {
      note("the call has been at the target already");
      return stop_diverting(CallReason::kDiversionLoop);
    }
    if (facts_.history.size() >= kMaxDiversions) {
      note("diverted " + std::to_string(facts_.history.size()) + " times already");
      return stop_diverting(CallReason::kTooManyDiversions);
    }
    CallDecision decision = decided(CallAction::kForwardToNumber, CallReason::kTransfer);
    decision.target = filter_.transfer;
    return decision;
  }

  CallDecision stop_diverting(CallReason reason) {
    return takes_message() ? to_messaging(reason) : lost(CallAction::kReject, reason);
  }

  CallDecision decide_unreachable() {
    const bool by_mode =
        availability::choose_mode(facts_.seen_by_caller).state == availability::ModeState::kNotAvailable;
    note(by_mode ? "K2: not available by the mode" : "K2: no terminal is connected");
    return leave_message(by_mode ? CallReason::kNotAvailable : CallReason::kNotConnected);
  }

  CallDecision leave_message(CallReason reason) {
    if (takes_message()) return to_messaging(reason);
    note("no messaging system takes a message");
    // What is left for later was accepted: its filter says nothing of a notification.
    const bool silent = filter_.action == availability::CallAction::kReject;
    return silent ? decided(CallAction::kReject, reason) : lost(CallAction::kNotify, reason);
  }

  bool takes_message() const {
    const bool voice =
        facts_.type == Communication::kVoiceImmediate || facts_.type == Communication::kVoiceDelayed;
    return offers(offered_, voice ? Communication::kVoiceDelayed : Communication::kWrittenDelayed);
  }
  CallDecision to_messaging(CallReason reason) {
    note("the messaging system of the profile takes a message");
    CallDecision decision = decided(CallAction::kForwardToMessaging, reason);
    if (reason == CallReason::kTransfer) decision.target.medium = filter_.transfer.medium;
    return decision;
  }

  // The terminals of the media that the owner wants calls by.
  std::vector<CallRing> ringing(availability::Media call_by) const {
    if ((call_by & kCallMedia) == 0) return facts_.terminals;
    std::vector<CallRing> rings;
    for (const auto& one : facts_.terminals) {
      if ((availability::media_bit(medium_of(one.kind)) & call_by) != 0) rings.push_back(one);
    }
    return rings;
  }

  CallDecision ring(CallAction action, CallReason reason, std::vector<CallRing> rings) {
    CallDecision decision = decided(action, reason);
    decision.rings = std::move(rings);
    return decision;
  }
  CallDecision lost(CallAction action, CallReason reason) {
    CallDecision decision = decided(action, reason);
    decision.lost = true;
    return decision;
  }
  CallDecision decided(CallAction action, CallReason reason) {
    CallDecision decision;
    decision.action = action;
    decision.reason = reason;
    decision.trace = std::move(trace_);
    return decision;
  }
  void note(std::string step) { trace_.push_back(std::move(step)); }

  const CallFacts& facts_;
  const availability::CallDecision filter_;  // what the owner's rules say
  std::vector<Communication> offered_;
  std::vector<std::string> trace_;
};

}  // namespace

CallDecision decide_call(const CallFacts& facts) { return Deciding(facts).decide(); }

}  // namespace whitebrick::coordination
