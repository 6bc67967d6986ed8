#pragma once
// What one Identity keeps in memory, and who of its files uses it. Internal.

#include <mutex>
#include <optional>
#include <string>

#include "modules/identity/hash_gate.hpp"
#include "modules/identity/identity.hpp"
#include "modules/identity/password.hpp"
#include "modules/identity/recent_map.hpp"
#include "modules/identity/secret.hpp"
#include "modules/identity/throttle.hpp"

namespace whitebrick::identity {

inline constexpr std::size_t kMaxPassword = 1024;  // bytes; nothing longer is stored (256 characters)

struct Identity::State {
  State(const Settings&, const db::Pool&, profiles::Profiles&, events::Events&);

  // Who has this name and password. Faults as login(). (login.cpp)
  Caller verify(db::Session&, const std::string& name, const std::string& password,
                const std::string& source);
  std::optional<Caller> remembered(db::Session&, const std::string& key);
  HashGate::Shows shows(const std::string& key);
  std::optional<std::uint64_t> current_version(db::Session&, std::uint64_t account_id);
  std::string hash(const std::string& account, const std::string& password);
  std::optional<Caller> find_token(db::Session&, const std::string& token);  // tokens.cpp
  // Before the account's next version is committed, and once more after that. (accounts.cpp)
  void account_changed(db::Session&, std::uint64_t account_id, const std::string& name);
  void forget(std::uint64_t account_id);

  const Settings settings;
  profiles::Profiles& profiles;
  events::Events& events;
  Throttle throttle;
  HashGate gate;
  const HashCost cost;
  const std::string dummy_hash;   // for accounts that do not exist: the same work
  const std::string process_key;  // of the keys of `passwords`

  using Clock = std::chrono::steady_clock;
  std::mutex mutex;                                                           // of everything below
  RecentMap<std::string, Caller> tokens{std::chrono::seconds(1), 20'000};     // by SHA-256
  RecentMap<std::string, Caller> passwords{std::chrono::seconds(60), 5'000};  // by HMAC of name and password
  RecentMap<std::string, bool> were_right{std::chrono::hours(24), 5'000};     // by the same
  RecentMap<std::uint64_t, std::uint64_t> versions{std::chrono::seconds(1), 20'000};  // by account id
};

}  // namespace whitebrick::identity
