#pragma once
// Who is calling, and the two interfaces through which modules tell the server:
// identity implements Authenticator; directory and coordination implement Liveness.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "db/session.hpp"

namespace whitebrick {

enum class Role : unsigned { kAnonymous = 1, kUser = 2, kService = 4, kAdmin = 8 };

struct Caller {
  Role role = Role::kAnonymous;
  std::uint64_t account_id = 0;       // accounts.id; 0: anonymous. A service is known by its account id.
  std::string account;                // login name
  std::uint64_t user_id = 0;          // users.id of a user's account, else 0
  std::string user;                   // the same as the wire knows it
  std::uint64_t token_id = 0;         // tokens.id when a token was shown; terminals are bound to it
  std::uint64_t account_version = 0;  // of the account when the password that this rests on was right
};

// What a request showed: a token (HTTP Bearer or SOAP header c:Token) or a name and
// password (HTTP Basic or WS-Security UsernameToken, text).
struct Credentials {
  std::string token;
  std::string name;
  std::string password;
  std::string source;            // client address, for throttling; never trusted for access
  bool private_channel = false;  // TLS, loopback or trusted proxy: passwords may be accepted
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Anonymous when nothing was shown. Thread-safe. Faults: AUTHENTICATION_FAILED,
  // AUTHENTICATION_REQUIRED (password over an open channel), TOO_MANY_ATTEMPTS.
  virtual Caller authenticate(db::Session&, const Credentials&) = 0;
  // The token in another request's body (a portal connecting a user's terminal).
  virtual Caller caller_of_token(db::Session&, const std::string& token) = 0;
};

class Liveness {
 public:
  virtual ~Liveness() = default;
  // Called for every authenticated call. Writes only when a third of the lease is used up.
  // Answers how long the caller may stay silent before it loses the lease, whatever this
  // call did (nothing: it holds none); a long poll waits at most two thirds of that.
  // Thread-safe; outside a transaction.
  virtual std::optional<std::chrono::milliseconds> renew(db::Session&, const Caller&) = 0;
};

}  // namespace whitebrick
