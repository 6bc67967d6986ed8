#include "modules/identity/hash_gate.hpp"

#include "server/fault.hpp"

namespace whitebrick::identity {

HashGate::Turn::Turn(HashGate& gate, std::string account) : gate_(gate), account_(std::move(account)) {
  std::unique_lock lock(gate_.mutex_);
  const auto is_free = [&] {
    return gate_.inside_.size() < gate_.limits_.at_once && !gate_.inside_.contains(account_);
  };
  if (!is_free()) {
    const auto busy = [] {
      return Fault(FaultCode::BUSY, "too many passwords to check; try again").retry_after(1);
    };
    if (gate_.waiting_ >= gate_.limits_.waiting) throw busy();
    ++gate_.waiting_;
    const bool free = gate_.left_.wait_for(lock, gate_.limits_.patience, is_free);
    --gate_.waiting_;
    if (!free) throw busy();
  }
  gate_.inside_.insert(account_);
}

HashGate::Turn::~Turn() {
  {
    const std::lock_guard lock(gate_.mutex_);
    gate_.inside_.erase(account_);
  }
  gate_.left_.notify_all();
}

}  // namespace whitebrick::identity
