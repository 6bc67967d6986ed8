#include "modules/events/waking.hpp"

#include <algorithm>
#include <utility>

namespace whitebrick::events {

void wake_after_commit(db::Session& db, Wake& wake, WaitKey key) {
  db.after_commit([&wake, key = std::move(key)] { wake.wake({key}); });
}

void wake_recipients(db::Session& db, Wake& wake, const std::vector<DeliveryRow>& rows) {
  std::vector<WaitKey> keys;
  bool pushed = false;
  for (const DeliveryRow& row : rows) {
    keys.push_back(Events::wait_key(row.recipient.queue_id));
    pushed = pushed || row.recipient.pushed;
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  if (pushed) keys.push_back(Events::push_key());
  if (!keys.empty()) db.after_commit([&wake, keys = std::move(keys)] { wake.wake(keys); });
}

}  // namespace whitebrick::events
