// Passwords: who has this name and password.

#include <algorithm>
#include <string_view>

#include "modules/identity/state.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"

namespace whitebrick::identity {
namespace {

constexpr std::string_view kSelectAccount = R"sql(
  SELECT a.id AS id, a.name AS name, a.role AS role, a.user_id AS user_id, u.name AS user,
         a.password_hash AS password_hash, a.disabled AS disabled, a.version AS version
    FROM account a LEFT JOIN user u ON u.id = a.user_id
   WHERE a.name = ?)sql";

struct Account {
  Caller caller;
  std::string password_hash;
  bool disabled = false;
};

std::optional<Account> find_account(db::Session& db, const std::string& name) {
  if (!check::is_identifier(name)) return std::nullopt;  // HTTP Basic brings any bytes
  return db.query_one(
      kSelectAccount,
      [](const db::Row& row) {
        Account account;
        Caller& caller = account.caller;
        caller.role = static_cast<Role>(row.number("role"));
        caller.account_id = row.id("id");
        caller.account = row.text("name");
        caller.user_id = row.id_or_null("user_id").value_or(0);
        caller.user = row.text_or_null("user").value_or("");
        caller.account_version = row.id("version");
        account.password_hash = row.text("password_hash");
        account.disabled = row.flag("disabled");
        return account;
      },
      name);
}

constexpr std::string_view kReplaceHash = R"sql(
  UPDATE account SET password_hash = ? WHERE id = ? AND password_hash = ?)sql";

constexpr std::string_view kSelectVersion = R"sql(
  SELECT version FROM account WHERE id = ? AND disabled = 0)sql";

}  // namespace

Caller Identity::State::verify(db::Session& db, const std::string& name, const std::string& password,
                               const std::string& source) {
  // The length keeps two pairs of name and password from being one text.
  const std::string key = hmac_sha256(process_key, std::to_string(name.size()) + ':' + name + password);
  if (auto known = remembered(db, key)) return *known;
  throttle.check(db, name, source);  // who is refused takes nobody's turn
  const HashGate::Turn turn(gate, name, shows(key));
  // Somebody else may have shown the same while this one waited, or something wrong.
  if (auto known = remembered(db, key)) return *known;
  throttle.check(db, name, source);

  const auto read_at = Clock::now();
  const std::optional<Account> account = find_account(db, name);
  const bool right = matches(password.substr(0, kMaxPassword), account ? account->password_hash : dummy_hash);
  if (!account || !right || account->disabled || password.size() > kMaxPassword) {
    {
      const std::lock_guard lock(mutex);
      were_right.erase(key);
    }
    throttle.record_failure(name, source);
    throw Fault(FaultCode::AUTHENTICATION_FAILED, "wrong account name or password");
  }
  const Caller& caller = account->caller;
  if (is_weaker(account->password_hash, cost)) {
    db.execute(kReplaceHash, hash_password(password, cost), caller.account_id, account->password_hash);
  }
  throttle.record_success(db, name, source);
  const std::lock_guard lock(mutex);
  passwords.put(key, caller, Clock::now());
  were_right.put(key, true, Clock::now());
  versions.put(caller.account_id, caller.account_version, read_at);
  return caller;
}

HashGate::Shows Identity::State::shows(const std::string& key) {
  const std::lock_guard lock(mutex);
  return were_right.find(key, Clock::now()) ? HashGate::Shows::kWhatWasRight : HashGate::Shows::kSomethingNew;
}

std::optional<Caller> Identity::State::remembered(db::Session& db, const std::string& key) {
  std::optional<Caller> known;
  {
    const std::lock_guard lock(mutex);
    known = passwords.find(key, Clock::now());
  }
  if (!known) return std::nullopt;
  if (current_version(db, known->account_id) == known->account_version) return known;
  const std::lock_guard lock(mutex);
  passwords.erase(key);
  return std::nullopt;
}

// Nothing for an account that may not be used.
std::optional<std::uint64_t> Identity::State::current_version(db::Session& db, std::uint64_t account_id) {
  const auto read_at = Clock::now();  // before the read: what is remembered is never older than it says
  {
    const std::lock_guard lock(mutex);
    if (const auto known = versions.find(account_id, read_at)) return known;
  }
  const auto version = db.query_one(
      kSelectVersion, [](const db::Row& row) { return row.id("version"); }, account_id);
  if (version) {
    const std::lock_guard lock(mutex);
    versions.put(account_id, *version, read_at);
  }
  return version;
}

std::string Identity::State::hash(const std::string& account, const std::string& password) {
  const HashGate::Turn turn(gate, account, HashGate::Shows::kWhatWasRight);  // an administrator asks
  return hash_password(password, cost);
}

}  // namespace whitebrick::identity
