#include "db/failure.hpp"

#include <cppconn/exception.h>

#include "db/error.hpp"

namespace whitebrick::db {

Failure classify(int code) {
  switch (code) {
    case 1062:  // duplicate key
    case 1586:  // the same, with the name of the key only
      return Failure::kDuplicate;
    case 1020:  // row changed since the snapshot (innodb_snapshot_isolation)
    case 1205:  // lock wait timeout
    case 1213:  // deadlock, or a Galera certification failure
      return Failure::kConflict;
    case 1040:  // too many connections
    case 1047:  // Galera node outside of the primary component
    case 1053:  // server shutdown in progress
    case 1158:  // packets could not be read
    case 1159:  // timeout reading packets
    case 1160:  // packets could not be written
    case 1161:  // timeout writing packets
    case 1180:  // error during COMMIT
    case 1203:  // too many connections of this user
    case 1290:  // read-only server
    case 1836:  // read-only mode
    case 1927:  // connection was killed
    case 2002:  // cannot connect, unix socket
    case 2003:  // cannot connect, TCP
    case 2006:  // server has gone away
    case 2013:  // lost connection during query
    case 2026:  // TLS handshake
    case 2027:  // malformed packet
    case 2055:  // lost connection at ...
      return Failure::kUnavailable;
    default:
      return Failure::kOther;
  }
}

bool suspects_server(int code) {
  switch (code) {
    case 1053:
    case 2002:
    case 2003:
    case 2006:
    case 2013:
    case 2055:
      return true;
    default:
      return false;
  }
}

std::string violated_key(std::string_view message) {
  constexpr std::string_view kMarker = "for key '";
  const auto at = message.rfind(kMarker);
  if (at == std::string_view::npos) return {};
  auto key = message.substr(at + kMarker.size());
  key = key.substr(0, key.rfind('\''));
  if (const auto dot = key.rfind('.'); dot != std::string_view::npos) key.remove_prefix(dot + 1);
  return std::string(key);
}

void rethrow(const ::sql::SQLException& e) {
  const int code = e.getErrorCode();
  const std::string what = e.what();
  switch (classify(code)) {
    case Failure::kDuplicate:
      throw DuplicateKey(violated_key(what), what);
    case Failure::kConflict:
      throw Conflict(code, what);
    case Failure::kUnavailable:
      throw Unavailable(code, what);
    case Failure::kOther:
      break;
  }
  throw Error(code, what);
}

}  // namespace whitebrick::db
