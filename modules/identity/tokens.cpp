// Tokens: opaque, 256 bits, stored as SHA-256, valid on every replica.

#include <algorithm>
#include <string_view>
#include <vector>

#include "modules/identity/state.hpp"
#include "server/check.hpp"
#include "server/digest.hpp"
#include "server/fault.hpp"

namespace whitebrick::identity {
namespace {

constexpr std::string_view kSelectFormer = R"sql(
  SELECT t.id AS id, t.account_id AS account_id, a.name AS account, a.role AS role,
         a.user_id AS user_id, u.name AS user, a.version AS account_version
    FROM former_token f
    JOIN token t ON t.id = f.token_id
    JOIN account a ON a.id = t.account_id AND a.version = t.account_version AND a.disabled = 0
    LEFT JOIN user u ON u.id = a.user_id
   WHERE f.hash = ? AND f.valid_until > UTC_TIMESTAMP(6) AND t.expires_at > UTC_TIMESTAMP(6))sql";

constexpr std::string_view kSelectToken = R"sql(
  SELECT t.id AS id, t.account_id AS account_id, a.name AS account, a.role AS role,
         a.user_id AS user_id, u.name AS user, a.version AS account_version
    FROM token t
    JOIN account a ON a.id = t.account_id AND a.version = t.account_version AND a.disabled = 0
    LEFT JOIN user u ON u.id = a.user_id
   WHERE t.hash = ? AND t.expires_at > UTC_TIMESTAMP(6))sql";

Caller caller_of(const db::Row& row) {
  Caller caller;
  caller.role = static_cast<Role>(row.number("role"));
  caller.account_id = row.id("account_id");
  caller.account = row.text("account");
  caller.user_id = row.id_or_null("user_id").value_or(0);
  caller.user = row.text_or_null("user").value_or("");
  caller.token_id = row.id("id");
  caller.account_version = row.id("account_version");
  return caller;
}

}  // namespace

std::optional<Caller> Identity::State::find_token(db::Session& db, const std::string& token) {
  const std::string hash = sha256(token);
  const auto read_at = Clock::now();
  {
    const std::lock_guard lock(mutex);
    if (auto known = tokens.find(hash, read_at)) return known;
  }
  auto caller = db.query_one(kSelectToken, caller_of, db::Bytes{hash});
  if (!caller) caller = db.query_one(kSelectFormer, caller_of, db::Bytes{hash});
  if (caller) {
    const std::lock_guard lock(mutex);
    tokens.put(hash, *caller, read_at);
  }
  return caller;
}

Caller Identity::authenticate(db::Session& db, const Credentials& shown) {
  if (!shown.token.empty()) {
    if (const auto caller = state_->find_token(db, shown.token)) return *caller;
    throw Fault(FaultCode::AUTHENTICATION_FAILED, "the token is unknown, expired or ended; log in again");
  }
  if (shown.name.empty() && shown.password.empty()) return {};
  if (!shown.private_channel) {
    throw Fault(FaultCode::AUTHENTICATION_REQUIRED,
                "a password is accepted over TLS only: use https, or a token");
  }
  return state_->verify(db, shown.name, shown.password, shown.source);
}

Caller Identity::caller_of_token(db::Session& db, const std::string& token) {
  const auto caller = state_->find_token(db, token);
  if (caller && caller->role == Role::kUser) return *caller;
  throw Fault(FaultCode::AUTHENTICATION_FAILED, "this is no valid token of a user", "userToken");
}

namespace {
constexpr std::string_view kInsertToken = R"sql(
  INSERT INTO token (hash, account_id, account_version, created_at, expires_at) VALUES (?, ?, ?, ?, ?))sql";

constexpr std::string_view kCountTokens = R"sql(
  SELECT COUNT(*) AS tokens FROM token WHERE account_id = ?)sql";

constexpr std::string_view kDeleteFirst = R"sql(
  DELETE FROM token WHERE account_id = ? ORDER BY expires_at, id LIMIT ?)sql";

