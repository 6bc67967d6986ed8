#include "server/row_failures.hpp"

#include "server/log.hpp"

namespace whitebrick {
namespace {
constexpr std::size_t kMaxRemembered = 1000;
}

std::uint64_t RowFailures::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

void RowFailures::note(std::uint64_t row, const std::string& error) {
  const std::lock_guard lock(mutex_);
  ++count_;
  const auto said = said_.find(row);
  if (said != said_.end() && said->second == error) return;
  if (said_.size() >= kMaxRemembered) said_.clear();
  said_[row] = error;
  log::error(event_, {{"row", std::to_string(row)}, {"error", error}});
}

void RowFailures::forget(std::uint64_t row) {
  const std::lock_guard lock(mutex_);
  said_.erase(row);
}

}  // namespace whitebrick
