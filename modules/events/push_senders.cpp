#include "modules/events/push_senders.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "modules/events/delivery_rules.hpp"
#include "modules/events/push.hpp"
#include "modules/events/push_rules.hpp"
#include "modules/events/woken_thread.hpp"
#include "server/log.hpp"

namespace whitebrick::events {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kIdle = 500ms;  // also how late a retry may be, and a word of another replica that was lost
constexpr auto kRarely = 30s;  // a job does the same every second, on one replica

// How many of the events from `first` on go into the next call: what failed before goes alone.
std::size_t call_size(const std::vector<Event>& events, std::size_t first, int most) {
  std::size_t size = 1;
  if (events[first].attempts > kAloneAfter) return size;
  while (first + size < events.size() && size < static_cast<std::size_t>(most) &&
         events[first + size].attempts <= kAloneAfter) {
    ++size;
  }
  return size;
}

// `taken`: when its lease had not begun yet.
PushSent send(PushCall& call, const PushWork& work, Clock::time_point taken) {
  PushSent sent;
  sent.failures = work.failures;
  const auto enough = taken + kSendFor;
  const auto& events = work.batch.events;
  while (sent.replies.size() < events.size() && Clock::now() < enough) {
    const std::size_t first = sent.replies.size();
    const std::span<const Event> some(&events[first], call_size(events, first, work.max_events));
    const std::string body = notify_message(work.endpoint, work.subscription, some);
    const std::string signature = work.secret ? push_signature(*work.secret, work.started, body) : "";
    const PushAnswer answer = call.post(work.endpoint, body, signature);
    sent.replies.insert(sent.replies.end(), some.size(), answer.reply);
    if (answer.reply == PushReply::kAccepted) {
      if (sent.failures >= kBreakerOpens) log::info("push.resumed", {{"endpoint", work.endpoint}});
      sent.failures = 0;
      continue;
    }
    sent.failed = true;
    ++sent.failures;
    log::info("push.failed", {{"endpoint", work.endpoint},
                              {"event", std::to_string(some.front().id)},
                              {"failures", std::to_string(sent.failures)},
                              {"error", answer.why}});
    if (answer.reply == PushReply::kNoAnswer || sent.failures >= kBreakerOpens) break;
  }
  return sent;
}

}  // namespace

struct PushSenders::State {
  db::Pool& pool;
  WaitRegistry& registry;
  Wake& wake;
  Events& events;
  const std::shared_ptr<const EgressRules> rules;
  const PushSettings settings;
  HostLookup lookup{};

  std::mutex mutex{};
  std::condition_variable changed{};
  std::deque<std::uint64_t> due{};                   // subscriptions
  std::map<std::uint64_t, std::uint64_t> in_hand{};  // due or sent to, and their services
  bool stopping = false;
  std::vector<std::thread> senders{};
  std::optional<WokenThread> dispatcher{}, fan_out{}, waiting{};

  // One service never has all senders: its endpoints may be slow.
  bool has_its_share(std::uint64_t service_id) const {
    const auto its_own = std::count_if(in_hand.begin(), in_hand.end(),
                                       [&](const auto& one) { return one.second == service_id; });
    return its_own >= std::max(settings.senders / 2, 1);
  }

  // No more than the senders can take soon: what they leave is found again.
  bool look() {
    const auto found = pool.lease().in_transaction([](db::Session& db) { return pushes_due(db); });
    bool more = false;
    {
      const std::lock_guard lock(mutex);
      for (const auto& [id, service] : found) {
        if (due.size() >= static_cast<std::size_t>(settings.senders) * 2) break;
        if (has_its_share(service) || !in_hand.emplace(id, service).second) continue;
        due.push_back(id);
        more = true;
      }
    }
    if (more) changed.notify_all();
    return false;
  }

  void run() {
    PushCall call(*rules, lookup, settings.limits, settings.certificates);
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stopping || !due.empty(); });
      if (stopping) return;
      const std::uint64_t id = due.front();
      due.pop_front();
      lock.unlock();
      const bool worked = push_safely(call, id);
      lock.lock();
      in_hand.erase(id);
      if (worked) registry.wake(Events::push_key());  // there may be more
    }
  }

  bool push_safely(PushCall& call, std::uint64_t id) {
    try {
      return push(call, id);
    } catch (const db::Unavailable&) {
      // The leases end by themselves.
    } catch (const std::exception& e) {
      log::warning("push.unfinished", {{"subscription", std::to_string(id)}, {"error", e.what()}});
    }
    return false;
  }

  bool push(PushCall& call, std::uint64_t id) {
    const auto taken = Clock::now();
    const auto work = pool.in_transaction([&](db::Session& db) { return begin_push(db, events, id); });
    if (!work) return false;
    const PushSent sent = send(call, *work, taken);
    pool.in_transaction([&](db::Session& db) {
      end_push(db, events, *work, sent);
      db.after_commit([&] { wake.wake({Events::pushed_key(work->queue_id)}); });
    });
    return true;
  }
};

PushSenders::PushSenders(db::Pool& pool, WaitRegistry& registry, Wake& wake, Events& events,
                         std::shared_ptr<const EgressRules> rules, PushSettings settings)
    : state_(new State{pool, registry, wake, events, std::move(rules), std::move(settings)}) {}

PushSenders::~PushSenders() { stop(); }

void PushSenders::start() {
  State& state = *state_;
  for (int i = 0; i < state.settings.senders; ++i) state.senders.emplace_back([&state] { state.run(); });
  state.dispatcher.emplace(state.registry, "push", Events::push_key(), kIdle,
                           [&state] { return state.look(); });
  state.fan_out.emplace(state.registry, "fan_out", Events::fan_out_key(), 2 * kIdle,
                        [&state] { return state.events.fan_out(state.pool); });
  state.waiting.emplace(state.registry, "waiting", Events::waiting_key(), kRarely,
                        [&state] { return state.events.sweep_waiting(state.pool); });
}

void PushSenders::stop() {
  State& state = *state_;
  state.waiting.reset();
  state.fan_out.reset();
  {
    const std::lock_guard lock(state.mutex);
    state.stopping = true;
  }
  state.changed.notify_all();
  for (std::thread& sender : state.senders) sender.join();
  state.senders.clear();
  state.dispatcher.reset();
}

}  // namespace whitebrick::events
