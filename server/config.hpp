#pragma once
// Settings, each declared once in settings.cpp (name, default, unit, help). From that
// table come --help, --print-config (= deploy/whitebrick.conf), the file and the
// environment (WHITEBRICK_<NAME>), range checks and the error for an unknown key.
// Order: command line, environment, file, default. Secrets come from the environment or
// from a file named by a setting, never from the main file.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>

#include "db/pool.hpp"
#include "server/http_server.hpp"
#include "server/log.hpp"

namespace whitebrick {

struct Config {
  HttpSettings http;
  std::string public_url;  // "" = from the request (trusted proxies' headers)
  std::string admin_address = "127.0.0.1";
  std::uint16_t admin_port = 8081;               // /live /ready /metrics
  db::Options database;                          // used when database.host or .socket is set
  std::filesystem::path database_password_file;  // or WHITEBRICK_DATABASE_PASSWORD
  bool migrate_on_start = true;
  std::filesystem::path data_directory = "whitebrick-data";  // private database otherwise
  unsigned data_memory_mib = 0;                              // of it; 0: a quarter of the machine's
  log::Settings log;
  std::string replica;  // name in logs and the replica table; "" = host:port
  std::chrono::seconds drain_grace{10};
  std::chrono::seconds drain_notice{2};  // /ready says 404 this long before the listener closes
  std::chrono::seconds terminal_lease{90};
  std::chrono::seconds service_lease{90};
  std::chrono::seconds token_lifetime{86400};
  int event_retention_days = 30;
  int argon2_memory_kib = 19456;
  std::vector<std::string> push_allow;  // exceptions of the egress guard
  std::vector<std::string> push_ports{"443"};
  bool push_http = false;
  std::filesystem::path push_certificates;
  int push_senders = 16;
  bool private_database() const { return database.host.empty() && database.socket.empty(); }
};

enum class Command {
  kServe,
  kMigrate,
  kDatabaseStart,
  kDatabaseStop,
  kAdminCreate,
  kPrintConfig,
  kHelp,
  kVersion
};

struct CommandLine {
  Command command = Command::kServe;
  Config config;
  std::string admin_name;                     // admin create <name>
  std::optional<std::string> admin_password;  // WHITEBRICK_ADMIN_PASSWORD; else one is generated
  std::string help;                           // text for kHelp
};

// Throws std::invalid_argument with one clear sentence (unknown key, bad value, range).
CommandLine parse_command_line(int argc, const char* const* argv);
void print_config(std::ostream&);  // every setting with its default and help, as a config file

}  // namespace whitebrick
