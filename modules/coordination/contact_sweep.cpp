// The sweep that closes the gap of M4 (contact_states.hpp).

#include <map>

#include "db/list.hpp"
#include "modules/coordination/contact_states.hpp"

namespace whitebrick::coordination {
namespace {

using db::in_list;

constexpr std::size_t kChunk = 500;

// A second is longer than two nodes' views of the same data lie apart.
constexpr std::string_view kDueSessions = R"sql(
SELECT DISTINCT access_session_id FROM (
  SELECT access_session_id FROM contact_watch
  WHERE checked = 0 AND told_at < UTC_TIMESTAMP(6) - INTERVAL 1 SECOND ORDER BY told_at LIMIT 500) due
ORDER BY access_session_id)sql";
const std::string kDue = R"sql(
SELECT access_session_id, number, told_state, told_offers FROM contact_watch
WHERE checked = 0 AND told_at < UTC_TIMESTAMP(6) - INTERVAL 1 SECOND AND access_session_id IN ({})
ORDER BY told_at LIMIT 500)sql";
// Of a session that has ended. What the sweep finds it by goes last.
constexpr std::string_view kOrphans = R"sql(
DELETE FROM contact_watch WHERE access_session_id = ? ORDER BY checked DESC LIMIT 500)sql";

const std::string kCheckedOfSession = R"sql(
UPDATE contact_watch SET checked = 1 WHERE access_session_id = ? AND number IN ()sql";
const std::string kCheckedOfNumber = R"sql(
UPDATE contact_watch SET checked = 1 WHERE number = ? AND access_session_id IN ()sql";

}  // namespace

bool ContactStates::sweep(db::Session& db) {
  const auto sessions =
      db.query(kDueSessions, [](const db::Row& row) { return row.id("access_session_id"); });
  if (sessions.empty()) return false;
  const Watchers watchers = lock(db, sessions);
  std::uint64_t orphans = 0;
  for (const auto session : sessions) {
    if (!watchers.contains(session) && orphans < kChunk) orphans += db.execute(kOrphans, session);
  }
  if (orphans > 0) return true;
  // What is due is read under the locks.
  std::vector<db::Value> args;
  std::string statement = kDue;
  statement.replace(statement.find("{}"), 2, in_list(sessions, args));
  auto due = db.query_with(statement, read_told, args);
  std::erase_if(due, [&](const Told& told) { return !watchers.contains(told.session_id); });

  const Seen seen = see(db, watchers, due);
  tell(db, watchers, differences(watchers, due, seen));
  std::vector<Told> right;
  for (const Told& told : due) {
    if (seen.at({watchers.at(told.session_id).user_id, told.number}) == told.reach) right.push_back(told);
  }
  mark_checked(db, right);
  return due.size() == kChunk;
}

// By session or by number, whichever takes fewer statements.
void ContactStates::mark_checked(db::Session& db, const std::vector<Told>& right) {
  std::map<std::uint64_t, std::vector<std::string>> by_session;
  std::map<std::string, std::vector<std::uint64_t>> by_number;
  for (const Told& told : right) {
    by_session[told.session_id].push_back(told.number);
    by_number[told.number].push_back(told.session_id);
  }
  const auto mark = [&](const std::string& statement, const auto& key, const auto& others) {
    std::vector<db::Value> args{key};
    const std::string list = in_list(others, args);
    db.execute_with(statement + list + ")", args);
  };
  if (by_session.size() < by_number.size()) {
    for (const auto& [session, numbers] : by_session) mark(kCheckedOfSession, session, numbers);
  } else {
    for (const auto& [number, watching] : by_number) mark(kCheckedOfNumber, number, watching);
  }
}

}  // namespace whitebrick::coordination
