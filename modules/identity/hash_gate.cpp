#include "modules/identity/hash_gate.hpp"

#include "server/fault.hpp"

namespace whitebrick::identity {

HashGate::Turn::Turn(HashGate& gate, std::string account, Shows shows)
    : gate_(gate), account_(std::move(account)) {
  const bool known = shows == Shows::kWhatWasRight;
  std::unique_lock lock(gate_.mutex_);
  const auto is_free = [&] {
    return gate_.inside_.size() < gate_.limits_.at_once && !gate_.inside_.contains(account_) &&
           (known || gate_.known_waiting_ == 0);
  };
  if (!is_free()) {
    const auto busy = [] {
      return Fault(FaultCode::BUSY, "too many passwords to check; try again").retry_after(1);
    };
    std::size_t& waiting = known ? gate_.known_waiting_ : gate_.waiting_;
    if (waiting >= (known ? gate_.limits_.known_waiting : gate_.limits_.waiting)) throw busy();
    ++waiting;
    const bool free = gate_.left_.wait_for(lock, gate_.limits_.patience, is_free);
    --waiting;
    if (!free) {
      if (known) gate_.left_.notify_all();  // it held others up
      throw busy();
    }
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

std::size_t HashGate::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_ + known_waiting_;
}

}  // namespace whitebrick::identity
