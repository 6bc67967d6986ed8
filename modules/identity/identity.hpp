#pragma once
// Accounts, passwords and tokens (patent 15).
//
// The only header of this module that others may include. Knows no SOAP. Passwords are
// stored as Argon2id PHC strings; tokens are 256 random bits, stored as SHA-256,
// valid on every replica, remembered by each for at most 1 s. A verified password is
// remembered for at most 60 s under a key of this process, and void when the account changes.
// Publishes (component "identity"): account.changed.
// Failures: Fault (the client can act on it) or db::Error (it cannot).

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "db/pool.hpp"
#include "modules/events/events.hpp"
#include "modules/profiles/profiles.hpp"
#include "server/caller.hpp"

namespace whitebrick::identity {

struct Token {
  std::string token;  // base64url, 43 characters
  Time expires_at;
  Role role = Role::kUser;
  std::string user;  // "" unless a user's account
};

struct NewAccount {
  std::string name, password;
  Role role = Role::kUser;
  std::optional<std::string> user;  // wire id; demanded for a user's account, else refused
};

class Identity final : public Authenticator {
 public:
  struct Settings {
    std::chrono::seconds token_lifetime{86400};
    int argon2_memory_kib = 19456;  // t=2, p=1
    // How many callers with a password may wait for their turn to have it checked; each
    // holds a worker, so a quarter of them.
    std::size_t waiting_passwords = 4;
  };
  // Of the pool only the options are used, for connections that outlive a refused login.
  Identity(Settings, const db::Pool&, profiles::Profiles&, events::Events&);
  ~Identity() override;

  // Unknown account and wrong password: the same fault after the same work. An account has at
  // most 1,000 tokens: one more ends the one that expires first.
  // Faults: AUTHENTICATION_FAILED; TOO_MANY_ATTEMPTS, counted over all replicas: after 10
  // failures in 15 min of the account from this source; and, unless the account has logged in
  // from this source within 30 days, after 100 of the source, and for 1 to 60 s after each
  // failure beyond 20 of the account; BUSY (too many wait to have a password checked).
  Token login(db::Session&, const std::string& name, const std::string& password, const std::string& source);
  // False for a caller who showed a password.
  bool logout(db::Session&, const Caller&);
  // The old text is void a minute later, so that a lost answer logs nobody out; what is bound
  // to the token stays bound (its id does not change).
  // Faults: INVALID_ARGUMENT for a caller who showed a password, AUTHENTICATION_FAILED.
  Token renew(db::Session&, const Caller&);
  // Faults: ALREADY_EXISTS(accountName), NOT_FOUND(userId), INVALID_ARGUMENT.
  void create_account(db::Session&, const NewAccount&);
  bool is_admin(db::Session&, const std::string& name);  // false also when there is no such account
  // Both end the account's tokens and remembered passwords. Faults: NOT_FOUND(accountName).
  void set_password(db::Session&, const std::string& name, const std::string& password);
  void disable_account(db::Session&, const std::string& name);
  // Only for services that the profile subscribes to, and administrators; NOT_FOUND otherwise.
  profiles::ProfileKey resolve_contact_number(db::Session&, const Caller&, const std::string& number);

  Caller authenticate(db::Session&, const Credentials&) override;
  // Of users only; others' tokens are like none. Faults: AUTHENTICATION_FAILED(userToken).
  Caller caller_of_token(db::Session&, const std::string& token) override;
  // Job, in chunks: what is over of tokens and of counted failures. True while there is more.
  bool expire_tokens(db::Pool&);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A password that a person can copy: 20 characters, > 100 bits.
std::string generate_password();

}  // namespace whitebrick::identity
