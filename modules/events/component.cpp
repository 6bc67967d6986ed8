#include "modules/events/component.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>

#include "modules/events/dead.hpp"
#include "modules/events/delivery_rules.hpp"
#include "modules/events/event_row.hpp"
#include "modules/events/names.hpp"
#include "server/log.hpp"

namespace whitebrick::events {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kThreads = 2;
constexpr int kBatch = 50;
// A batch ends early, so that one transaction does not hold its rows for long.
constexpr std::chrono::milliseconds kBatchTime{25};
// Also how soon a component sees what was published on a replica whose word was lost.
constexpr std::chrono::milliseconds kIdle{1000};
constexpr unsigned kLongestBackoff = 300;  // seconds

// SKIP LOCKED only spares the wait for another worker; that no event is handled twice is
// ensured by the DELETE in the same transaction.
constexpr std::string_view kTakeReady = R"sql(
  SELECT event_id, subscription_id, attempts FROM delivery
   WHERE queue_id = ? AND visible_at <= UTC_TIMESTAMP(6) ORDER BY event_id LIMIT ? FOR UPDATE SKIP LOCKED)sql";

constexpr std::string_view kSelectEvent = R"sql(
  SELECT e.type AS type, e.content AS content, e.created_at AS created_at, e.service_id AS service_id,
         e.component AS component, e.targets AS targets, v.name AS service_name, v.provider AS provider
    FROM event e LEFT JOIN service v ON v.account_id = e.service_id WHERE e.id = ?)sql";

constexpr std::string_view kDelete = R"sql(
  DELETE FROM delivery WHERE queue_id = ? AND event_id = ? AND subscription_id = ?)sql";

constexpr std::string_view kKeep = R"sql(
  INSERT INTO delivery_history
         (subscription_id, event_id, recipient_kind, recipient_id, profile_id, outcome, attempts, done_at)
  VALUES (?, ?, 3, 0, NULL, 1, ?, UTC_TIMESTAMP(6)))sql";

// Workers that fail together, of several replicas, count one attempt.
constexpr std::string_view kPutOff = R"sql(
  UPDATE delivery SET attempts = LEAST(attempts + 1, 65535), visible_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
   WHERE queue_id = ? AND event_id = ? AND subscription_id = ? AND attempts = ?)sql";

struct Taken {
  std::uint64_t event_id = 0, subscription_id = 0;
  unsigned attempts = 0;
};

std::optional<Event> load_event(db::Session& db, const Taken& taken) {
  bool has_targets = false;
  auto event = db.query_one(
      kSelectEvent,
      [&](const db::Row& row) {
        Event e = read_event(row);
        e.id = taken.event_id;
        e.attempts = taken.attempts + 1;
        has_targets = row.number("targets") > 0;
        return e;
      },
      taken.event_id);
  if (event && has_targets) {
    for (auto& [id, name] : target_names(db, {taken.event_id}, {})) event->profiles.push_back(name);
  }
  return event;
}

// A handler's failure, with the event that it failed on.
struct HandlerFailed {
  Taken taken;
  std::string what;
};

unsigned backoff_seconds(unsigned attempts) {
  return std::min(kLongestBackoff, 1U << std::min(attempts, 9U));
}

}  // namespace

struct ComponentWorkers::State {
  struct Component {
    std::string name;
    std::vector<std::string> patterns;
    ComponentEvent handler;
    std::uint64_t queue_id = 0;
  };

  State(db::Pool& pool, WaitRegistry& registry, Events& events)
      : pool(pool), registry(registry), events(events) {}

  db::Pool& pool;
  WaitRegistry& registry;
  Events& events;
  std::vector<Component> components;

  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t wakes = 0;
  bool stopping = false;
  bool database_away = false;
  std::vector<std::thread> threads;
  std::vector<WaitRegistry::Watch> watches;

  void wake() {
    {
      const std::lock_guard lock(mutex);
      ++wakes;
    }
    changed.notify_one();
  }

  // Answers how many events were handled.
  int handle_batch(const Component& component) {
    return pool.in_transaction([&](db::Session& db) {
      const auto ready = db.query(
          kTakeReady,
          [](const db::Row& row) {
            return Taken{row.id("event_id"), row.id("subscription_id"),
                         static_cast<unsigned>(row.number("attempts"))};
          },
          component.queue_id, kBatch);
      const auto enough = Clock::now() + kBatchTime;
      int handled = 0;
      for (const Taken& taken : ready) {
        handle(db, component, taken);
        ++handled;
        if (Clock::now() >= enough) break;
      }
      return handled;
    });
  }

