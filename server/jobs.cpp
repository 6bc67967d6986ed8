#include "server/jobs.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "server/log.hpp"

namespace whitebrick {
namespace {

using Clock = std::chrono::steady_clock;  // only for when to look again; slots are the database's
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t kThreads = 2;
constexpr milliseconds kRetryAfterFailure{1000};

struct Job {
  std::string name;
  milliseconds period;
  std::function<bool(db::Pool&)> work;
  bool claimed;  // false: on every replica
  Clock::time_point due = Clock::now();
  bool running = false;
  std::string last_error{};  // of the thread that runs it
};

// How long until the slot begins; nothing when the row does not exist yet.
std::optional<microseconds> until_slot(db::Session& db, const std::string& name) {
  constexpr std::string_view kSelectJob = R"sql(
    SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), next_at) AS remaining FROM job WHERE name = ?)sql";
  return db.query_one(
      kSelectJob, [](const db::Row& row) { return microseconds(row.number("remaining")); }, name);
}

void create_row(db::Session& db, const std::string& name) {
  constexpr std::string_view kInsertJob = R"sql(
    INSERT IGNORE INTO job (name, next_at) VALUES (?, UTC_TIMESTAMP(6)))sql";
  db.execute(kInsertJob, name);
}

// True for one caller per slot.
bool claim_slot(db::Session& db, const std::string& name, milliseconds period) {
  constexpr std::string_view kClaimJob = R"sql(
    UPDATE job SET next_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, fence = fence + 1
     WHERE name = ? AND next_at <= UTC_TIMESTAMP(6))sql";
  return db.execute(kClaimJob, std::int64_t{microseconds(period).count()}, name) == 1;
}

}  // namespace

struct Jobs::State {
  explicit State(db::Pool& p) : pool(p) {}

  db::Pool& pool;
  std::mutex mutex;  // of everything below
  std::condition_variable changed;
  std::list<Job> jobs;  // addresses stay
  bool stopping = false;
  bool database_away = false;
  std::vector<std::thread> threads;

  void add(Job job) {
    const std::lock_guard lock(mutex);
    if (!threads.empty()) throw std::logic_error("Jobs are declared before start().");
    jobs.push_back(std::move(job));
  }

  bool is_stopping() {
    const std::lock_guard lock(mutex);
    return stopping;
  }

  // Each thread takes the idle job that is due first.
  void loop() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      Job* next = nullptr;
      for (Job& job : jobs) {
        if (!job.running && (next == nullptr || job.due < next->due)) next = &job;
      }
      if (next == nullptr) {
        changed.wait(lock);
      } else if (next->due > Clock::now()) {
        changed.wait_until(lock, next->due);
      } else {
        next->running = true;
        lock.unlock();
        const Clock::duration pause = attempt(*next);
        lock.lock();
        next->running = false;
        next->due = Clock::now() + pause;
        changed.notify_one();
      }
    }
  }

  // Answers when to look again.
  Clock::duration attempt(Job& job) {
    bool slot_taken = !job.claimed;
    try {
      if (job.claimed) {
        const microseconds wait = claim(job);
        slot_taken = wait == microseconds::zero();
        if (!slot_taken) {
          database_answered();
          return wait;
        }
      }
      while (job.work(pool) && !is_stopping()) {
      }
      database_answered();
      if (!job.last_error.empty()) log::info("job.recovered", {{"job", job.name}});
      job.last_error.clear();
    } catch (const db::Unavailable& e) {
      database_failed(e.what());
    } catch (const db::Conflict&) {
      // Somebody else was quicker, here or on another node: the next slot will do.
    } catch (const std::exception& e) {
      failed(job, e.what());
    }
    return slot_taken ? job.period : std::min(job.period, kRetryAfterFailure);
  }

  // Zero when this replica has the slot, else the time until the next one.
  microseconds claim(const Job& job) {
    db::Lease lease = pool.lease();
    db::Session& db = lease.session();
    std::optional<microseconds> remaining = until_slot(db, job.name);
    if (!remaining) create_row(db, job.name);
    if (remaining.value_or(microseconds::zero()) <= microseconds::zero()) {
      if (claim_slot(db, job.name, job.period)) return microseconds::zero();
      remaining = until_slot(db, job.name);
    }
    // Never zero, and never later than a period, should somebody have stretched it.
    return std::clamp<microseconds>(remaining.value_or(job.period), milliseconds(1), job.period);
  }

  // An outage is one line for all jobs, and one when it is over.
  void database_failed(const char* what) {
    const std::lock_guard lock(mutex);
    if (!std::exchange(database_away, true)) log::warning("jobs.paused", {{"error", what}});
  }
  void database_answered() {
    const std::lock_guard lock(mutex);
    if (std::exchange(database_away, false)) log::info("jobs.resumed");
  }
  // The same failure in slot after slot is one line.
  static void failed(Job& job, const std::string& what) {
    if (job.last_error == what) return;
    job.last_error = what;
    log::error("job.failed", {{"job", job.name}, {"error", what}});
  }
};

Jobs::Jobs(db::Pool& pool) : state_(std::make_unique<State>(pool)) {}
Jobs::~Jobs() { stop(); }

void Jobs::every(std::string name, milliseconds period, std::function<bool(db::Pool&)> work) {
  state_->add({.name = std::move(name), .period = period, .work = std::move(work), .claimed = true});
}

void Jobs::every_here(std::string name, milliseconds period, std::function<bool(db::Pool&)> work) {
  state_->add({.name = std::move(name), .period = period, .work = std::move(work), .claimed = false});
}

void Jobs::start() {
  const std::lock_guard lock(state_->mutex);
  for (std::size_t i = 0; i < kThreads; ++i) {
    state_->threads.emplace_back([this] { state_->loop(); });
  }
}

void Jobs::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  for (std::thread& thread : state_->threads) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace whitebrick
