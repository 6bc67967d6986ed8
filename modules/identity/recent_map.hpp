#pragma once
// What was found out a moment ago: forgotten after `max_age`, and the oldest first when
// there are more than `max_size`. Pure: told the time. Not thread-safe.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

namespace whitebrick::identity {

template <class Key, class Value>
class RecentMap {
 public:
  using Clock = std::chrono::steady_clock;

  RecentMap(Clock::duration max_age, std::size_t max_size) : max_age_(max_age), max_size_(max_size) {}

  std::optional<Value> find(const Key& key, Clock::time_point now) const {
    const auto found = entries_.find(key);
    if (found == entries_.end() || now - found->second.at >= max_age_) return std::nullopt;
    return found->second.value;
  }

  void put(const Key& key, Value value, Clock::time_point now) {
    entries_.insert_or_assign(key, Entry{std::move(value), now, ++last_number_});
    order_.emplace_back(key, last_number_);
    while (!order_.empty() && (order_.size() > max_size_ || is_over(order_.front(), now))) {
      const auto& [oldest, number] = order_.front();
      const auto found = entries_.find(oldest);
      if (found != entries_.end() && found->second.number == number) entries_.erase(found);
      order_.pop_front();
    }
  }

  void erase(const Key& key) { entries_.erase(key); }
  void clear() {
    entries_.clear();
    order_.clear();
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Value value;
    Clock::time_point at;
    std::uint64_t number;  // of the put: a key that was put again is not forgotten with its first put
  };

  bool is_over(const std::pair<Key, std::uint64_t>& put, Clock::time_point now) const {
    const auto found = entries_.find(put.first);
    return found == entries_.end() || found->second.number != put.second ||
           now - found->second.at >= max_age_;
  }

  const Clock::duration max_age_;
  const std::size_t max_size_;
  std::uint64_t last_number_ = 0;
  std::unordered_map<Key, Entry> entries_;
  std::deque<std::pair<Key, std::uint64_t>> order_;
};

}  // namespace whitebrick::identity