  void handle(db::Session& db, const Component& component, const Taken& taken) {
    const auto event = load_event(db, taken);
    try {
      if (event) component.handler(db, *event);
    } catch (const db::Conflict&) {
      throw;
    } catch (const db::Unavailable&) {
      throw;
    } catch (const std::exception& e) {
      throw HandlerFailed{taken, e.what()};
    }
    db.execute(kDelete, component.queue_id, taken.event_id, taken.subscription_id);
    db.execute(kKeep, taken.subscription_id, taken.event_id, taken.attempts + 1);
  }

  void put_off(const Component& component, const HandlerFailed& failed) {
    const unsigned attempts = failed.taken.attempts + 1;
    if (attempts >= kMostAttempts) return give_up(component, failed);
    const unsigned pause = backoff_seconds(failed.taken.attempts);
    log::error("event.handling_failed", {{"component", component.name},
                                         {"event", std::to_string(failed.taken.event_id)},
                                         {"attempts", std::to_string(attempts)},
                                         {"again_in_seconds", std::to_string(pause)},
                                         {"error", failed.what}});
    pool.in_transaction([&](db::Session& db) {
      db.execute(kPutOff, pause, component.queue_id, failed.taken.event_id, failed.taken.subscription_id,
                 failed.taken.attempts);
    });
  }

  // For an administrator to look at and requeue. Until he does, what the event asked for is not done: the
  // sessions of a deleted profile or of a disabled account, say, are not ended by it.
  void give_up(const Component& component, const HandlerFailed& failed) {
    const Taken& taken = failed.taken;
    const auto buried = pool.in_transaction([&](db::Session& db) {
      db.execute(kPutOff, 0, component.queue_id, taken.event_id, taken.subscription_id, taken.attempts);
      return bury(db, component.queue_id, taken.event_id, taken.event_id);
    });
    if (buried == 0) return;  // another worker was quicker
    log::error(
        "event.died",
        {{"component", component.name}, {"event", std::to_string(taken.event_id)}, {"error", failed.what}});
  }

  // One look at every queue; true when something was there.
  bool look() {
    bool found = false;
    for (const Component& component : components) {
      try {
        found = handle_batch(component) > 0 || found;
      } catch (const HandlerFailed& failed) {
        put_off(component, failed);
        found = true;
      }
    }
    return found;
  }

  void run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      const std::uint64_t seen = wakes;
      lock.unlock();
      const bool found = look_safely();
      lock.lock();
      if (!found) changed.wait_for(lock, kIdle, [&] { return stopping || wakes != seen; });
    }
  }

  bool look_safely() {
    try {
      const bool found = look();
      note_database(true, "");
      return found;
    } catch (const db::Unavailable& e) {
      note_database(false, e.what());
    } catch (const db::Conflict&) {
      // Somebody else was quicker every time: the next look will do.
    } catch (const std::exception& e) {
      log::error("component.failed", {{"error", e.what()}});
    }
    std::unique_lock lock(mutex);
    changed.wait_for(lock, kIdle, [&] { return stopping; });  // no spinning
    return true;
  }

  void note_database(bool there, const char* what) {
    const std::lock_guard lock(mutex);
    if (std::exchange(database_away, !there) == !there) return;
    if (there)
      log::info("component.resumed");
    else
      log::warning("component.paused", {{"error", what}});
  }
};

ComponentWorkers::ComponentWorkers(db::Pool& pool, WaitRegistry& registry, Events& events)
    : state_(std::make_unique<State>(pool, registry, events)) {}

ComponentWorkers::~ComponentWorkers() { stop(); }

void ComponentWorkers::subscribe(const std::string& component, const std::vector<std::string>& patterns,
                                 ComponentEvent handler) {
  state_->components.push_back({component, patterns, std::move(handler), 0});
}

void ComponentWorkers::start() {
  State& state = *state_;
  for (auto& component : state.components) {
    component.queue_id = state.pool.in_transaction([&](db::Session& db) {
      SubscriptionRequest request;
      request.name = component.name;
      request.patterns = component.patterns;
      return state.events.subscribe(db, {PartyKind::kComponent, 0}, request).queue_id;
    });
    state.watches.push_back(
        state.registry.watch(Events::wait_key(component.queue_id), [&state] { state.wake(); }));
  }
  for (int i = 0; i < kThreads && !state.components.empty(); ++i) {
    state.threads.emplace_back([&state] { state.run(); });
  }
}

void ComponentWorkers::stop() {
  State& state = *state_;
  state.watches.clear();
  {
    const std::lock_guard lock(state.mutex);
    state.stopping = true;
  }
  state.changed.notify_all();
  for (std::thread& thread : state.threads) {
    if (thread.joinable()) thread.join();
  }
  state.threads.clear();
}

}  // namespace whitebrick::events
