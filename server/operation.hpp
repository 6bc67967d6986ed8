#pragma once
// The guard: what happens around every operation, once. It finds the caller, checks
// the role table (operations.def), opens the transaction, honours requestId, runs the body,
// logs and times it, and maps whatever is thrown to the one typed fault.
//
// An endpoint method is
//   int EventsEndpoint::AckEvents(_ev__AckEvents* in, _ev__AckEventsResponse& out) {
//     return guard_.operation("AckEvents", *in, out, [&](Operation& op) { out.acknowledged = ...; });
//   }
// The body may run again after a lost database conflict: it sets `out` only by
// assignment and touches nothing else but op.db. noexcept: nothing reaches gSOAP's C code.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "db/pool.hpp"
#include "server/access.hpp"
#include "server/caller.hpp"
#include "server/exchange.hpp"
#include "server/fault.hpp"
#include "server/metrics.hpp"
#include "server/soap_context.hpp"

struct soap;

namespace whitebrick {

struct Operation {
  db::Session& db;  // in a transaction, but for Kind::kQuery
  const Caller& caller;
  Poll& poll;                  // for Kind::kPoll
  const HttpRequest& request;  // where it came from; passwords want a private channel
};

// What the guard needs of the process; made once by App.
struct GuardServices {
  db::Pool& pool;
  Authenticator& authenticator;
  std::vector<Liveness*> liveness;
  Metrics& metrics;
};

// Writes and reads a message of a generated class as XML, in a second gSOAP context: the
// stored answer of a requestId. Both throw std::runtime_error when gSOAP refuses. What read()
// makes lives until the context's next start() or finish().
class MessageStore {
 public:
  explicit MessageStore(SoapContext& context) : context_(context) {}
  template <class Message>
  std::string write(const Message& message) {
    return write_with([&](struct soap* s) {
      message.soap_serialize(s);
      return message.soap_put(s, "m", nullptr);
    });
  }
  template <class Message>
  void read(const std::string& text, Message& message) {
    read_with(text, [&](struct soap* s) { return message.soap_get(s, "m", nullptr) != nullptr; });
  }

 private:
  std::string write_with(const std::function<int(struct soap*)>& put);
  void read_with(const std::string& text, const std::function<bool(struct soap*)>& get);
  SoapContext& context_;
};

class Guard {
 public:
  // One per request run.
  Guard(struct soap*, int soap_version, SoapContext& store, GuardServices&, std::string_view module,
        const HttpRequest&, Poll&);

  // `body(Operation&)` for queries and mutations answers nothing; for polls it answers
  // true when `out` is ready and false to park (ignored on the last run: then it must answer).
  template <class In, class Out, class Body>
  int operation(std::string_view name, In& in, Out& out, Body&& body) noexcept {
    Attempt attempt;
    attempt.body = [&](Operation& op) {
      out.soap_default(soap_);  // a body that runs again starts from nothing
      if constexpr (std::is_void_v<std::invoke_result_t<Body&, Operation&>>) {
        body(op);
        return true;
      } else {
        return static_cast<bool>(body(op));
      }
    };
    if constexpr (requires { in.requestId; }) {
      if (in.requestId != nullptr) attempt.request_id = *in.requestId;
      if constexpr (requires { in.password; }) attempt.secret = true;
      attempt.write_request = [&](MessageStore& s) { return s.write(in); };
      attempt.write_answer = [&](MessageStore& s) { return s.write(out); };
      attempt.read_answer = [&](MessageStore& s, const std::string& text) { s.read(text, out); };
    }
    return run(name, attempt);
  }

  // How the run ended when the dispatcher says SOAP_STOP.
  bool parked() const { return parked_; }  // without an answer
  const std::optional<Fault>& fault() const { return fault_; }
  // The operation was done: what goes wrong from here on is not the caller's mistake.
  bool answered() const { return answered_; }

  // A mutation whose answer may still become better after its commit (a push under way). `body`
  // leaves a complete answer, which is what a repeated requestId gets, and answers false when it is worth
  // waiting: then the request parks with what `body` has set on its Poll, and at each wake-up
  // `later(Poll&, db::Session*)` fills in `out` instead, outside of a transaction, and answers true when
  // it is ready, at least on the last run and without a session. That is when the database is away:
  // what is committed is not answered by a fault.
  template <class In, class Out, class Body, class Later>
  int operation(std::string_view name, In& in, Out& out, Body&& body, Later&& later) noexcept {
    later_ = [&](db::Session* db) {
      out.soap_default(soap_);
      return static_cast<bool>(later(poll_, db));
    };
    return operation(name, in, out, std::forward<Body>(body));
  }

 private:
  struct Attempt {
    std::function<bool(Operation&)> body;
    std::string request_id;
    bool secret = false;  // the request holds a password: what is stored of it must not help to guess
    std::function<std::string(MessageStore&)> write_request;
    std::function<std::string(MessageStore&)> write_answer;
    std::function<void(MessageStore&, const std::string&)> read_answer;
  };
  int run(std::string_view name, const Attempt&) noexcept;
  bool run_body(const OperationRule&, const Attempt&);
  bool run_later();
  bool run_once(db::Lease&, const Caller&, const Attempt&);
  bool run_repeatable(db::Lease&, const Caller&, const OperationRule&, const Attempt&);
  void answer_as_stored(db::Session&, const Caller&, const OperationRule&, const Attempt&,
                        const std::string& hash);

  struct soap* soap_;
  int soap_version_;
  GuardServices& services_;
  std::string_view module_;
  const HttpRequest& request_;
  Poll& poll_;
  MessageStore store_;
  std::function<bool(db::Session*)> later_;
  bool parked_ = false;
  bool answered_ = false;
  std::optional<Fault> fault_;
};

}  // namespace whitebrick
