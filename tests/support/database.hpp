#pragma once
// A real MariaDB for tests: a private server shared by all test programs that run at the
// same time, and in it a migrated schema of this process alone, dropped at its end.
//
// WB_TEST_DB_DIR names the server's data directory; the server then keeps running. By
// default it lies beside the test program, and the last program to end stops it.

#include <memory>
#include <string>

#include "db/local_server.hpp"
#include "db/pool.hpp"

namespace whitebrick::testing {

class Database {
 public:
  Database();
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  db::Pool& pool() { return *pool_; }
  // Another replica's pool on the same schema.
  std::unique_ptr<db::Pool> fresh_pool(std::size_t connections = 16) const;
  // To connect to this process's schema, or to another one that a test makes.
  db::Options options() const { return options(schema_); }
  db::Options options(const std::string& schema) const;
  const std::string& schema() const { return schema_; }

  // Empties every table but those of the migrations and those whose comment says 'seed'.
  void clean_tables();
  // DROP and CREATE of what a test needs beside the tables; no arguments, run as it is.
  void run(const std::string& sql);

 private:
  class Users;

  std::unique_ptr<Users> users_;
  std::unique_ptr<db::LocalServer> server_;
  std::string schema_;
  std::unique_ptr<db::Pool> pool_;
};

// The one of this process, made on first use.
Database& database();

}  // namespace whitebrick::testing
