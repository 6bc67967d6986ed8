#include "server/router.hpp"

#include "server/soap_fault.hpp"
#include "server/wsdl_page.hpp"

namespace whitebrick {
namespace {

HttpResponse plain(int status, std::string text) {
  return {.status = status,
          .content_type = "text/plain; charset=utf-8",
          .body = std::move(text) + "\n",
          .headers = {}};
}

}  // namespace

RunResult Router::serve(int worker, const HttpRequest& request, Poll& poll) {
  if (request.method == "GET" || request.method == "HEAD") {
    if (auto page = contract_page(request, public_url_)) return page;
    if (request.path == "/live") return plain(200, "live");
    if (engine_.serves(request.path))
      return plain(405, "POST a SOAP message here, or GET " + request.path + "?wsdl");
    return plain(404, "nothing here; the contracts are at /<module>?wsdl");
  }
  if (!engine_.serves(request.path))
    return plain(404, "no module has this path; the contracts are at /<module>?wsdl");
  const std::string& type = request.header("content-type");
  if (!type.starts_with("text/xml") && !type.starts_with("application/soap+xml")) {
    return plain(415, "Content-Type must be text/xml (SOAP 1.1) or application/soap+xml (SOAP 1.2)");
  }
  return engine_.serve(worker, request, poll);
}

HttpResponse Router::fault_page(const HttpRequest& request, std::string_view fault_code) {
  if (fault_code == name(FaultCode::INTERNAL)) {
    return fault_response(request, 0, {FaultCode::INTERNAL, "internal error; quote the correlationId"});
  }
  const bool busy = fault_code == name(FaultCode::BUSY);
  Fault fault = busy ? Fault(FaultCode::BUSY, "the server is overloaded; try again")
                     : Fault(FaultCode::UNAVAILABLE,
                             "no answer in time; the outcome is unknown: try again, with the "
                             "same requestId where there is one");
  return fault_response(request, 0, fault.retry_after(1));
}

}  // namespace whitebrick
