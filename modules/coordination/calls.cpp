// What becomes of a call: read both ends, decide by the pure rule, store, tell.

#include "modules/coordination/calls.hpp"

#include <algorithm>

#include "modules/coordination/call_contents.hpp"
#include "modules/coordination/call_rows.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

constexpr std::size_t kMaxHistory = 100;
constexpr int kStaleAfter = 60;  // seconds that a call.incoming outlives its ringing
constexpr const char* kComponent = "coordination";
// Nobody's user id: sees what any stranger sees.
constexpr std::uint64_t kStranger = UINT64_MAX;

CallQuestion normalised(const CallQuestion& question, const char* called_field) {
  check::filled(question.call_id, 128, "callId");
  check::count(question.history.size(), kMaxHistory, "history");
  CallQuestion normal = question;
  normal.called = profiles::normalise_number(question.called, called_field);
  if (question.caller) normal.caller = profiles::normalise_number(*question.caller, "callerNumber");
  for (auto& number : normal.history) number = profiles::normalise_number(number, "history");
  return normal;
}

std::vector<std::string> names_of(const std::vector<CallRing>& rings) {
  std::vector<std::string> names;
  for (const auto& ring : rings) names.push_back(ring.terminal);
  return names;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text.append(text.empty() ? "" : "\n").append(line);
  return text;
}

// In a call: not in one that was forwarded to a number, nor because a service that the profile does not
// subscribe to says that it calls.
constexpr std::string_view kBothEnds = R"sql(
SELECT p.id AS profile_id, p.user_id AS user_id, me.id AS caller_profile_id, me.user_id AS caller_user_id,
  u.display_name AS caller_name,
  EXISTS (SELECT 1 FROM profile_service ps WHERE ps.profile_id = p.id AND ps.service_id = ?) AS served,
  EXISTS (SELECT 1 FROM contact_list l WHERE l.profile_id = p.id AND l.number = ? AND l.kind = 2) AS authorised,
  EXISTS (SELECT 1 FROM contact_list l WHERE l.profile_id = p.id AND l.number = ? AND l.kind = 3) AS refused,
  EXISTS (SELECT 1 FROM incoming_call b WHERE b.called_profile_id = p.id AND b.state = 4 AND b.action <> 4) OR
    EXISTS (SELECT 1 FROM incoming_call b WHERE b.caller_profile_id = p.id AND b.state = 4 AND (b.placed = 1 OR EXISTS (
      SELECT 1 FROM profile_service ps WHERE ps.profile_id = p.id AND ps.service_id = b.account_id))) AS in_call,
  s.account_id AS messaging_id, s.name AS messaging_name, s.provider AS messaging_provider
FROM (SELECT 1 AS one) ends
LEFT JOIN profile p ON p.contact_number = ?
LEFT JOIN profile me ON me.contact_number = ?
LEFT JOIN user u ON u.id = me.user_id
LEFT JOIN (profile_service m JOIN service s
  ON s.account_id = m.service_id AND s.class = 'messaging' AND s.connected = 1) ON m.profile_id = p.id
ORDER BY s.account_id LIMIT 1)sql";

constexpr std::string_view kTerminals = R"sql(
SELECT t.name AS name, t.kind AS kind, a.rings AS rings
FROM access_session a JOIN terminal_session c ON c.id = a.terminal_session_id JOIN terminal t ON t.id = c.terminal_id
WHERE a.profile_id = ? ORDER BY t.name)sql";

// Where the user has chosen a terminal beforehand, calls ring there alone.
std::vector<CallRing> accessible_terminals(db::Session& db, std::uint64_t profile_id) {
  std::vector<CallRing> all, chosen;
  db.query(
      kTerminals,
      [&](const db::Row& row) {
        const CallRing ring{row.text("name"), static_cast<profiles::TerminalKind>(row.number("kind"))};
        all.push_back(ring);
        if (row.flag("rings")) chosen.push_back(ring);
        return 0;
      },
      profile_id);
  return chosen.empty() ? all : chosen;
}

}  // namespace

Calls::Calls(Settings settings, profiles::Profiles& profiles, availability::Availability& availability,
             events::Events& events)
    : settings_(settings), profiles_(profiles), availability_(availability), events_(events) {}

