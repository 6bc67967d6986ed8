#pragma once
// From request text to answer: scan, hardened gSOAP context, dispatch by path to a
// module, by body element to its operation. SOAP 1.1 and 1.2, answered in kind.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/exchange.hpp"
#include "server/http_server.hpp"
#include "server/operation.hpp"
#include "server/soap_context.hpp"

namespace whitebrick {

class SoapEngine {
 public:
  // A module's generated dispatcher with its endpoint: `dispatch` of <m>_endpoint.hpp, bound.
  using Dispatch = std::function<int(struct soap*, Guard&)>;

  SoapEngine(int workers, GuardServices&);
  void add(std::string module, Dispatch);  // served at /<module>; before the first request
  bool serves(const std::string& path) const;

  // On worker `worker`, one call at a time for each. Nothing: the request parks.
  RunResult serve(int worker, const HttpRequest&, Poll&);

 private:
  struct Worker {
    SoapContext message;
    SoapContext store;  // requestId: stored questions and answers
  };
  RunResult run(Worker&, const std::string& module, const Dispatch&, const HttpRequest&, Poll&);

  GuardServices& services_;
  std::map<std::string, Dispatch, std::less<>> modules_;  // by path "/events"
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace whitebrick
