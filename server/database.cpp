#include "server/database.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "db/migrate.hpp"
#include "server/log.hpp"

namespace whitebrick {
namespace {

// The process has ended; it is left for its owner to reap.
bool ended(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == child;
}

// Taken as it fills, so that a small database takes little.
unsigned pages_mib(const Config& config) {
  constexpr std::uint64_t kLeast = 256;
  if (config.data_memory_mib != 0) return config.data_memory_mib;
  const auto machine = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                       static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
  return static_cast<unsigned>(std::max(kLeast, machine / 4 >> 20U));
}

}  // namespace

std::filesystem::path private_directory(const Config& config) { return config.data_directory / "database"; }

Database::Database(const Config& config) : config_(config), options_(config.database) {
  if (config.private_database()) start_private();
}

Database::~Database() {
  try {
    if (local_ && local_->started_here() && !leave_running_ && !died_) local_->stop();
  } catch (const std::exception& e) {
    log::error("database.stop_failed", {{"error", e.what()}});
  }
}

void Database::start_private() {
  local_.emplace(db::LocalServer::start_or_attach(
      {.data_directory = private_directory(config_), .buffer_pool_mib = pages_mib(config_)}));
  const db::Options local = local_->options(config_.database.schema);
  options_.socket = local.socket;
  options_.user = local.user;
  options_.password = local.password;
  options_.tls_ca.clear();
  log::info(local_->started_here() ? "database.started" : "database.attached",
            {{"pid", std::to_string(local_->pid())}, {"socket", options_.socket}});
}

void Database::migrate_if_wanted() {
  if (local_ || config_.migrate_on_start) migrate();
}

void Database::migrate() {
  for (const int number : db::migrate(options_)) {
    log::info("schema.migrated", {{"number", std::to_string(number)}});
  }
}

void Database::check() const {
  db::Pool pool(options_);
  db::check_contract(pool);
}

void Database::restore() {
  if (!local_ || !local_->started_here()) return;
  if (!died_ && ended(local_->pid())) {
    log::error("database.died", {{"pid", std::to_string(local_->pid())}});
    ::waitpid(local_->pid(), nullptr, 0);
    died_ = true;
  }
  if (!died_) return;
  try {
    start_private();
    died_ = false;
  } catch (const std::exception& e) {
    log::error("database.start_failed", {{"error", e.what()}});
  }
}

}  // namespace whitebrick
