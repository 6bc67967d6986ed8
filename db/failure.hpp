#pragma once
// What a server or driver error number means to a transaction (db/schema.md, "Retries").
// Pure; the thrown types are those of db/error.hpp.

#include <string>
#include <string_view>

namespace sql {
class SQLException;
}

namespace whitebrick::db {

enum class Failure {
  kDuplicate,    // a unique key is taken
  kConflict,     // the transaction lost: roll back and run again
  kUnavailable,  // this connection is of no more use; another one may be
  kOther,        // the statement was refused, the connection is fine
};

Failure classify(int code);

// True where the database as a whole may be gone, so that idle connections are not
// to be trusted either (not so when one connection was killed).
bool suspects_server(int code);

// "Duplicate entry 'x' for key 'ux_number'" -> "ux_number".
std::string violated_key(std::string_view message);

// Throws the type of db/error.hpp that the driver's exception stands for.
[[noreturn]] void rethrow(const ::sql::SQLException& e);

}  // namespace whitebrick::db
