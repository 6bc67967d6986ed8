#pragma once
// Calls (clause 24, 7.11-7.13): what becomes of a call, who is told, and how it goes on.
//
// A call is known by the account that asked for it and the callId that this account chose; the
// decision is stored, so that the same question under the same callId has the same answer on every
// replica. Each step is one conditional write: of two who take a call at once, one has it.
// Publishes to the called profile: call.incoming, call.taken, call.diverted, call.lost (at most one for
// a call); to the profile that placed a call: call.taken.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/pool.hpp"
#include "modules/availability/availability.hpp"
#include "modules/coordination/call_decision.hpp"
#include "modules/coordination/call_states.hpp"
#include "modules/events/events.hpp"
#include "modules/profiles/profiles.hpp"

namespace whitebrick::coordination {

struct CallQuestion {
  std::string call_id;
  std::string called;                 // numbers as the caller of the operation wrote them
  std::optional<std::string> caller;  // nothing: withheld
  Communication type = Communication::kVoiceImmediate;
  std::vector<std::string> history;
  bool dry_run = false;
};

struct DecidedCall {
  CallAction action = CallAction::kReject;
  CallReason reason = CallReason::kUnknown;
  availability::TransferTarget target;
  std::optional<profiles::ServiceRef> messaging;
  std::vector<std::string> terminals;
  int ring_seconds = 0;              // 0: nothing rings
  std::vector<std::string> history;  // to hand on with the diverted call
  std::vector<std::string> trace;
  Time decided_at;
};

struct PlacedCall {
  CallAction action = CallAction::kAccept;
  int ring_seconds = 0;
};

struct ChosenTerminal {
  bool won = false;
  std::string terminal;  // that has the call
};

struct ReportedCall {
  CallState state = CallState::kOffered;
  bool lost = false;
};

class Calls {
 public:
  struct Settings {
    std::chrono::seconds ring{30};        // to answer
    std::chrono::seconds to_connect{30};  // from being taken to being established
    std::chrono::seconds longest{86400};  // an established call that nobody reports on
  };
  Calls(Settings, profiles::Profiles&, availability::Availability&, events::Events&);

  // By a service, for a profile that subscribes to it; any other number is UNKNOWN, by the same
  // queries. A dry run stores and tells nothing. Faults: INVALID_ARGUMENT(calledNumber,
  // callerNumber, history), LIMIT_EXCEEDED(history), ALREADY_EXISTS(callId) (it was another question).
  DecidedCall decide(db::Session&, const Caller& service, const CallQuestion&);
  // From a profile of the user who calls, by him or by a service in his name. Faults:
  // INVALID_ARGUMENT(contact), ALREADY_EXISTS(callId), TYPE_NOT_OFFERED(type) naming those offered; nothing
  // tells a hidden contact from a missing one.
  PlacedCall place(db::Session&, const Caller&, const profiles::ProfileKey& from, const std::string& call_id,
                   const std::string& contact, Communication);
  // By the called user; the first choice counts. Faults: NOT_FOUND(callId), NOT_FOUND(terminalId),
  // NOT_CONNECTED(terminalId) (for the called profile), WRONG_STATE(callId) (over, or not his to take).
  ChosenTerminal choose_terminal(db::Session&, const Caller&, const std::string& call_id,
                                 const std::string& terminal);
  // By who asked for the call, or the called user. Who placed it names no terminal, and says that it was
  // answered only when it is taken or forwarded to a number. Faults: NOT_FOUND(callId),
  // NOT_FOUND(terminalId), WRONG_STATE(state).
  ReportedCall report(db::Session&, const Caller&, const std::string& call_id, CallReport,
                      const std::optional<std::string>& terminal);

  // Job: calls that nobody answered in time end as lost, each once; ended ones are forgotten after a day.
  bool expire(db::Pool&);

 private:
  struct Situation;
  struct Stored;

  // By a service, or from a profile where the call is placed.
  Situation situation(db::Session&, const Caller&, const CallQuestion& normalised,
                      const profiles::ProfileKey* from);
  CallDecision decision_on(const Situation&, const CallQuestion& normalised, bool placed) const;
  std::optional<Stored> find(db::Session&, std::uint64_t account_id, const std::string& call_id);
  static void demand_same(const Stored&, const CallQuestion& normalised);
  bool store(db::Session&, const Caller&, const CallQuestion& normalised, bool placed, const Situation&,
             const CallDecision&);
  void announce(db::Session&, const CallQuestion& normalised, const Situation&, const CallDecision&);
  DecidedCall answer(db::Session&, const CallQuestion& normalised, const Situation&,
                     const CallDecision&) const;
  int ring_seconds(const CallDecision&) const;
  std::optional<Stored> find_called(db::Session&, const Caller&, const std::string& call_id);
  std::optional<Stored> find_for(db::Session&, const Caller&, const std::string& call_id);
  std::uint64_t terminal_of(db::Session&, const Stored&, const std::string& name);
  void tell_taken(db::Session&, const Stored&, const std::optional<std::string>& terminal);
  void tell_lost(db::Session&, const Stored&, const std::string& cause);

  Settings settings_;
  profiles::Profiles& profiles_;
  availability::Availability& availability_;
  events::Events& events_;
};

}  // namespace whitebrick::coordination
