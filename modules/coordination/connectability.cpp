// Who can be reached now, as the asker may know it (M3, 11.d; the rules: availability/view.hpp).

#include "modules/coordination/coordination.hpp"
#include "modules/coordination/service_session_rows.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {
namespace {

constexpr std::string_view kOwnAccessSession = R"sql(
SELECT 1 AS yes FROM access_session WHERE public_id = UNHEX(?) AND user_id = ?)sql";

}  // namespace

Reach reach_of(const availability::View& view) {
  return {availability::connectability(view.facts), availability::offered_now(view.facts)};
}

std::vector<Reach> Coordination::connectability(db::Session& db, const Caller& caller,
                                                const Question& question) {
  check::count(question.contacts.size(), check::kMaxItems, "contact");
  std::vector<std::string> numbers;
  numbers.reserve(question.contacts.size());
  for (const auto& contact : question.contacts)
    numbers.push_back(profiles::normalise_number(contact, "contact"));

  if (question.access_session_id && !db.query_one(
                                        kOwnAccessSession, [](const db::Row&) { return true; },
                                        *question.access_session_id, caller.user_id)) {
    throw Fault(FaultCode::SESSION_ENDED, "this access session is over", "accessSessionId");
  }
  std::uint64_t user_id = caller.user_id;
  std::uint64_t service_id = 0;
  if (caller.role == Role::kService) service_id = caller.account_id;
  if (question.service_session_id) {
    if (caller.role != Role::kService) {
      throw Fault(FaultCode::FORBIDDEN, "only its service asks by a service session", "serviceSessionId");
    }
    user_id = user_of_service_session(db, caller, *question.service_session_id, "serviceSessionId");
    service_id = 0;
  }

  std::vector<Reach> reached;
  reached.reserve(numbers.size());
  if (caller.role == Role::kAdmin) {  // sees what the owner himself would see
    for (auto& view : availability_.views(db, user_id, service_id, numbers)) {
      view.facts.asks_himself = view.facts.registered;
      reached.push_back(reach_of(view));
    }
    return reached;
  }
  using OneShot = availability::Availability::OneShot;
  for (const auto& reach : availability_.reach(db, user_id, service_id, numbers, OneShot::kUse))
    reached.push_back({reach.state, reach.offers});
  return reached;
}

}  // namespace whitebrick::coordination
