#include "modules/coordination/call_rows.hpp"

#include <sstream>

#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

constexpr std::string_view kByAccount = R"sql(
SELECT c.id AS id, c.call_id AS call_id, c.placed AS placed, c.called_number AS called_number,
  c.called_profile_id AS called_profile_id, c.called_user_id AS called_user_id, c.caller_number AS caller_number,
  c.caller_profile_id AS caller_profile_id, u.display_name AS caller_name, c.type AS type, c.action AS action,
  c.reason AS reason, c.forward_to AS forward_to, c.target_terminal AS target_terminal,
  c.target_medium AS target_medium, s.name AS messaging_name, s.provider AS messaging_provider,
  c.rings AS rings, c.history AS history, c.trace AS trace, c.ring_seconds AS ring_seconds, c.state AS state,
  t.name AS chosen, c.lost AS lost, c.decided_at AS decided_at
FROM incoming_call c LEFT JOIN profile me ON me.id = c.caller_profile_id LEFT JOIN user u ON u.id = me.user_id
  LEFT JOIN service s ON s.account_id = c.messaging_id LEFT JOIN terminal t ON t.id = c.chosen_terminal_id
WHERE c.account_id = ? AND c.call_id = ?)sql";

// Two services may have chosen the same callId: the user means the call that he was told of last.
constexpr std::string_view kByCalledUser = R"sql(
SELECT c.account_id AS account_id FROM incoming_call c WHERE c.called_user_id = ? AND c.call_id = ?
ORDER BY c.id DESC LIMIT 1)sql";

}  // namespace

std::optional<Calls::Stored> Calls::find(db::Session& db, std::uint64_t account_id,
                                         const std::string& call_id) {
  return db.query_one(
      kByAccount,
      [](const db::Row& row) {
        Stored stored;
        stored.id = row.id("id");
        stored.call_id = row.text("call_id");
        stored.placed = row.flag("placed");
        stored.called = row.text("called_number");
        stored.called_profile_id = row.id("called_profile_id");
        stored.called_user_id = row.id("called_user_id");
        stored.caller_profile_id = row.id("caller_profile_id");
        stored.caller = {row.text_or_null("caller_number"), row.text_or_null("caller_name")};
        stored.type = static_cast<Communication>(row.number("type"));
        stored.state = static_cast<CallState>(row.number("state"));
        stored.lost = row.flag("lost");
        stored.chosen = row.text_or_null("chosen");
        DecidedCall& decided = stored.decided;
        decided.action = static_cast<CallAction>(row.number("action"));
        decided.reason = static_cast<CallReason>(row.number("reason"));
        decided.target.number = row.text_or_null("forward_to");
        decided.target.terminal = row.text_or_null("target_terminal");
        if (const auto medium = row.number_or_null("target_medium"))
          decided.target.medium = static_cast<availability::Medium>(*medium);
        if (const auto name = row.text_or_null("messaging_name"))
          decided.messaging = profiles::ServiceRef{*name, row.text("messaging_provider")};
        decided.terminals = lines_of(row.text("rings"));
        decided.ring_seconds = static_cast<int>(row.number("ring_seconds"));
        decided.history = lines_of(row.text("history"));
        decided.trace = lines_of(row.text("trace"));
        decided.decided_at = row.time("decided_at");
        return stored;
      },
      account_id, call_id);
}

std::optional<Calls::Stored> Calls::find_called(db::Session& db, const Caller& caller,
                                                const std::string& call_id) {
  if (caller.user_id == 0) return std::nullopt;
  const auto account = db.query_one(
      kByCalledUser, [](const db::Row& row) { return row.id("account_id"); }, caller.user_id, call_id);
  return account ? find(db, *account, call_id) : std::nullopt;
}

// By who asked for it, or by whom it is for.
std::optional<Calls::Stored> Calls::find_for(db::Session& db, const Caller& caller,
                                             const std::string& call_id) {
  const auto own = find(db, caller.account_id, call_id);
  return own ? own : find_called(db, caller, call_id);
}

void Calls::demand_same(const Stored& stored, const CallQuestion& question) {
  if (stored.called != question.called || stored.caller.number != question.caller ||
      stored.type != question.type) {
    throw Fault(FaultCode::ALREADY_EXISTS, "another call has this callId", "callId");
  }
}

}  // namespace whitebrick::coordination
