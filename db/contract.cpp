// What the server must be like (db/schema.md, "Contract").

#include <algorithm>
#include <charconv>
#include <sstream>

#include "db/migrate.hpp"

namespace whitebrick::db {
namespace {

constexpr std::string_view kSettings = R"sql(
SELECT @@version AS version, @@global.innodb_flush_log_at_trx_commit AS flush_log,
       @@global.innodb_doublewrite AS doublewrite, @@session.sql_mode AS sql_mode,
       @@session.character_set_database AS charset, @@global.wsrep_on AS galera,
       @@global.binlog_format AS binlog_format, @@global.innodb_autoinc_lock_mode AS autoinc)sql";

// Thrown text is for the administrator.
void demand(bool met, const std::string& sentence) {
  if (!met) throw Error(0, "the database does not meet the contract: " + sentence);
}

bool version_suffices(const std::string& version) {
  if (version.find("MariaDB") == std::string::npos) return false;
  std::istringstream text(version);
  int major = 0, minor = 0;
  char dot = 0;
  text >> major >> dot >> minor;
  return major > 10 || (major == 10 && minor >= 11);
}

void check_settings(Session& session) {
  session.query_one(kSettings, [](const Row& row) {
    const auto version = row.text("version");
    demand(version_suffices(version), "MariaDB 10.11 or later is needed, this is " + version);
    demand(row.number("flush_log") == 1,
           "set innodb_flush_log_at_trx_commit=1; otherwise acknowledged data is lost in a crash");
    demand(row.text("doublewrite") == "1" || row.text("doublewrite") == "ON", "set innodb_doublewrite=ON");
    const auto mode = row.text("sql_mode");
    for (const char* needed : {"STRICT_TRANS_TABLES", "ONLY_FULL_GROUP_BY"}) {
      demand(mode.find(needed) != std::string::npos, std::string("add ") + needed + " to sql_mode");
    }
    demand(row.text("charset") == "utf8mb4",
           "the schema's character set must be utf8mb4 (ALTER DATABASE ... CHARACTER SET utf8mb4)");
    if (row.flag("galera")) {
      demand(row.text("binlog_format") == "ROW", "set binlog_format=ROW on every Galera node");
      demand(row.number("autoinc") == 2, "set innodb_autoinc_lock_mode=2 on every Galera node");
    }
    return true;
  });
}

constexpr std::string_view kLedgerExists = R"sql(
SELECT COUNT(*) AS present FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name = 'schema_migration')sql";
constexpr std::string_view kApplied = R"sql(
SELECT number FROM schema_migration WHERE applied_at IS NOT NULL)sql";

void check_schema(Session& session) {
  std::vector<std::int64_t> applied;
  if (session.query_one(kLedgerExists, [](const Row& row) { return row.flag("present"); }).value_or(false)) {
    applied = session.query(kApplied, [](const Row& row) { return row.number("number"); });
  }
  for (const Migration& step : migrations()) {
    if (std::find(applied.begin(), applied.end(), step.number) == applied.end()) {
      throw Error(0, "the schema is older than this program (step " + std::to_string(step.number) + ", " +
                         step.name + ", is missing): run `whitebrick migrate`");
    }
  }
}

}  // namespace

void check_contract(Pool& pool) {
  auto lease = pool.lease();
  check_settings(lease.session());
  check_schema(lease.session());
}

}  // namespace whitebrick::db
