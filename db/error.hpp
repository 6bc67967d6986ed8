#pragma once
// What can go wrong in the database, as types a caller can act on.
// Server error numbers: research table in db/schema.md, "Retries".

#include <stdexcept>
#include <string>

namespace whitebrick::db {

// Anything not listed below: a defect or a statement the server refused.
class Error : public std::runtime_error {
 public:
  Error(int code, const std::string& what) : std::runtime_error(what), code_(code) {}
  int code() const { return code_; }  // MariaDB error number; 0 where there is none

 private:
  int code_;
};

// 1062. key() is the name of the violated key ("PRIMARY", "ux_number").
class DuplicateKey : public Error {
 public:
  DuplicateKey(const std::string& key, const std::string& what) : Error(1062, what), key_(key) {}
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

// 1213, 1205, 1020: the transaction lost against another one; run it again from the start.
class Conflict : public Error {
  using Error::Error;
};

// No usable connection, or it broke. commit_unknown() is true when it broke
// while COMMIT was under way: the transaction may or may not be stored.
class Unavailable : public Error {
 public:
  Unavailable(int code, const std::string& what, bool commit_unknown = false)
      : Error(code, what), commit_unknown_(commit_unknown) {}
  bool commit_unknown() const { return commit_unknown_; }

 private:
  bool commit_unknown_;
};

}  // namespace whitebrick::db