Calls::Situation Calls::situation(db::Session& db, const Caller& asker, const CallQuestion& question,
                                  const profiles::ProfileKey* from) {
  const std::optional<std::string> caller = question.caller;
  Situation found = db.query_one(
                          kBothEnds,
                          [](const db::Row& row) {
                            Situation s;
                            s.profile_id = row.id_or_null("profile_id").value_or(0);
                            s.user_id = row.id_or_null("user_id").value_or(0);
                            s.caller_profile_id = row.id_or_null("caller_profile_id").value_or(0);
                            s.caller_user_id = row.id_or_null("caller_user_id").value_or(0);
                            s.caller_name = row.text_or_null("caller_name");
                            s.served = row.flag("served");
                            s.authorised = row.flag("authorised");
                            s.refused = row.flag("refused");
                            s.in_call = row.flag("in_call");
                            s.messaging_id = row.id_or_null("messaging_id");
                            if (s.messaging_id)
                              s.messaging = profiles::ServiceRef{row.text("messaging_name"),
                                                                 row.text("messaging_provider")};
                            return s;
                          },
                          asker.account_id, caller, caller, question.called, caller)
                        .value();
  if (from != nullptr) {
    found.caller_profile_id = from->id;
    found.caller_user_id = from->user_id;
  }
  const bool outsider = found.caller_user_id == 0;
  if (outsider) found.caller_user_id = kStranger;
  auto views = availability_.views(db, found.caller_user_id, 0, {question.called});
  if (outsider && caller) availability_.cover_outsider(db, views.at(0), *caller);
  // A service that does not serve the profile learns nothing and uses nothing up.
  if (!question.dry_run && (from != nullptr || found.served)) availability_.use_grants(db, views);
  found.seen_by_caller = views.at(0).facts;
  // A dry run only foresees that.
  if (availability::needs_grant_for_once(found.seen_by_caller)) found.seen_by_caller.granted = true;
  // A number that no user has can be on a list all the same.
  found.seen_by_caller.authorised = found.seen_by_caller.authorised || found.authorised;
  found.seen_by_caller.refused = found.seen_by_caller.refused || found.refused;
  found.terminals = accessible_terminals(db, found.profile_id);
  return found;
}

CallDecision Calls::decision_on(const Situation& situation, const CallQuestion& question, bool placed) const {
  CallFacts facts;
  facts.seen_by_caller = situation.seen_by_caller;
  facts.served = placed || situation.served;
  facts.messaging = situation.messaging.has_value();
  facts.in_call = situation.in_call;
  facts.type = question.type;
  facts.terminals = situation.terminals;
  facts.called = question.called;
  facts.history = question.history;
  return decide_call(facts);
}

int Calls::ring_seconds(const CallDecision& decision) const {
  return decision.alive() ? static_cast<int>(settings_.ring.count()) : 0;
}

DecidedCall Calls::answer(db::Session& db, const CallQuestion& question, const Situation& situation,
                          const CallDecision& decision) const {
  DecidedCall decided{.action = decision.action,
                      .reason = decision.reason,
                      .target = decision.target,
                      .messaging = std::nullopt,
                      .terminals = names_of(decision.rings),
                      .ring_seconds = ring_seconds(decision),
                      .history = question.history,
                      .trace = decision.trace,
                      .decided_at = db.now()};
  if (decision.action == CallAction::kForwardToMessaging) decided.messaging = situation.messaging;
  if (decision.action == CallAction::kForwardToNumber) decided.history.push_back(question.called);
  return decided;
}

DecidedCall Calls::decide(db::Session& db, const Caller& service, const CallQuestion& asked) {
  const CallQuestion question = normalised(asked, "calledNumber");
  if (!question.dry_run) {
    if (const auto stored = find(db, service.account_id, question.call_id)) {
      demand_same(*stored, question);
      return stored->decided;
    }
  }
  const Situation found = situation(db, service, question, nullptr);
  const CallDecision decision = decision_on(found, question, false);
  if (!question.dry_run) {
    if (!store(db, service, question, false, found, decision)) {
      const auto stored = find(db, service.account_id, question.call_id);
      if (!stored) throw db::Conflict(0, "a call decided at the same time is gone");
      demand_same(*stored, question);
      return stored->decided;
    }
    announce(db, question, found, decision);
  }
  return answer(db, question, found, decision);
}

