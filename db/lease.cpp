#include <random>
#include <thread>

#include "db/pool_state.hpp"

namespace whitebrick::db {
namespace {

constexpr int kAttempts = 9;  // the first and eight more

// Losers of the same conflict must not meet again.
std::chrono::milliseconds jitter() {
  thread_local std::minstd_rand random{std::random_device{}()};
  return std::chrono::milliseconds(std::uniform_int_distribution<int>(5, 50)(random));
}

}  // namespace

Lease::Lease(Pool& pool, std::unique_ptr<Connection> connection)
    : pool_(&pool), connection_(std::move(connection)), session_(std::make_unique<Session>(*connection_)) {}

Lease::Lease(Lease&&) noexcept = default;

Lease::~Lease() {
  if (!connection_) return;
  connection_->rollback();
  if (connection_->broken()) pool_->state_->note_broken(*connection_);
  pool_->state_->give_back(std::move(connection_));
}

Session& Lease::session() {
  if (connection_->broken() && !connection_->in_transaction()) {
    pool_->state_->note_broken(*connection_);
    pool_->state_->connect(connection_);
  }
  return *session_;
}

void Lease::run(const std::function<void(Session&)>& body, OnUnknownCommit on_unknown) {
  if (connection_->in_transaction()) throw Error(0, "a transaction is already open on this lease");
  for (int attempt = 1;; ++attempt) {
    Session& session = this->session();
    int code = 0;
    std::exception_ptr failure;
    try {
      connection_->begin();
      body(session);
      connection_->commit();
      return;
    } catch (const Conflict& e) {
      code = e.code();
      failure = std::current_exception();
    } catch (const Unavailable& e) {
      connection_->rollback();
      if (e.commit_unknown() && on_unknown == OnUnknownCommit::kFail) throw;
      code = e.code();
      failure = std::current_exception();
    } catch (...) {
      connection_->rollback();
      throw;
    }
    connection_->rollback();
    const auto pause = jitter();
    if (attempt == kAttempts || std::chrono::steady_clock::now() + pause > deadline_)
      std::rethrow_exception(failure);
    pool_->state_->count_retry(code);
    // A broken connection meets nobody again; a new one is opened at once.
    if (!connection_->broken()) std::this_thread::sleep_for(pause);
  }
}

}  // namespace whitebrick::db
