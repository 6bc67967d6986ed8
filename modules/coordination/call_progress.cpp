// How a call goes on: taken at a terminal, reported on, or left unanswered.

#include "modules/coordination/call_rows.hpp"
#include "modules/coordination/calls.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

constexpr const char* kComponent = "coordination";
constexpr int kTakenTtl = 300;  // seconds

constexpr std::string_view kAccessible = R"sql(
SELECT c.terminal_id AS id FROM access_session a JOIN terminal_session c ON c.id = a.terminal_session_id
WHERE a.profile_id = ? AND c.terminal_id = ?)sql";

constexpr std::string_view kTake = R"sql(
UPDATE incoming_call SET state = 3, chosen_terminal_id = ?, due_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
WHERE id = ? AND state IN (1, 2))sql";

}  // namespace

std::uint64_t Calls::terminal_of(db::Session& db, const Stored& call, const std::string& name) {
  const auto terminal = profiles_.find_terminal(db, call.called_user_id, name);
  if (!terminal) throw Fault(FaultCode::NOT_FOUND, "no such terminal", "terminalId");
  return *terminal;
}

ChosenTerminal Calls::choose_terminal(db::Session& db, const Caller& caller, const std::string& call_id,
                                      const std::string& name) {
  const auto call = find_called(db, caller, call_id);
  if (!call) throw Fault(FaultCode::NOT_FOUND, "no such call", "callId");
  const std::uint64_t terminal = terminal_of(db, *call, name);
  if (call->state == CallState::kEnded || !call->can_be_taken()) {
    throw Fault(FaultCode::WRONG_STATE, "the call cannot be taken any more", "callId");
  }
  if (!is_open(call->state)) return {call->chosen == name, call->chosen.value_or("")};
  if (!db.query_one(
          kAccessible, [](const db::Row& row) { return row.id("id"); }, call->called_profile_id, terminal)) {
    throw Fault(FaultCode::NOT_CONNECTED, "the terminal is not connected for the called profile",
                "terminalId");
  }
  // Lost against somebody at the same moment: look again.
  if (db.execute(kTake, terminal, settings_.to_connect.count(), call->id) == 0) {
    throw db::Conflict(0, "the call changed while a terminal was chosen");
  }
  tell_taken(db, *call, name);
  return {true, name};
}

// The terminals that still ring stop; who placed the call learns that it is taken, not where.
void Calls::tell_taken(db::Session& db, const Stored& call, const std::optional<std::string>& terminal) {
  events::NewEvent event;
  event.type = "call.taken";
  event.content = call_taken_content(call.call_id, terminal);
  event.profiles = {call.called_profile_id};
  event.ttl_seconds = kTakenTtl;
  event.wait_for_terminal = false;
  events_.publish(db, kComponent, event);
  if (!call.placed || call.caller_profile_id == 0) return;
  event.content = call_taken_content(call.call_id, std::nullopt);
  event.profiles = {call.caller_profile_id};
  events_.publish(db, kComponent, event);
}

void Calls::tell_lost(db::Session& db, const Stored& call, const std::string& cause) {
  events::NewEvent event;
  event.type = "call.lost";
  event.content = call_lost_content({call.call_id, call.caller, call.type}, cause);
  event.profiles = {call.called_profile_id};
  events_.publish(db, kComponent, event);
}

namespace {

// Who changes a call names the state that he saw: a report counts once.
constexpr std::string_view kRings = R"sql(
UPDATE incoming_call SET state = 2 WHERE id = ? AND state = ?)sql";
constexpr std::string_view kEstablished = R"sql(
UPDATE incoming_call SET state = 4, chosen_terminal_id = COALESCE(?, chosen_terminal_id),
  established_at = UTC_TIMESTAMP(6), due_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
WHERE id = ? AND state = ?)sql";
constexpr std::string_view kEnds = R"sql(
UPDATE incoming_call SET state = 5, lost = ?, due_at = NULL, ended_at = UTC_TIMESTAMP(6)
WHERE id = ? AND state = ?)sql";

}  // namespace

ReportedCall Calls::report(db::Session& db, const Caller& caller, const std::string& call_id,
                           CallReport report, const std::optional<std::string>& terminal) {
  const auto call = find_for(db, caller, call_id);
  if (!call) throw Fault(FaultCode::NOT_FOUND, "no such call", "callId");
  const auto next = after_report(call->state, report, call->may_answer(caller));
  if (!next) {
    throw Fault(FaultCode::WRONG_STATE, "the call is " + std::string(wire_name(call->state)), "state");
  }
  if (*next == call->state) return {call->state, call->lost};

  const int before = static_cast<int>(call->state);
  std::uint64_t changed = 0;
  bool lost = false;
  if (*next == CallState::kRinging) {
    changed = db.execute(kRings, call->id, before);
  } else if (*next == CallState::kEstablished) {
    std::optional<std::uint64_t> terminal_id;
    if (terminal) {
      // The terminals of the called user are his own concern.
      if (call->placed && !call->is_for(caller)) {
        throw Fault(FaultCode::NOT_FOUND, "no such terminal", "terminalId");
      }
      terminal_id = terminal_of(db, *call, *terminal);
    }
    changed = db.execute(kEstablished, terminal_id, settings_.longest.count(), call->id, before);
    if (changed == 1 && is_open(call->state)) tell_taken(db, *call, terminal);
  } else {
    lost = is_lost_when_ended(call->state);
    changed = db.execute(kEnds, lost, call->id, before);
    if (changed == 1 && lost) tell_lost(db, *call, call->is_for(caller) ? "DECLINED" : "HUNG_UP");
  }
  if (changed == 0) throw db::Conflict(0, "the call changed while it was reported on");
  return {*next, lost};
}

namespace {

constexpr std::size_t kChunk = 200;
constexpr std::string_view kDue = R"sql(
SELECT account_id, call_id FROM incoming_call WHERE due_at <= UTC_TIMESTAMP(6) ORDER BY due_at LIMIT 200)sql";
constexpr std::string_view kEndsInTime = R"sql(
UPDATE incoming_call SET state = 5, lost = ?, due_at = NULL, ended_at = UTC_TIMESTAMP(6)
WHERE id = ? AND state = ? AND due_at <= UTC_TIMESTAMP(6))sql";
constexpr std::string_view kForget = R"sql(
DELETE FROM incoming_call WHERE ended_at < UTC_TIMESTAMP(6) - INTERVAL 1 DAY LIMIT 200)sql";

}  // namespace

bool Calls::expire(db::Pool& pool) {
  struct Due {
    std::uint64_t account_id;
    std::string call_id;
  };
  auto lease = pool.lease();
  const auto due = lease.session().query(kDue, [](const db::Row& row) {
    return Due{row.id("account_id"), row.text("call_id")};
  });
  for (const Due& one : due) {
    lease.in_transaction([&](db::Session& db) {
      const auto call = find(db, one.account_id, one.call_id);
      if (!call || call->state == CallState::kEnded) return;
      const bool lost = is_lost_when_ended(call->state);
      if (db.execute(kEndsInTime, lost, call->id, static_cast<int>(call->state)) == 1 && lost) {
        tell_lost(db, *call, "NOT_ANSWERED");
      }
    });
  }
  const auto forgotten = lease.in_transaction([](db::Session& db) { return db.execute(kForget); });
  return due.size() == kChunk || forgotten == kChunk;
}

}  // namespace whitebrick::coordination
