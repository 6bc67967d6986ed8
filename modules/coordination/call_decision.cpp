#include "modules/coordination/call_decision.hpp"

#include <algorithm>
#include <utility>

namespace whitebrick::coordination {

using availability::Medium;
using availability::ModeState;
using availability::Shown;
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

std::string listed(availability::Offers offers) {
  std::string text;
  for (const auto type : availability::kCommunications) {
    if (availability::holds(offers, type)) text.append(text.empty() ? "" : ", ").append(wire_name(type));
  }
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

// The rule at work: facts in, one decision out, leaving its trace.
class Deciding {
 public:
  explicit Deciding(const CallFacts& facts) : facts_(facts) {
    if (facts.served) filter_ = availability::decide_call(facts.seen_by_caller, facts.type);
  }

  CallDecision decide() {
    switch (filter_.shown) {
      case Shown::kNothing:
        note("K5: the called number is unknown, or hidden from the caller");
        return decided(CallAction::kReject, CallReason::kUnknown);
      case Shown::kMustAsk:
        return decide_for_stranger();
      case Shown::kState:
        break;
    }
    note_state();
    auto rings = takers();
    switch (rings.empty() ? filter_.rule.away : filter_.rule.connected) {
      case availability::CallAction::kAccept:
        if (!facts_.in_call) return ring(CallAction::kAccept, CallReason::kAvailable, std::move(rings));
        note("another call is established: the called user is told of this one");
        return ring(CallAction::kNotify, CallReason::kInCall, std::move(rings));
      case availability::CallAction::kForward:
        return filter_.transfer.number ? forward_to_number(*filter_.transfer.number)
                                       : forward_to_terminals(std::move(rings));
      case availability::CallAction::kNotify:
        return not_put_through(CallAction::kNotify);
      case availability::CallAction::kReject:
        break;
    }
    return not_put_through(CallAction::kReject);
  }

 private:
  CallDecision decide_for_stranger() {
    note("K3: the caller is not authorised");
    if (filter_.rule.away == availability::CallAction::kReject) {
      return decided(CallAction::kReject, CallReason::kAuthorisationRequired);
    }
    if (is_immediate(facts_.type) && !facts_.terminals.empty()) {
      return ring(CallAction::kNotify, CallReason::kAuthorisationRequired, facts_.terminals);
    }
    return lost(CallAction::kNotify, CallReason::kAuthorisationRequired);
  }

  void note_state() {
    switch (filter_.state) {
      case ModeState::kTransfer:
        note("K4: the mode transfers calls");
        return;
      case ModeState::kNotAvailable:
        note("K2: not available by the mode");
        return;
      case ModeState::kAvailable:
      case ModeState::kUnknown:  // he calls himself
        break;
    }
    note(facts_.terminals.empty() ? "K2: no terminal is connected" : "K1: available and connected");
  }

  // The terminals that a call of the type is for.
  std::vector<CallRing> takers() const {
    const auto& target = filter_.transfer;
    if (filter_.state != ModeState::kTransfer) return of_media(filter_.call_by & availability::kCallMedia);
    if (target.medium) return of_media(availability::media_bit(*target.medium));
    std::vector<CallRing> named;
    for (const auto& one : facts_.terminals) {
      if (one.terminal == target.terminal) named.push_back(one);
    }
    return named;
  }
  // No media: any.
  std::vector<CallRing> of_media(availability::Media media) const {
    if (media == 0) return facts_.terminals;
    std::vector<CallRing> rings;
    for (const auto& one : facts_.terminals) {
      if ((availability::media_bit(medium_of(one.kind)) & media) != 0) rings.push_back(one);
    }
    return rings;
  }

  CallDecision forward_to_terminals(std::vector<CallRing> rings) {
    CallDecision decision = ring(CallAction::kForwardToTerminals, CallReason::kTransfer, std::move(rings));
    decision.target = filter_.transfer;
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

  CallDecision not_put_through(CallAction action) {
    const CallReason reason = why_not();
    if (takes_message()) return to_messaging(reason);
    note("no messaging system takes a message");
    return action == CallAction::kReject ? decided(action, reason) : lost(action, reason);
  }

  CallReason why_not() const {
    if (filter_.state == ModeState::kNotAvailable) return CallReason::kNotAvailable;
    const bool transfers = filter_.state == ModeState::kTransfer;
    if (!transfers && facts_.terminals.empty()) return CallReason::kNotConnected;
    if (!is_immediate(facts_.type)) return CallReason::kDelayedType;
    if (!filter_.offered) return CallReason::kTypeNotOffered;
    const auto& medium = filter_.transfer.medium;
    return transfers && medium && !availability::is_call_medium(*medium) ? CallReason::kTransfer
                                                                         : CallReason::kNotConnected;
  }

  bool takes_message() const { return filter_.rule.messaging && facts_.messaging; }
  CallDecision to_messaging(CallReason reason) {
    note("the messaging system of the profile takes a message");
    CallDecision decision = decided(CallAction::kForwardToMessaging, reason);
    if (reason == CallReason::kTransfer) decision.target.medium = filter_.transfer.medium;
    return decision;
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
  availability::CallDecision filter_;  // what the owner's rules say
  std::vector<std::string> trace_;
};

}  // namespace

CallDecision decide_call(const CallFacts& facts) { return Deciding(facts).decide(); }

}  // namespace whitebrick::coordination
