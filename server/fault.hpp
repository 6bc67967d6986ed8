#pragma once
// The one typed fault of every operation (wsdl/common.xsd, element ServiceFault).
// Thrown by guard, endpoints and use cases for what the client can act on; the
// guard turns it into SOAP 1.1 or 1.2. The table below and the enumeration
// FaultCode in common.xsd hold the same list (a house rule compares them).

#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace whitebrick {

// X(code, sender?, retryable?)
#define WHITEBRICK_FAULT_CODES(X)                                                                \
  X(MALFORMED_REQUEST, true, false)       /* not well-formed, forbidden XML, not SOAP */         \
  X(INVALID_ARGUMENT, true, false)        /* `field` names the element */                        \
  X(LIMIT_EXCEEDED, true, false)          /* a documented size or count */                       \
  X(UNKNOWN_OPERATION, true, false)       /* no such operation in this module */                 \
  X(AUTHENTICATION_REQUIRED, true, false) /* no credentials */                                   \
  X(AUTHENTICATION_FAILED, true, false)   /* wrong, expired or revoked credentials */            \
  X(TOO_MANY_ATTEMPTS, true, true)        /* log in again after retryAfterSeconds */             \
  X(FORBIDDEN, true, false)               /* the caller's role or ownership does not allow it */ \
  X(NOT_FOUND, true, false)               /* also: somebody else's */                            \
  X(ALREADY_EXISTS, true, false)          /**/                                                   \
  X(STALE_VERSION, true, false)           /* ifVersion is not the stored version */              \
  X(REQUEST_ID_REUSED, true, false)       /* same requestId, another body */                     \
  X(NOT_REGISTERED, true, false)          /* the service has no registration */                  \
  X(NOT_CONNECTED, true, false)           /* service or terminal must connect first */           \
  X(SESSION_ENDED, true, false)           /* access or service session is over */                \
  X(WRONG_STATE, true, false)             /* a call is not in a state that allows it */          \
  X(TYPE_NOT_OFFERED, true, false)        /* the contact cannot be reached that way now */       \
  X(EVENT_NOT_DECLARED, true, false)      /* publish only what was declared */                   \
  X(EVENT_TYPE_RESERVED, true, false)     /* prefix belongs to a server component */             \
  X(QUEUE_FULL, true, true)               /* a subscription you publish to is full */            \
  X(LEASE_LOST, true, false)              /* someone else holds the events now */                \
  X(DEADLINE_PASSED, true, false)         /* the answer came too late */                         \
  X(LOCKED, true, true)                   /* someone else holds the lock: retryAfterSeconds */   \
  X(UNAVAILABLE, false, true)             /* database away or too slow: try again */             \
  X(BUSY, false, true)                    /* overload: try again after retryAfterSeconds */      \
  X(INTERNAL, false, false)               /* a defect; quote the correlationId */

enum class FaultCode {
#define WHITEBRICK_FAULT_ENUM(code, sender, retryable) code,
  WHITEBRICK_FAULT_CODES(WHITEBRICK_FAULT_ENUM)
#undef WHITEBRICK_FAULT_ENUM
};

std::string_view name(FaultCode);
bool is_sender(FaultCode);     // the caller's mistake (SOAP Client/Sender)
bool is_retryable(FaultCode);  // the same request may succeed later

class Fault : public std::exception {
 public:
  // `message` is for a developer at the client; nothing internal goes in. `field` is the
  // name of the offending element of the request.
  Fault(FaultCode code, std::string message, std::string field = {})
      : code_(code), message_(std::move(message)), field_(std::move(field)) {}
  Fault& retry_after(int seconds) {
    retry_after_seconds_ = seconds;
    return *this;
  }

  FaultCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& field() const { return field_; }
  std::optional<int> retry_after_seconds() const { return retry_after_seconds_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  FaultCode code_;
  std::string message_;
  std::string field_;
  std::optional<int> retry_after_seconds_;
};

}  // namespace whitebrick
