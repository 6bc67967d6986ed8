#include "server/wait.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "server/sip_hash.hpp"

namespace whitebrick {

struct WaitRegistry::Watch::Entry {
  WaitKey key;
  std::function<void()> on_wake;
  std::weak_ptr<State> registry;
  std::size_t position = 0;  // in its slot; guarded by the registry's mutex
  // Held during on_wake, so that ending a watch waits for it; recursive because a
  // wake-up may end its own watch.
  std::recursive_mutex calling;
  bool over = false;  // guarded by `calling`

  void call() {
    std::lock_guard lock(calling);
    if (!over) on_wake();
  }
};

struct WaitRegistry::State {
  using Entry = Watch::Entry;
  using Slot = std::vector<std::shared_ptr<Entry>>;  // of one hash

  mutable std::mutex mutex;
  Salt salt{};
  std::unordered_map<std::uint64_t, Slot> slots;
  std::size_t watches = 0;

  void add(const std::shared_ptr<Entry>& entry) {
    Slot& slot = slots[sip_hash(salt, entry->key)];
    entry->position = slot.size();
    slot.push_back(entry);
  }

  void remove(const Entry& entry) {
    std::lock_guard lock(mutex);
    const auto found = slots.find(sip_hash(salt, entry.key));
    Slot& slot = found->second;
    if (entry.position + 1 < slot.size()) {
      slot[entry.position] = std::move(slot.back());
      slot[entry.position]->position = entry.position;
    }
    slot.pop_back();
    if (slot.empty()) slots.erase(found);
    --watches;
  }

  Slot slot_of(std::uint64_t hash) const {
    const auto found = slots.find(hash);
    return found == slots.end() ? Slot{} : found->second;
  }
};

WaitRegistry::WaitRegistry() : state_(std::make_shared<State>()) {}
WaitRegistry::~WaitRegistry() = default;

WaitRegistry::Watch::Watch(Watch&&) noexcept = default;

WaitRegistry::Watch& WaitRegistry::Watch::operator=(Watch&& other) noexcept {
  Watch old(std::move(*this));
  entry_ = std::move(other.entry_);
  return *this;
}

WaitRegistry::Watch::~Watch() {
  if (!entry_) return;
  // No registry lock is held while waiting for the call under way.
  if (const auto registry = entry_->registry.lock()) registry->remove(*entry_);
  std::lock_guard lock(entry_->calling);
  entry_->over = true;
}

WaitRegistry::Watch WaitRegistry::watch(WaitKey key, std::function<void()> on_wake) {
  Watch watch;
  watch.entry_ = std::make_shared<Watch::Entry>();
  watch.entry_->key = std::move(key);
  watch.entry_->on_wake = std::move(on_wake);
  watch.entry_->registry = state_;
  std::lock_guard lock(state_->mutex);
  state_->add(watch.entry_);
  ++state_->watches;
  return watch;
}

void WaitRegistry::wake(const WaitKey& key) {
  State::Slot woken;
  {
    std::lock_guard lock(state_->mutex);
    woken = state_->slot_of(sip_hash(state_->salt, key));
  }
  for (const auto& entry : woken) {
    if (entry->key == key) entry->call();
  }
}

void WaitRegistry::wake_hashed(std::uint64_t hash) {
  State::Slot woken;
  {
    std::lock_guard lock(state_->mutex);
    woken = state_->slot_of(hash);
  }
  for (const auto& entry : woken) entry->call();
}

void WaitRegistry::set_salt(const Salt& salt) {
  std::lock_guard lock(state_->mutex);
  auto old = std::exchange(state_->slots, {});
  state_->salt = salt;
  for (const auto& [hash, slot] : old) {
    for (const auto& entry : slot) state_->add(entry);
  }
}

std::uint64_t WaitRegistry::hash(std::string_view key) const {
  std::lock_guard lock(state_->mutex);
  return sip_hash(state_->salt, key);
}

std::vector<WaitKey> WaitRegistry::keys() const {
  std::lock_guard lock(state_->mutex);
  std::vector<WaitKey> keys;
  keys.reserve(state_->slots.size());
  for (const auto& [hash, slot] : state_->slots) {
    const auto first = static_cast<std::ptrdiff_t>(keys.size());
    for (const auto& entry : slot) {
      if (std::find(keys.begin() + first, keys.end(), entry->key) == keys.end()) keys.push_back(entry->key);
    }
  }
  return keys;
}

std::size_t WaitRegistry::size() const {
  std::lock_guard lock(state_->mutex);
  return state_->watches;
}

}  // namespace whitebrick
