#pragma once
// The driver's side of a session: one connection, its settings, its prepared
// statements and the transaction that is open on it. Only db/ includes this.
//
// The driver never reconnects by itself (it would lose the session settings and half
// a transaction without a word); open() does, and only outside of a transaction.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/pool.hpp"
#include "db/statement_cache.hpp"

namespace sql {
class Connection;
class SQLException;
class Statement;
}  // namespace sql

namespace whitebrick::db {

class Connection {
 public:
  enum class Use {
    kRequests,        // short statements under max_statement_time
    kAdministration,  // schema changes: no time limits
  };

  // Opens. `statements` counts what is executed, when given.
  explicit Connection(const Options& options, std::atomic<std::uint64_t>* statements = nullptr,
                      Use use = Use::kRequests);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects anew: prepared statements and session state start from nothing.
  void open();
  bool broken() const { return broken_; }
  int broken_by() const { return broken_by_; }
  // One round trip; false marks it broken.
  bool ping();
  std::chrono::steady_clock::time_point last_used() const { return last_used_; }

  std::uint64_t execute(std::string_view text, const std::vector<Value>& args);
  void each_row(std::string_view text, const std::vector<Value>& args,
                const std::function<void(const Row&)>& read);
  // Text protocol, nothing prepared: DDL, SET.
  void command(const std::string& text);
  Time now();

  // START TRANSACTION is sent with the first statement, so that a transaction which
  // ends before it costs no round trip.
  void begin();
  // Throws Unavailable with commit_unknown() when the connection broke under COMMIT.
  void commit();
  void rollback() noexcept;
  bool in_transaction() const { return transaction_.has_value(); }
  void after_commit(std::function<void()> action);

 private:
  struct Transaction {
    bool started = false;
    std::optional<Conflict> lost;  // the server rolled back already: nothing more may run
    std::optional<Time> now;
    std::vector<std::function<void()>> after_commit;
  };

  void apply_settings();
  void require_tls();
  void before_statement();
  ::sql::Connection& link();
  [[noreturn]] void fail(const ::sql::SQLException& e);

  const Options options_;
  std::atomic<std::uint64_t>* const statements_counter_;
  const Use use_;
  // Destroyed in reverse: statements before the connection they live on.
  std::unique_ptr<::sql::Connection> link_;
  std::unique_ptr<::sql::Statement> text_statement_;
  StatementCache cache_;
  std::optional<Transaction> transaction_;
  std::chrono::steady_clock::time_point last_used_;
  bool broken_ = false;
  int broken_by_ = 0;
};

}  // namespace whitebrick::db
