#include "modules/events/woken_thread.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "db/error.hpp"
#include "server/log.hpp"

namespace whitebrick::events {

struct WokenThread::State {
  const std::string name;
  const std::chrono::milliseconds idle;
  const std::function<bool()> look;

  std::mutex mutex{};
  std::condition_variable changed{};
  bool woken = false, stopping = false;
  bool failing = false;  // of the thread alone
  WaitRegistry::Watch watch{};
  std::thread thread{};

  void wake() {
    {
      const std::lock_guard lock(mutex);
      woken = true;
    }
    changed.notify_all();
  }

  void run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      woken = false;
      lock.unlock();
      const bool more = attempt();
      lock.lock();
      if (!more || failing) {
        // While it fails nobody's word shortens the pause.
        changed.wait_for(lock, idle, [&] { return stopping || (woken && !failing); });
      }
    }
  }

  bool attempt() {
    try {
      const bool more = look();
      if (std::exchange(failing, false)) log::info("worker.resumed", {{"worker", name}});
      return more;
    } catch (const db::Conflict&) {
      return true;  // somebody else was quicker: look again
    } catch (const std::exception& e) {
      if (!std::exchange(failing, true))
        log::warning("worker.paused", {{"worker", name}, {"error", e.what()}});
      return false;
    }
  }
};

WokenThread::WokenThread(WaitRegistry& registry, std::string name, WaitKey key,
                         std::chrono::milliseconds idle, std::function<bool()> look)
    : state_(new State{std::move(name), idle, std::move(look)}) {
  State& state = *state_;
  state.watch = registry.watch(std::move(key), [&state] { state.wake(); });
  state.thread = std::thread([&state] { state.run(); });
}

WokenThread::~WokenThread() {
  State& state = *state_;
  state.watch = {};
  {
    const std::lock_guard lock(state.mutex);
    state.stopping = true;
  }
  state.changed.notify_all();
  state.thread.join();
}

void WokenThread::wake() { state_->wake(); }

}  // namespace whitebrick::events