// Nobody keeps track of more: some client logs in for every call.
void end_surplus(db::Session& db, std::uint64_t account_id) {
  const auto count = db.query_one(
      kCountTokens, [](const db::Row& row) { return row.number("tokens"); }, account_id);
  constexpr std::int64_t kMost = check::kMaxTokens;
  if (count.value_or(0) > kMost) db.execute(kDeleteFirst, account_id, std::min(*count - kMost, kMost));
}
}  // namespace

Token Identity::login(db::Session& db, const std::string& name, const std::string& password,
                      const std::string& source) {
  const Caller caller = state_->verify(db, name, password, source);
  const Time now = db.now();
  const Token token{generate_token(), now + state_->settings.token_lifetime, caller.role, caller.user};
  // With the version that the password was right for: when it is changed at the same
  // moment, the token is void from the start.
  db.execute(kInsertToken, db::Bytes{sha256(token.token)}, caller.account_id, caller.account_version, now,
             token.expires_at);
  end_surplus(db, caller.account_id);
  return token;
}

namespace {
constexpr std::string_view kDeleteToken = R"sql(
  DELETE FROM token WHERE id = ? RETURNING hash)sql";

constexpr std::string_view kLockToken = R"sql(
  SELECT hash FROM token WHERE id = ? AND expires_at > UTC_TIMESTAMP(6) FOR UPDATE)sql";

constexpr std::string_view kDeleteFormer = R"sql(
  DELETE FROM former_token WHERE token_id = ? RETURNING hash)sql";

constexpr std::string_view kKeepFormer = R"sql(
  INSERT INTO former_token (hash, token_id, valid_until) VALUES (?, ?, UTC_TIMESTAMP(6) + INTERVAL 60 SECOND))sql";

constexpr std::string_view kReplaceToken = R"sql(
  UPDATE token SET hash = ?, created_at = ?, expires_at = ? WHERE id = ? AND hash = ?)sql";

std::string hash_column(const db::Row& row) { return row.bytes("hash").value; }
}  // namespace

bool Identity::logout(db::Session& db, const Caller& caller) {
  if (caller.token_id == 0) return false;
  const auto hash = db.query_one(kDeleteToken, hash_column, caller.token_id);
  if (!hash) return false;
  std::vector<std::string> hashes = db.query(kDeleteFormer, hash_column, caller.token_id);
  hashes.push_back(*hash);
  db.after_commit([this, hashes = std::move(hashes)] {
    const std::lock_guard lock(state_->mutex);
    for (const std::string& each : hashes) state_->tokens.erase(each);
  });
  return true;
}

Token Identity::renew(db::Session& db, const Caller& caller) {
  if (caller.token_id == 0) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "only a token can be renewed; this call showed a password");
  }
  const auto old_hash = db.query_one(kLockToken, hash_column, caller.token_id);
  const Time now = db.now();
  const Token token{generate_token(), now + state_->settings.token_lifetime, caller.role, caller.user};
  if (!old_hash || db.execute(kReplaceToken, db::Bytes{sha256(token.token)}, now, token.expires_at,
                              caller.token_id, db::Bytes{*old_hash}) == 0) {
    throw Fault(FaultCode::AUTHENTICATION_FAILED, "the token has ended; log in again");
  }
  db.execute(kKeepFormer, db::Bytes{*old_hash}, caller.token_id);
  return token;
}

namespace {
constexpr std::uint64_t kChunk = 1000;

constexpr std::string_view kDeleteExpired = R"sql(
  DELETE FROM token WHERE expires_at < UTC_TIMESTAMP(6) ORDER BY expires_at LIMIT 1000)sql";

constexpr std::string_view kDeleteOldFormer = R"sql(
  DELETE FROM former_token WHERE valid_until < UTC_TIMESTAMP(6) ORDER BY valid_until LIMIT 1000)sql";
}  // namespace

bool Identity::expire_tokens(db::Pool& pool) {
  return pool.in_transaction([](db::Session& db) {
    const bool more_tokens = db.execute(kDeleteExpired) == kChunk;
    const bool more_former = db.execute(kDeleteOldFormer) == kChunk;
    const bool more_attempts = Throttle::forget_old(db);
    return more_tokens || more_former || more_attempts;
  });
}

}  // namespace whitebrick::identity
