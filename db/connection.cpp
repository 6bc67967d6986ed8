#include "db/connection.hpp"

#include <cppconn/connection.h>
#include <cppconn/driver.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>

#include <mutex>

#include "db/failure.hpp"

namespace whitebrick::db {
namespace {

constexpr std::string_view kNow = "SELECT UTC_TIMESTAMP(6) AS now";

// Both on every new connection. Waits are shorter than a caller's patience; a
// transaction left open is ended by the server.
constexpr const char* kIsolation = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
constexpr const char* kRequestSettings =
    "SET NAMES utf8mb4, SESSION time_zone='+00:00', innodb_snapshot_isolation=ON, "
    "innodb_lock_wait_timeout=3, "
    "lock_wait_timeout=5, max_statement_time=5, idle_transaction_timeout=10, wsrep_sync_wait=0";
constexpr const char* kAdministrationSettings =
    "SET NAMES utf8mb4, SESSION time_zone='+00:00', innodb_snapshot_isolation=ON, "
    "innodb_lock_wait_timeout=30, "
    "lock_wait_timeout=60, max_statement_time=0, idle_transaction_timeout=0, wsrep_sync_wait=0";

// The driver's own set-up races on first use, and each thread has to be announced.
::sql::Driver& driver() {
  static std::once_flag once;
  static ::sql::Driver* instance = nullptr;
  std::call_once(once, [] { instance = ::get_driver_instance(); });
  struct ThreadUse {
    ThreadUse() { instance->threadInit(); }
    ~ThreadUse() { instance->threadEnd(); }
  };
  thread_local ThreadUse use;
  return *instance;
}

::sql::ConnectOptionsMap driver_options(const Options& options, Connection::Use use) {
  constexpr int kAdministrationTimeout = 3600;
  const int timeout = use == Connection::Use::kRequests ? static_cast<int>(options.read_timeout.count())
                                                        : kAdministrationTimeout;
  ::sql::ConnectOptionsMap map;
  map["hostName"] = options.socket.empty() ? "tcp://" + options.host + ":" + std::to_string(options.port)
                                           : "unix://" + options.socket;
  map["userName"] = options.user;
  map["password"] = options.password;
  if (!options.schema.empty()) map["schema"] = options.schema;
  map["OPT_CHARSET_NAME"] = ::sql::SQLString("utf8mb4");
  map["characterSetResults"] = ::sql::SQLString("utf8mb4");
  map["OPT_CONNECT_TIMEOUT"] = static_cast<int>(options.connect_timeout.count());
  map["OPT_READ_TIMEOUT"] = timeout;
  map["OPT_WRITE_TIMEOUT"] = timeout;
  if (!options.tls_ca.empty()) {
    map["sslCA"] = ::sql::SQLString(options.tls_ca);
    map["sslEnforce"] = true;
    map["sslVerify"] = true;
  }
  return map;
}

}  // namespace

Connection::Connection(const Options& options, std::atomic<std::uint64_t>* statements, Use use)
    : options_(options), statements_counter_(statements), use_(use) {
  open();
}

Connection::~Connection() {
  driver();
  cache_.clear();
}

void Connection::open() {
  cache_.clear();
  text_statement_.reset();
  link_.reset();
  transaction_.reset();
  broken_ = true;
  try {
    auto map = driver_options(options_, use_);
    link_.reset(driver().connect(map));
    text_statement_.reset(link_->createStatement());
    apply_settings();
  } catch (const ::sql::SQLException& e) {
    broken_by_ = e.getErrorCode();
    rethrow(e);
  }
  require_tls();
  broken_ = false;
  broken_by_ = 0;
  last_used_ = std::chrono::steady_clock::now();
}

void Connection::apply_settings() {
  text_statement_->execute(kIsolation);
  text_statement_->execute(use_ == Use::kRequests ? kRequestSettings : kAdministrationSettings);
}

void Connection::require_tls() {
  if (options_.tls_ca.empty()) return;
  std::string cipher;
  try {
    std::unique_ptr<::sql::ResultSet> rows(
        text_statement_->executeQuery("SHOW SESSION STATUS LIKE 'Ssl_cipher'"));
    if (rows->next()) cipher = rows->getString(2).asStdString();
  } catch (const ::sql::SQLException& e) {
    rethrow(e);
  }
  if (cipher.empty()) throw Error(0, "the database connection is not encrypted although a CA is configured");
}

bool Connection::ping() {
  if (broken_) return false;
  driver();
  try {
    broken_ = !link_->isValid();
  } catch (const ::sql::SQLException& e) {
    broken_ = true;
    broken_by_ = e.getErrorCode();
  }
  return !broken_;
}

::sql::Connection& Connection::link() {
  driver();
  if (broken_ || !link_) throw Unavailable(broken_by_, "the database connection is broken");
  return *link_;
}

void Connection::fail(const ::sql::SQLException& e) {
  switch (classify(e.getErrorCode())) {
    case Failure::kUnavailable:
      broken_ = true;
      broken_by_ = e.getErrorCode();
      break;
    case Failure::kConflict:
      if (transaction_) transaction_->lost.emplace(e.getErrorCode(), e.what());
      break;
    case Failure::kDuplicate:
    case Failure::kOther:
      break;
  }
  rethrow(e);
}

// Nothing may run behind a lost transaction: it would be stored on its own.
void Connection::before_statement() {
  link();
  last_used_ = std::chrono::steady_clock::now();
  if (statements_counter_) statements_counter_->fetch_add(1, std::memory_order_relaxed);
  if (!transaction_) return;
  if (transaction_->lost) throw Conflict(*transaction_->lost);
  if (!transaction_->started) {
    command("START TRANSACTION");
    transaction_->started = true;
  }
}

std::uint64_t Connection::execute(std::string_view text, const std::vector<Value>& args) {
  before_statement();
  try {
    auto& prepared = cache_.get(*link_, text);
    bind(prepared, args);
    return static_cast<std::uint64_t>(prepared.statement->executeUpdate());
  } catch (const ::sql::SQLException& e) {
    fail(e);
  }
}

void Connection::each_row(std::string_view text, const std::vector<Value>& args,
                          const std::function<void(const Row&)>& read) {
  before_statement();
  try {
    auto& prepared = cache_.get(*link_, text);
    bind(prepared, args);
    const std::unique_ptr<::sql::ResultSet> result(prepared.statement->executeQuery());
    const Row row(*result, prepared.columns);
    while (result->next()) read(row);
  } catch (const ::sql::SQLException& e) {
    fail(e);
  }
}

void Connection::command(const std::string& text) {
  link();
  try {
    text_statement_->execute(text);
  } catch (const ::sql::SQLException& e) {
    fail(e);
  }
}

Time Connection::now() {
  if (transaction_ && transaction_->now) return *transaction_->now;
  std::optional<Time> now;
  each_row(kNow, {}, [&](const Row& row) { now = row.time("now"); });
  if (transaction_) transaction_->now = now;
  return now.value();
}

void Connection::begin() {
  if (transaction_) throw Error(0, "a transaction is already open on this connection");
  link();
  transaction_.emplace(Transaction{});
}

void Connection::commit() {
  if (transaction_->lost) throw Conflict(*transaction_->lost);
  if (transaction_->started) {
    link();
    try {
      text_statement_->execute("COMMIT");
    } catch (const ::sql::SQLException& e) {
      if (classify(e.getErrorCode()) == Failure::kUnavailable) {
        broken_ = true;
        broken_by_ = e.getErrorCode();
        throw Unavailable(e.getErrorCode(), e.what(), true);
      }
      fail(e);
    }
  }
  const auto actions = std::move(transaction_->after_commit);
  transaction_.reset();
  for (const auto& action : actions) action();
}

void Connection::rollback() noexcept {
  if (!transaction_) return;
  const bool started = transaction_->started;
  transaction_.reset();
  if (!started || broken_) return;
  try {
    text_statement_->execute("ROLLBACK");
  } catch (const ::sql::SQLException& e) {
    broken_ = true;  // the server rolls back when the connection closes
    broken_by_ = e.getErrorCode();
  }
}

void Connection::after_commit(std::function<void()> action) {
  if (transaction_)
    transaction_->after_commit.push_back(std::move(action));
  else
    action();
}

}  // namespace whitebrick::db
