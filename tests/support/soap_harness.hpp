#pragma once
// A whole replica in memory on the test schema, called with envelopes: what a client would
// send, without a socket. And the standing cast of tests/soap/cast.xml.

#include <memory>
#include <string>
#include <vector>

#include "server/app.hpp"
#include "tests/support/xml.hpp"

namespace whitebrick::testing {

inline constexpr const char* kCastPassword = "correct horse battery";

struct Answer {
  int status = 0;
  std::string envelope;
  // The child of Body; of a fault, its ServiceFault detail (nullptr when there is none).
  bool is_fault() const;
  _xmlNode* content() const;
  std::string fault_code() const;  // ServiceFault code, "" on success
  Xml document() const { return xml_; }

  explicit Answer(const HttpResponse& r) : status(r.status), envelope(r.body), xml_(r.body) {}

 private:
  Xml xml_;
};

class Replica {
 public:
  Replica();
  ~Replica();

  // `body`: the child of Body as text; its namespace tells the module. `caller`: "" nobody, "alice"
  // by HTTP Basic, "token alice" by a token got from Login.
  Answer call(const std::string& caller, const std::string& body, int soap_version = 1);
  std::string login(const std::string& account);
  HttpResponse send(const HttpRequest& request) { return app_->answer(request); }

 private:
  std::unique_ptr<App> app_;
};

// Replaces {{token:alice}} by a fresh token, {{text:100}} by as many letters, and
// {{setup.2.accessSessionId}} by the first element of that name in the second of `answers`.
std::string fill_in(Replica&, const std::string& text, const std::vector<Answer>& answers);

// Empties the tables and puts the cast there (built once by SOAP calls, then copied).
void reset_to_cast();

// One line per table with the checksum of its rows, leases aside; tables that only book-keep calls are left
// out.
std::string table_contents();

}  // namespace whitebrick::testing
