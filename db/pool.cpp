#include "db/pool.hpp"

#include "db/failure.hpp"
#include "db/pool_state.hpp"

namespace whitebrick::db {
namespace {

using Clock = std::chrono::steady_clock;

// A connection idle for longer is asked before use whether it still lives; under load
// none is ever idle that long.
constexpr std::chrono::seconds kTrustedIdle{1};

// The server lives and answers, so failing fast would be wrong.
bool server_is_full(int code) { return code == 1040 || code == 1203; }

}  // namespace

void Pool::State::connect(std::unique_ptr<Connection>& connection) {
  {
    std::lock_guard lock(mutex);
    if (!breaker.admits(Clock::now())) throw Unavailable(0, "the database is not reachable");
  }
  try {
    if (connection)
      connection->open();
    else
      connection = std::make_unique<Connection>(options, &statements);
  } catch (const Unavailable& e) {
    if (!server_is_full(e.code())) {
      std::lock_guard lock(mutex);
      breaker.failed(Clock::now());
      distrust_before = Clock::now();
      changed.notify_all();
    }
    throw;
  }
  std::lock_guard lock(mutex);
  breaker.succeeded();
}

void Pool::State::give_back(std::unique_ptr<Connection> connection) {
  std::unique_ptr<Connection> closing;  // outside of the lock
  std::lock_guard lock(mutex);
  --in_use;
  if (!connection || connection->broken()) {
    --open;
    closing = std::move(connection);
  } else {
    idle.push_back(std::move(connection));
  }
  changed.notify_one();
}

void Pool::State::note_broken(const Connection& connection) {
  if (!suspects_server(connection.broken_by())) return;
  std::lock_guard lock(mutex);
  distrust_before = Clock::now();
}

void Pool::State::count_retry(int code) {
  std::lock_guard lock(mutex);
  ++retries[code];
}

Pool::Pool(Options options) : state_(std::make_unique<State>(std::move(options))) {}
Pool::~Pool() = default;

Lease Pool::lease() {
  State& state = *state_;
  std::unique_ptr<Connection> connection;
  bool trusted = false;
  {
    std::unique_lock lock(state.mutex);
    const auto settled = [&] { return state.in_use < state.options.connections || state.breaker.open(); };
    if (!state.changed.wait_for(lock, state.options.lease_wait, settled)) {
      throw Unavailable(0, "no database connection came free in time");
    }
    if (state.in_use >= state.options.connections) throw Unavailable(0, "the database is not reachable");
    ++state.in_use;
    if (!state.idle.empty()) {
      connection = std::move(state.idle.back());
      state.idle.pop_back();
      trusted = connection->last_used() >= state.distrust_before && !state.breaker.open();
    } else {
      ++state.open;
    }
  }
  try {
    if (trusted && Clock::now() - connection->last_used() > kTrustedIdle) trusted = connection->ping();
    if (!trusted) state.connect(connection);
  } catch (...) {
    state.give_back(nullptr);
    throw;
  }
  return Lease(*this, std::move(connection));
}

PoolCounts Pool::counts() const {
  std::lock_guard lock(state_->mutex);
  PoolCounts counts;
  counts.open = state_->open;
  counts.in_use = state_->in_use;
  counts.statements = state_->statements.load(std::memory_order_relaxed);
  counts.retries.assign(state_->retries.begin(), state_->retries.end());
  counts.reachable = !state_->breaker.open();
  return counts;
}

const Options& Pool::options() const { return state_->options; }

}  // namespace whitebrick::db
