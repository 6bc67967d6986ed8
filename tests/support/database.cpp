#include "tests/support/database.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "db/connection.hpp"
#include "db/migrate.hpp"

namespace whitebrick::testing {
namespace fs = std::filesystem;
namespace {

fs::path default_directory() { return fs::read_symlink("/proc/self/exe").parent_path() / "test-db"; }

constexpr std::string_view kTablesToEmpty = R"sql(
SELECT table_name AS name FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
  AND table_name <> 'schema_migration' AND table_comment NOT LIKE '%seed%')sql";

}  // namespace

// A shared lock held by each test program; who can have it alone is the last.
class Database::Users {
 public:
  explicit Users(const fs::path& directory) {
    fs::create_directories(directory);
    descriptor_ = ::open((directory / "users").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor_ < 0 || ::flock(descriptor_, LOCK_SH) != 0)
      throw std::runtime_error("cannot lock the test database");
  }
  ~Users() { ::close(descriptor_); }
  Users(const Users&) = delete;
  Users& operator=(const Users&) = delete;
  bool are_gone() { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0; }

 private:
  int descriptor_;
};

Database::Database() : schema_("wbtest_" + std::to_string(::getpid())) {
  db::LocalServer::Settings settings;
  settings.buffer_pool_mib = 128;
  if (const char* kept = std::getenv("WB_TEST_DB_DIR")) {
    settings.data_directory = kept;
  } else {
    settings.data_directory = default_directory();
    users_ = std::make_unique<Users>(settings.data_directory);
  }
  server_ = std::make_unique<db::LocalServer>(db::LocalServer::start_or_attach(settings));
  db::Connection(options(""), nullptr, db::Connection::Use::kAdministration)
      .command("DROP DATABASE IF EXISTS `" + schema_ + "`");
  db::migrate(options());
  pool_ = fresh_pool();
}

Database::~Database() {
  pool_.reset();
  try {
    run("DROP DATABASE IF EXISTS `" + schema_ + "`");
    if (users_ && users_->are_gone()) server_->stop();
  } catch (const std::exception& e) {
    std::cerr << "test database: " << e.what() << '\n';
  }
}

db::Options Database::options(const std::string& schema) const { return server_->options(schema); }

std::unique_ptr<db::Pool> Database::fresh_pool(std::size_t connections) const {
  db::Options wanted = options();
  wanted.connections = connections;
  return std::make_unique<db::Pool>(std::move(wanted));
}

void Database::clean_tables() {
  db::Connection connection(options(), nullptr, db::Connection::Use::kAdministration);
  db::Session session(connection);
  connection.command("SET foreign_key_checks=0");
  for (const auto& table :
       session.query(kTablesToEmpty, [](const db::Row& row) { return row.text("name"); })) {
    connection.command("DELETE FROM `" + table + "`");
  }
}

void Database::run(const std::string& sql) {
  db::Connection(options(), nullptr, db::Connection::Use::kAdministration).command(sql);
}

Database& database() {
  static Database instance;
  return instance;
}

}  // namespace whitebrick::testing
