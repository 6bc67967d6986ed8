#include "server/operation.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <stdsoap2.h>

#include "server/credentials.hpp"
#include "server/digest.hpp"
#include "server/log.hpp"

namespace whitebrick {
namespace {

constexpr std::chrono::milliseconds kDatabaseBudget{1800};  // inside HttpSettings::answer_within

// The same for a text with a password in it, at a cost that makes guessing it from a copy
// of the table as slow as from the stored password itself.
std::string slow_hash(const std::string& text, const std::string& salt) {
  constexpr int kIterations = 100'000;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  if (PKCS5_PBKDF2_HMAC(text.data(), static_cast<int>(text.size()),
                        reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()),
                        kIterations, EVP_sha256(), sizeof digest, digest) != 1) {
    throw std::runtime_error("PBKDF2 failed");
  }
  return {reinterpret_cast<const char*>(digest), sizeof digest};
}

void check_role(const Caller& caller, const OperationRule& rule) {
  if (rule.allows(caller.role)) return;
  if (caller.role == Role::kAnonymous) {
    throw Fault(FaultCode::AUTHENTICATION_REQUIRED, "show a token or a name and password");
  }
  throw Fault(FaultCode::FORBIDDEN, "this account's role may not call " + std::string(rule.name));
}

// Thrown out of a transaction whose requestId is stored already; never leaves this file.
struct AlreadyAnswered {};

}  // namespace

Guard::Guard(struct soap* soap, int soap_version, SoapContext& store, GuardServices& services,
             std::string_view module, const HttpRequest& request, Poll& poll)
    : soap_(soap),
      soap_version_(soap_version),
      services_(services),
      module_(module),
      request_(request),
      poll_(poll),
      store_(store) {}

int Guard::run(std::string_view operation, const Attempt& attempt) noexcept {
  const auto started = std::chrono::steady_clock::now();
  std::string label;
  try {
    label = std::string(module_) + "." + std::string(operation);
    const OperationRule* rule = find_operation(module_, operation);
    if (rule == nullptr) throw std::logic_error(label + " is not in operations.def");
    parked_ = !run_body(*rule, attempt);
  } catch (const Fault& fault) {
    fault_ = fault;
  } catch (const db::Unavailable& e) {
    log::warning("operation.unavailable", {{"operation", label}, {"error", e.what()}});
    fault_ = Fault(FaultCode::UNAVAILABLE, "the database is not available; try again").retry_after(1);
  } catch (const db::Conflict& e) {
    log::warning("operation.conflicted", {{"operation", label}, {"error", e.what()}});
    fault_ = Fault(FaultCode::UNAVAILABLE, "too many changes at the same time; try again").retry_after(1);
  } catch (const db::Error& e) {
    constexpr int kStatementTimedOut = 1969;
    log::error("operation.failed", {{"operation", label}, {"error", e.what()}});
    fault_ = e.code() == kStatementTimedOut
                 ? Fault(FaultCode::UNAVAILABLE, "the database took too long; try again").retry_after(1)
                 : Fault(FaultCode::INTERNAL, "internal error; quote the correlationId");
  } catch (const std::exception& e) {
    log::error("operation.failed", {{"operation", label}, {"error", e.what()}});
    fault_ = Fault(FaultCode::INTERNAL, "internal error; quote the correlationId");
  }
  // gSOAP would echo the request's header (it holds the token), and its dispatcher has
  // reset the version that the envelope had.
  soap_->header = nullptr;
  soap_->version = static_cast<short>(soap_version_);
  if (parked_) return SOAP_STOP;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  services_.metrics.operation_ended(label, fault_ ? name(fault_->code()) : std::string_view(), took.count());
  if (fault_) {
    log::info(
        "operation.faulted",
        {{"operation", label}, {"code", std::string(name(fault_->code()))}, {"field", fault_->field()}});
    return SOAP_STOP;
  }
  answered_ = true;
  log::debug("operation.ended", {{"operation", label}});
  return SOAP_OK;
}