PlacedCall Calls::place(db::Session& db, const Caller& caller, const profiles::ProfileKey& from,
                        const std::string& call_id, const std::string& contact, Communication type) {
  CallQuestion asked;
  asked.call_id = call_id;
  asked.called = contact;
  asked.caller = from.contact_number;
  asked.type = type;
  const CallQuestion question = normalised(asked, "contact");
  const auto placed = [&](const Stored& stored) {
    demand_same(stored, question);
    return PlacedCall{stored.decided.action, stored.decided.ring_seconds};
  };
  if (const auto stored = find(db, caller.account_id, call_id)) return placed(*stored);

  const Situation found = situation(db, caller, question, &from);
  const auto offered = availability::offered_now(found.seen_by_caller);
  if (!availability::holds(offered, type)) {
    throw Fault(FaultCode::TYPE_NOT_OFFERED, "the contact offers: " + listed(offered), "type");
  }
  const CallDecision decision = decision_on(found, question, true);
  if (!store(db, caller, question, true, found, decision)) {
    const auto stored = find(db, caller.account_id, call_id);
    if (!stored) throw db::Conflict(0, "a call placed at the same time is gone");
    return placed(*stored);
  }
  announce(db, question, found, decision);
  return {decision.action, ring_seconds(decision)};
}

namespace {

constexpr std::string_view kInsertCall = R"sql(
INSERT INTO incoming_call (account_id, call_id, placed, called_number, called_profile_id, called_user_id,
  caller_number, caller_profile_id, type, action, reason, forward_to, target_terminal, target_medium, messaging_id,
  rings, history, trace, ring_seconds, state, lost, decided_at, due_at, ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
  IF(?, UTC_TIMESTAMP(6) + INTERVAL ? SECOND, NULL), IF(?, NULL, UTC_TIMESTAMP(6))))sql";

}  // namespace

// False when somebody was faster; his decision is the decision.
bool Calls::store(db::Session& db, const Caller& asker, const CallQuestion& question, bool placed,
                  const Situation& situation, const CallDecision& decision) {
  const bool alive = decision.alive();
  const bool known = decision.reason != CallReason::kUnknown;
  const DecidedCall decided = answer(db, question, situation, decision);
  std::optional<int> medium;
  if (decision.target.medium) medium = static_cast<int>(*decision.target.medium);
  try {
    db.execute(kInsertCall, asker.account_id, question.call_id, placed, question.called,
               known ? situation.profile_id : 0, known ? situation.user_id : 0, question.caller,
               situation.caller_profile_id, static_cast<int>(question.type),
               static_cast<int>(decision.action), static_cast<int>(decision.reason), decision.target.number,
               decision.target.terminal, medium, decided.messaging ? situation.messaging_id : std::nullopt,
               joined(decided.terminals), joined(decided.history), joined(decision.trace),
               ring_seconds(decision), static_cast<int>(alive ? CallState::kOffered : CallState::kEnded),
               decision.lost, decided.decided_at, alive, ring_seconds(decision), alive);
  } catch (const db::DuplicateKey&) {
    return false;
  }
  return true;
}

void Calls::announce(db::Session& db, const CallQuestion& question, const Situation& situation,
                     const CallDecision& decision) {
  const CallNews news{question.call_id, {question.caller, situation.caller_name}, question.type};
  events::NewEvent event;
  event.profiles = {situation.profile_id};
  if (wire_name(decision.action) == "FORWARD") {
    const bool to_messaging = decision.action == CallAction::kForwardToMessaging;
    event.type = "call.diverted";
    event.content = call_diverted_content(news, wire_name(decision.reason), decision.target,
                                          to_messaging ? situation.messaging : std::nullopt);
    events_.publish(db, kComponent, event);
  }
  if (!decision.rings.empty()) {
    event.type = "call.incoming";
    event.content =
        call_incoming_content(news, {.rings = decision.rings,
                                     .ring_seconds = ring_seconds(decision),
                                     .during_call = situation.in_call,
                                     .authorised = decision.reason != CallReason::kAuthorisationRequired});
    event.ttl_seconds = ring_seconds(decision) + kStaleAfter;
    event.wait_for_terminal = false;
    events_.publish(db, kComponent, event);
  }
  if (decision.lost) {
    event.type = "call.lost";
    event.content = call_lost_content(news, wire_name(decision.reason));
    events_.publish(db, kComponent, event);
  }
}

}  // namespace whitebrick::coordination
