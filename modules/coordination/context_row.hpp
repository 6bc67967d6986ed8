#pragma once
// A context as its row says, and what its lock allows.

#include <algorithm>

#include "modules/coordination/contexts.hpp"
#include "server/fault.hpp"

namespace whitebrick::coordination {

struct Contexts::Found {
  std::uint64_t id = 0, user_id = 0, opener_account_id = 0;
  std::uint64_t lock_token = 0, lock_account_id = 0;
  std::int64_t lock_left = 0;  // microseconds; not positive: not locked
  UseContext context;          // without entries

  static Found read(const db::Row& row) {
    Found found;
    found.id = row.id("id");
    found.user_id = row.id("user_id");
    found.opener_account_id = row.id("opener_account_id");
    found.lock_token = row.id("lock_token");
    found.lock_account_id = row.id_or_null("lock_account_id").value_or(0);
    found.lock_left = row.number_or_null("lock_left").value_or(0);
    UseContext& context = found.context;
    context.id = row.text("public_id");
    context.user = row.text("user");
    context.activity = row.text("activity");
    context.opened_at = row.time("opened_at");
    context.version = row.id("version");
    if (found.lock_left > 0) {
      context.locked_until = row.time_or_null("locked_until");
      if (const auto name = row.text_or_null("holder"))
        context.locked_by = {*name, row.text("holder_provider")};
    }
    return found;
  }

  Fault locked() const {
    Fault fault(FaultCode::LOCKED, "somebody holds the lock of this context", "contextId");
    fault.retry_after(static_cast<int>(std::max<std::int64_t>(1, (lock_left + 999'999) / 1'000'000)));
    return fault;
  }

  // Nobody writes but the holder of a live lock, who shows its token.
  void demand_lock(std::uint64_t account_id, std::optional<std::uint64_t> fencing_token) const {
    if (fencing_token) {
      const bool holds = lock_left > 0 && lock_account_id == account_id && lock_token == *fencing_token;
      if (!holds) throw Fault(FaultCode::LEASE_LOST, "the lock is not yours any more", "fencingToken");
    } else if (lock_left > 0) {
      throw locked();
    }
  }
};

}  // namespace whitebrick::coordination
