#include "modules/events/readiness.hpp"

#include <charconv>
#include <string_view>

#include "db/list.hpp"
#include "modules/events/events.hpp"

namespace whitebrick::events {
namespace {

// Per queue one look that ends at its first ready row. EXISTS would do, if MariaDB did not
// turn it into a scan of all deliveries.
constexpr std::string_view kSelectReady = R"sql(
  SELECT q.id AS id FROM queue q
   WHERE (SELECT 1 FROM delivery d WHERE d.queue_id = q.id AND d.visible_at <= UTC_TIMESTAMP(6) LIMIT 1) = 1
     AND q.id IN ()sql";

}  // namespace

std::vector<WaitKey> QueueReadiness::ready(db::Session& db, const std::vector<WaitKey>& keys) {
  std::vector<std::uint64_t> queues;
  for (const WaitKey& key : keys) {
    const std::string_view digits = std::string_view(key).substr(key.find(':') + 1);
    std::uint64_t id = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), id).ec == std::errc{})
      queues.push_back(id);
  }
  std::vector<WaitKey> ready;
  db::in_pieces(queues, db::kMaxList, [&](const std::vector<std::uint64_t>& piece) {
    std::vector<db::Value> args;
    const std::string sql = std::string(kSelectReady) + db::in_list(piece, args) + ")";
    const auto found = db.query_with(
        sql, [](const db::Row& row) { return Events::wait_key(row.id("id")); }, args);
    ready.insert(ready.end(), found.begin(), found.end());
  });
  return ready;
}

}  // namespace whitebrick::events
