#include "modules/coordination/readiness.hpp"

#include <charconv>
#include <set>
#include <string_view>

#include "db/list.hpp"
#include "modules/coordination/coordination.hpp"

namespace whitebrick::coordination {
namespace {

// Longer than the sweep's period and the clocks of two nodes lie apart. Which version a waiter has is
// not known here: he looks for himself.
const std::string kQuiet = R"sql(
SELECT id FROM access_session
WHERE (told_at IS NULL OR told_at < UTC_TIMESTAMP(6) - INTERVAL 5 SECOND) AND id IN ()sql";

}  // namespace

std::vector<WaitKey> StatesReadiness::ready(db::Session& db, const std::vector<WaitKey>& keys) {
  std::vector<std::uint64_t> sessions;
  for (const WaitKey& key : keys) {
    const std::string_view digits = std::string_view(key).substr(key.find(':') + 1);
    std::uint64_t id = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), id).ec == std::errc{})
      sessions.push_back(id);
  }
  // Ready is also what waits for a session that is over.
  std::set<std::uint64_t> ready(sessions.begin(), sessions.end());
  db::in_pieces(sessions, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args;
    const std::string list = db::in_list(piece, args);
    db.query_with(
        kQuiet + list + ")", [&](const db::Row& row) { return ready.erase(row.id("id")); }, args);
  });
  std::vector<WaitKey> found;
  found.reserve(ready.size());
  for (const auto id : ready) found.push_back(Coordination::states_key(id));
  return found;
}

}  // namespace whitebrick::coordination
