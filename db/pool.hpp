#pragma once
// Connections, leased one per request, and transactions with the retry table.
//
// Thread-safe. A Lease belongs to the thread that took it. After a failure to
// connect the pool fails fast (Unavailable) and lets one probe through every
// `probe_interval`, so that a dead database costs its callers no time.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "db/session.hpp"

namespace whitebrick::db {

struct Options {
  std::string host;  // used when `socket` is empty
  unsigned port = 3306;
  std::string socket;  // path of the unix socket
  std::string user = "whitebrick";
  std::string password;
  std::string schema = "whitebrick";
  std::string tls_ca;  // non-empty: TLS with verified peer is demanded
  std::size_t connections = 16;
  std::chrono::milliseconds lease_wait{1500};  // waiting for a free connection
  std::chrono::milliseconds probe_interval{500};
  std::chrono::seconds connect_timeout{1};
  std::chrono::seconds read_timeout{6};  // > max_statement_time
};

// What to do when the connection broke while COMMIT was under way.
enum class OnUnknownCommit {
  kFail,   // throw Unavailable with commit_unknown()
  kRetry,  // run again: only where a unique key makes the second run harmless
};

class Pool;

class Lease {
 public:
  Lease(Lease&&) noexcept;
  Lease& operator=(Lease&&) = delete;
  ~Lease();

  // Autocommit; a broken connection is replaced before use, not in the middle.
  Session& session();

  // Runs body(Session&) in one transaction and commits it. Conflict: rolled back
  // and run again (at most 8 times, 5-50 ms jitter), also on a new connection when
  // it broke before COMMIT; so body touches nothing but the database and its own
  // locals. Ends with the last error when `deadline` (if set) has passed.
  // Any other exception rolls back and passes through.
  template <class Body>
  auto in_transaction(Body&& body, OnUnknownCommit on_unknown = OnUnknownCommit::kFail)
      -> std::invoke_result_t<Body&, Session&> {
    using Result = std::invoke_result_t<Body&, Session&>;
    if constexpr (std::is_void_v<Result>) {
      run([&](Session& s) { body(s); }, on_unknown);
    } else {
      std::optional<Result> result;
      run([&](Session& s) { result.emplace(body(s)); }, on_unknown);
      return std::move(*result);
    }
  }

  void set_deadline(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }

 private:
  friend class Pool;
  explicit Lease(Pool& pool, std::unique_ptr<Connection> connection);
  void run(const std::function<void(Session&)>& body, OnUnknownCommit on_unknown);

  Pool* pool_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Session> session_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
};

struct PoolCounts {
  std::size_t open = 0;                                // connections that exist
  std::size_t in_use = 0;                              // leased now
  std::uint64_t statements = 0;                        // executed so far; tests and metrics read differences
  std::vector<std::pair<int, std::uint64_t>> retries;  // by error number
  bool reachable = true;                               // false while failing fast
};

class Pool {
 public:
  explicit Pool(Options options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Throws Unavailable when none comes free within lease_wait, or the database is away.
  Lease lease();

  // Shorthand for lease().in_transaction(body), for background work and tests.
  template <class Body>
  auto in_transaction(Body&& body) -> std::invoke_result_t<Body&, Session&> {
    return lease().in_transaction(std::forward<Body>(body));
  }

  PoolCounts counts() const;
  const Options& options() const;

 private:
  friend class Lease;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whitebrick::db
