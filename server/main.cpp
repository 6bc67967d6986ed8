// The program: its commands and its signals.

#include <csignal>
#include <ctime>
#include <iostream>
#include <optional>
#include <stdexcept>

#include "server/app.hpp"
#include "server/config.hpp"
#include "server/database.hpp"
#include "server/log.hpp"

namespace whitebrick {
namespace {

// SIGTERM and SIGINT: blocked before the first thread starts, and waited for here.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  // True when one came within that time.
  bool wait(std::chrono::seconds limit) const {
    const timespec time{.tv_sec = limit.count(), .tv_nsec = 0};
    return sigtimedwait(&set_, nullptr, &time) > 0;
  }

 private:
  sigset_t set_;
};

void serve(const Config& config, const Signals& signals) {
  Database database(config);
  database.migrate_if_wanted();
  database.check();
  App app(config, database.options());
  app.start();
  log::info("server.started", {{"version", WHITEBRICK_VERSION},
                               {"address", config.http.address},
                               {"port", std::to_string(app.port())},
                               {"admin_address", config.admin_address},
                               {"admin_port", std::to_string(app.admin_port())}});
  while (!signals.wait(std::chrono::seconds(1))) database.restore();
  log::info("server.draining");
  app.drain();
  // A second signal: whoever sent it does not want to wait.
  const bool hurry = signals.wait(config.drain_notice);
  app.stop(hurry ? std::chrono::seconds(0) : config.drain_grace);
  log::info("server.stopped");
}

void start_database(const Config& config) {
  Database database(config);
  database.migrate();
  database.leave_running();
}

void stop_database(const Config& config) {
  const bool stopped = db::stop_local_server(private_directory(config));
  log::info(stopped ? "database.stopped" : "database.not_running");
}

void create_administrator(const CommandLine& command) {
  Database database(command.config);
  database.migrate_if_wanted();
  database.check();
  db::Pool pool(database.options());
  std::cout << create_admin(command.config, pool, command.admin_name, command.admin_password) << '\n';
}

void run(const CommandLine& command) {
  const Signals signals;
  log::start(command.config.log);
  switch (command.command) {
    case Command::kServe:
      return serve(command.config, signals);
    case Command::kMigrate:
      return Database(command.config).migrate();
    case Command::kDatabaseStart:
      return start_database(command.config);
    case Command::kDatabaseStop:
      return stop_database(command.config);
    case Command::kAdminCreate:
      return create_administrator(command);
    case Command::kPrintConfig:
      return print_config(std::cout);
    case Command::kHelp:
      std::cout << command.help;
      return;
    case Command::kVersion:
      std::cout << "whitebrick " WHITEBRICK_VERSION "\n";
      return;
  }
}

}  // namespace
}  // namespace whitebrick

int main(int argc, char** argv) {
  std::optional<whitebrick::CommandLine> command;
  try {
    command = whitebrick::parse_command_line(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "whitebrick: " << e.what() << '\n';
    return 2;
  }
  try {
    whitebrick::run(*command);
    return 0;
  } catch (const std::exception& e) {
    whitebrick::log::error("server.failed", {{"error", e.what()}});
    return 1;
  }
}
