// Accounts: made, changed and asked about by administrators and services.

#include <string_view>

#include "modules/identity/state.hpp"
#include "server/check.hpp"
#include "server/fault.hpp"
#include "server/log.hpp"
#include "server/xml_text.hpp"

namespace whitebrick::identity {
namespace {

constexpr HashCost kUnitCost{.memory_kib = 0, .passes = 2, .lanes = 1};
constexpr std::size_t kMinPassword = 8;
constexpr std::size_t kMaxPasswordCharacters = 256;

HashCost cost_with(int memory_kib) {
  HashCost cost = kUnitCost;
  cost.memory_kib = static_cast<std::uint32_t>(memory_kib);
  return cost;
}

void check_new_password(const std::string& password) {
  check::length(std::string_view(password), kMaxPasswordCharacters, "password");
  if (password.size() < kMinPassword) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "password must have at least 8 characters", "password");
  }
}

}  // namespace

Identity::State::State(const Settings& settings, const db::Pool& pool, profiles::Profiles& profiles,
                       events::Events& events)
    : settings(settings),
      profiles(profiles),
      events(events),
      throttle(pool),
      gate({.waiting = settings.waiting_passwords}),
      cost(cost_with(settings.argon2_memory_kib)),
      dummy_hash(hash_password(generate_password(), cost)),
      process_key(random_bytes(32)) {}

Identity::Identity(Settings settings, const db::Pool& pool, profiles::Profiles& profiles,
                   events::Events& events)
    : state_(std::make_unique<State>(settings, pool, profiles, events)) {}
Identity::~Identity() = default;

namespace {
constexpr std::string_view kInsertAccount = R"sql(
  INSERT INTO account (name, role, user_id, password_hash, created_at)
  VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6)))sql";
}  // namespace

void Identity::create_account(db::Session& db, const NewAccount& account) {
  check::identifier(std::string_view(account.name), "accountName");
  check::identifier(account.user, "userId");
  check_new_password(account.password);
  if (account.user.has_value() != (account.role == Role::kUser)) {
    throw Fault(FaultCode::INVALID_ARGUMENT, "userId belongs to accounts of the role USER, and to no others",
                "userId");
  }
  std::optional<std::uint64_t> user_id;
  if (account.user) {
    user_id = state_->profiles.find_user(db, *account.user);
    if (!user_id) throw Fault(FaultCode::NOT_FOUND, "there is no such user", "userId");
  }
  const std::string hash = state_->hash(account.name, account.password);
  try {
    db.insert(kInsertAccount, account.name, static_cast<unsigned>(account.role), user_id, hash);
  } catch (const db::DuplicateKey&) {
    throw Fault(FaultCode::ALREADY_EXISTS, "there is an account of this name", "accountName");
  }
  db.after_commit([name = account.name] { log::info("account.created", {{"account", name}}); });
}

namespace {
constexpr std::string_view kSelectRole = R"sql(
  SELECT role FROM account WHERE name = ?)sql";
}  // namespace

bool Identity::is_admin(db::Session& db, const std::string& name) {
  const auto role = db.query_one(
      kSelectRole, [](const db::Row& row) { return static_cast<Role>(row.number("role")); }, name);
  return role == Role::kAdmin;
}

namespace {
constexpr std::string_view kSelectAccountId = R"sql(
  SELECT id FROM account WHERE name = ?)sql";

constexpr std::string_view kSetHash = R"sql(
  UPDATE account SET password_hash = ?, version = version + 1 WHERE id = ?)sql";

constexpr std::string_view kDisable = R"sql(
  UPDATE account SET disabled = 1, version = version + 1 WHERE id = ?)sql";

constexpr std::string_view kDeleteTokens = R"sql(
  DELETE FROM token WHERE account_id = ?)sql";

std::uint64_t account_id(db::Session& db, const std::string& name) {
  const auto id = db.query_one(
      kSelectAccountId, [](const db::Row& row) { return row.id("id"); }, name);
  if (!id) throw Fault(FaultCode::NOT_FOUND, "there is no such account", "accountName");
  return *id;
}
}  // namespace

void Identity::set_password(db::Session& db, const std::string& name, const std::string& password) {
  check::identifier(std::string_view(name), "accountName");
  check_new_password(password);
  const std::uint64_t id = account_id(db, name);
  db.execute(kSetHash, state_->hash(name, password), id);
  state_->account_changed(db, id, name);
}

void Identity::disable_account(db::Session& db, const std::string& name) {
  const std::uint64_t id = account_id(db, name);
  db.execute(kDisable, id);
  state_->account_changed(db, id, name);
}

void Identity::State::account_changed(db::Session& db, std::uint64_t account_id, const std::string& name) {
  db.execute(kDeleteTokens, account_id);
  events::NewEvent event;
  event.type = "account.changed";
  event.content = xml_text("AccountChanged", kCatalogueNamespace, {{"accountName", name}});
  event.wait_for_terminal = false;
  events.publish(db, "identity", event);
  db.after_commit([this, account_id, name] {
    forget(account_id);
    log::info("account.changed", {{"account", name}});
  });
}

// Other replicas learn of it within a second.
void Identity::State::forget(std::uint64_t account_id) {
  const std::lock_guard lock(mutex);
  versions.erase(account_id);
  tokens.clear();
}

profiles::ProfileKey Identity::resolve_contact_number(db::Session& db, const Caller& caller,
                                                      const std::string& number) {
  const auto profile = state_->profiles.find_number(db, profiles::normalise_number(number, "number"));
  // Asked also for nobody's number, so that both take the same time.
  const bool may_see = caller.role == Role::kAdmin ||
                       state_->profiles.subscribes_to(db, profile ? profile->id : 0, caller.account_id);
  if (!profile || !may_see) throw Fault(FaultCode::NOT_FOUND, "there is no such contact number", "number");
  return *profile;
}

}  // namespace whitebrick::identity
