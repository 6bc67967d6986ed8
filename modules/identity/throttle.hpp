#pragma once
// Counts wrong passwords over all replicas and refuses more of them for a while: of an account
// from one source, of an account from everywhere, and of a source (attempts.hpp). The last two
// never refuse a source that the account has logged in from within 30 days: a stranger's
// guesses lock nobody out where he usually is. Unknown accounts count like known ones.

#include <string>

#include "db/pool.hpp"

namespace whitebrick::identity {

class Throttle {
 public:
  // What it counts is written on connections of its own: the transaction of the attempt is
  // rolled back by its fault, and must not wait for a second connection of the same pool.
  explicit Throttle(const db::Pool& pool);

  // Fault TOO_MANY_ATTEMPTS with retryAfterSeconds, until enough failures are old.
  void check(db::Session&, const std::string& account, const std::string& source) const;
  // Both are stored when they return, whatever becomes of the caller's transaction.
  void record_failure(const std::string& account, const std::string& source);
  void record_success(db::Session&, const std::string& account, const std::string& source);
  // Deletes what counts no more, in one chunk; true while there is more.
  static bool forget_old(db::Session&);

 private:
  db::Pool pool_;
};

}  // namespace whitebrick::identity
