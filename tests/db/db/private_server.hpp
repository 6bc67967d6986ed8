#pragma once
// A database server of one test's own, to be stopped, frozen or misconfigured.

#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "db/connection.hpp"
#include "db/local_server.hpp"

namespace whitebrick::testing {

class PrivateServer {
 public:
  PrivateServer() : directory_(make_directory()), server_(db::LocalServer::start_or_attach(settings())) {}
  ~PrivateServer() {
    resume();
    db::stop_local_server(directory_);
    std::filesystem::remove_all(directory_);
  }
  PrivateServer(const PrivateServer&) = delete;
  PrivateServer& operator=(const PrivateServer&) = delete;

  db::LocalServer::Settings settings() const {
    db::LocalServer::Settings settings;
    settings.data_directory = directory_;
    settings.buffer_pool_mib = 32;
    return settings;
  }
  const std::filesystem::path& directory() const { return directory_; }
  db::LocalServer& server() { return server_; }
  db::Options options(const std::string& schema = "whitebrick") const { return server_.options(schema); }
  void freeze() {
    ::kill(server_.pid(), SIGSTOP);
    ::waitpid(server_.pid(), nullptr, WUNTRACED);  // until every thread of it stands still
  }
  void resume() { ::kill(server_.pid(), SIGCONT); }
  void run(const std::string& sql) {
    db::Connection(options(""), nullptr, db::Connection::Use::kAdministration).command(sql);
  }

 private:
  static std::filesystem::path make_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "wb-db-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary directory");
    return name;
  }

  std::filesystem::path directory_;
  db::LocalServer server_;
};

}  // namespace whitebrick::testing
