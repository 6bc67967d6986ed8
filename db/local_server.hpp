#pragma once
// A private MariaDB for those who have set up no database: own data directory,
// unix socket only (no TCP), durable settings. Owned by whoever started it; a
// second owner attaches to the running one. Killing a replica leaves it running
// when the pool (deploy/up) owns it.

#include <chrono>
#include <filesystem>
#include <optional>
#include <sys/types.h>

#include "db/pool.hpp"

namespace whitebrick::db {

class LocalServer {
 public:
  struct Settings {
    std::filesystem::path data_directory;  // created when missing, mode 0700
    std::string program = "mariadbd";      // looked up in PATH and /usr/sbin
    std::chrono::seconds start_timeout{60};
    unsigned buffer_pool_mib = 256;
  };

  // Starts mariadbd in the directory, initialising it first when empty, or attaches
  // when it already runs there. Throws Error with what to do (missing package, path of
  // the socket over 107 bytes, directory locked by a foreign process).
  static LocalServer start_or_attach(const Settings&);

  LocalServer(LocalServer&&) noexcept;
  LocalServer& operator=(LocalServer&&) = delete;
  // Leaves it running unless stop() was called.
  ~LocalServer();

  // Connection options for the schema owner (`schema` as given, unix socket, no password:
  // the socket lies in the private directory).
  Options options(const std::string& schema = "whitebrick") const;
  bool started_here() const;  // false: attached
  pid_t pid() const;
  // SIGTERM and wait. Only the owner does this.
  void stop();

 private:
  struct State;
  explicit LocalServer(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

// Stops the private server of a data directory, started by whichever process
// (deploy/down). Answers false when none runs there.
bool stop_local_server(const std::filesystem::path& data_directory);

}  // namespace whitebrick::db
