#pragma once
// The database of this process: the configured one, or a private one that ends with the
// process when it began with it.

#include <optional>

#include "db/local_server.hpp"
#include "server/config.hpp"

namespace whitebrick {

std::filesystem::path private_directory(const Config&);

class Database {
 public:
  explicit Database(const Config&);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  const db::Options& options() const { return options_; }
  void migrate();
  void migrate_if_wanted();  // the private one always, another by the setting
  // Throws db::Error when program and database do not fit.
  void check() const;
  // Brings the private one back when it died and is ours; the pool then finds it again.
  void restore();
  // It shall outlive this process.
  void leave_running() { leave_running_ = true; }

 private:
  void start_private();

  const Config& config_;
  db::Options options_;
  std::optional<db::LocalServer> local_;
  bool leave_running_ = false;
  bool died_ = false;  // and has not been started again yet
};

}  // namespace whitebrick