bool Guard::run_body(const OperationRule& rule, const Attempt& attempt) {
  if (later_ && !poll_.first_run()) return run_later();
  const Credentials credentials = credentials_of(request_, soap_);
  db::Lease lease = services_.pool.lease();
  lease.set_deadline(std::chrono::steady_clock::now() + kDatabaseBudget);
  const Caller caller = services_.authenticator.authenticate(lease.session(), credentials);
  check_role(caller, rule);
  if (caller.role != Role::kAnonymous) {
    for (Liveness* liveness : services_.liveness) {
      if (const auto silence = liveness->renew(lease.session(), caller)) poll_.limit_wait(*silence * 2 / 3);
    }
  }
  if (rule.kind == Kind::kQuery) {
    Operation operation{lease.session(), caller, poll_, request_};
    return attempt.body(operation);
  }
  if (rule.kind == Kind::kMutation && !attempt.request_id.empty()) {
    return run_repeatable(lease, caller, rule, attempt);
  }
  return run_once(lease, caller, attempt);
}

bool Guard::run_later() {
  try {
    db::Lease lease = services_.pool.lease();
    lease.set_deadline(std::chrono::steady_clock::now() + kDatabaseBudget);
    return later_(&lease.session());
  } catch (const db::Error& e) {
    log::warning("operation.looked_late", {{"error", e.what()}});
  }
  return later_(nullptr);
}

bool Guard::run_once(db::Lease& lease, const Caller& caller, const Attempt& attempt) {
  return lease.in_transaction([&](db::Session& db) {
    Operation operation{db, caller, poll_, request_};
    return attempt.body(operation);
  });
}

namespace {
constexpr std::string_view kInsertRequest = R"sql(
  INSERT INTO request (account_id, request_id, operation, body_hash, response, created_at)
  VALUES (?, ?, ?, ?, NULL, UTC_TIMESTAMP(6)))sql";
constexpr std::string_view kStoreAnswer = R"sql(
  UPDATE request SET response = ? WHERE account_id = ? AND request_id = ?)sql";
}  // namespace

bool Guard::run_repeatable(db::Lease& lease, const Caller& caller, const OperationRule& rule,
                           const Attempt& attempt) {
  const std::string text = attempt.write_request(store_);
  const std::string hash = attempt.secret ? slow_hash(text, attempt.request_id) : sha256(text);
  bool ready = true;  // a mutation without `later` always is
  const std::string label = std::string(rule.module) + "." + std::string(rule.name);
  try {
    lease.in_transaction(
        [&](db::Session& db) {
          try {
            db.execute(kInsertRequest, caller.account_id, db::Bytes{attempt.request_id}, label,
                       db::Bytes{hash});
          } catch (const db::DuplicateKey&) {
            throw AlreadyAnswered();
          }
          Operation operation{db, caller, poll_, request_};
          ready = attempt.body(operation);
          db.execute(kStoreAnswer, db::Bytes{attempt.write_answer(store_)}, caller.account_id,
                     db::Bytes{attempt.request_id});
        },
        db::OnUnknownCommit::kRetry);
  } catch (const AlreadyAnswered&) {
    answer_as_stored(lease.session(), caller, rule, attempt, hash);
    return true;
  }
  return ready;
}

namespace {
constexpr std::string_view kSelectRequest = R"sql(
  SELECT operation, body_hash, response FROM request WHERE account_id = ? AND request_id = ?)sql";

struct StoredRequest {
  std::string operation;
  db::Bytes hash;
  std::optional<db::Bytes> response;
};
}  // namespace

void Guard::answer_as_stored(db::Session& db, const Caller& caller, const OperationRule& rule,
                             const Attempt& attempt, const std::string& hash) {
  const auto stored = db.query_one(
      kSelectRequest,
      [](const db::Row& r) {
        return StoredRequest{r.text("operation"), r.bytes("body_hash"), r.bytes_or_null("response")};
      },
      caller.account_id, db::Bytes{attempt.request_id});
  if (!stored || !stored->response) throw db::Conflict(0, "stored request went away");
  if (stored->hash.value != hash ||
      stored->operation != std::string(rule.module) + "." + std::string(rule.name)) {
    throw Fault(FaultCode::REQUEST_ID_REUSED, "this requestId was used for another request", "requestId");
  }
  attempt.read_answer(store_, stored->response->value);
}

}  // namespace whitebrick
