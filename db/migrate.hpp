#pragma once
// The schema: numbered files db/migrations/NNNN_<module>_<what>.sql, compiled into
// the program. Forward only; a released file is never edited. Each file is a list of
// idempotent statements separated by ";\n"; every one must work while the previous
// release is still running. Two replicas may start at once: the step is claimed by a
// leased row (no GET_LOCK), and every step may run again after a crash.

#include <string>
#include <vector>

#include "db/pool.hpp"

namespace whitebrick::db {

struct Migration {
  int number;
  std::string name;  // "events_queue"
  std::string sql;
};

// Those compiled in, by number.
const std::vector<Migration>& migrations();

// Applies what is missing; answers the numbers applied by this call. Creates the
// schema (CREATE DATABASE) when it does not exist and the account may.
std::vector<int> migrate(const Options&);

// Throws Error with a sentence an administrator can act on when the schema is older
// than this program (run `whitebrick migrate`) or the server's settings break the
// database contract (innodb_flush_log_at_trx_commit, sql_mode, character set, version,
// doublewrite; on Galera also binlog_format and autoinc_lock_mode). A newer schema is accepted.
void check_contract(Pool&);

}  // namespace whitebrick::db
