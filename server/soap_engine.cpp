#include "server/soap_engine.hpp"

#include <stdsoap2.h>

#include "server/log.hpp"
#include "server/request_scan.hpp"
#include "server/soap_fault.hpp"

namespace whitebrick {
namespace {

// Event content, and the speech of an urgent message.
ScanLimits limits_of(std::string_view module) {
  ScanLimits limits;
  if (module == "events") limits.text = 256 * 1024;
  if (module == "coordination") {
    limits.large_operation = "SendUrgent";
    limits.large_text = 1024 * 1024;
    limits.body = 256 * 1024;
  }
  return limits;
}

// What gSOAP found wrong with a message that is well-formed XML, in the client's words.
Fault fault_of(const struct soap* soap) {
  const std::string tag(soap->tag);
  const std::string element = tag.substr(tag.find(':') == std::string::npos ? 0 : tag.find(':') + 1);
  switch (soap->error) {
    case SOAP_NO_METHOD:
      return {FaultCode::UNKNOWN_OPERATION, "this module has no operation " + element};
    case SOAP_TYPE:
    case SOAP_NULL:
    case SOAP_EMPTY:
      return {FaultCode::INVALID_ARGUMENT, "the value of element " + element + " is not of its type",
              element};
    case SOAP_LENGTH:
      return {FaultCode::INVALID_ARGUMENT,
              "the value of element " + element + " is too long, too short or out of range", element};
    case SOAP_OCCURS:
      return {FaultCode::INVALID_ARGUMENT, "an element is missing from " + element + ", or occurs too often",
              element};
    case SOAP_TAG_MISMATCH:
      return {FaultCode::INVALID_ARGUMENT, "element " + element + " is not expected here", element};
    case SOAP_LEVEL:
      return {FaultCode::LIMIT_EXCEEDED, "elements are nested too deeply"};
    default:
      return {FaultCode::INVALID_ARGUMENT, "the message does not match the schema near element " + element,
              element};
  }
}

}  // namespace

SoapEngine::SoapEngine(int workers, GuardServices& services) : services_(services) {
  for (int i = 0; i < workers; ++i) workers_.push_back(std::make_unique<Worker>());
}

void SoapEngine::add(std::string module, Dispatch dispatch) {
  modules_.emplace("/" + std::move(module), std::move(dispatch));
}

bool SoapEngine::serves(const std::string& path) const { return modules_.contains(path); }

RunResult SoapEngine::serve(int worker, const HttpRequest& request, Poll& poll) {
  const auto found = modules_.find(request.path);
  const log::Correlation correlation(request.correlation_id);
  return run(*workers_.at(static_cast<std::size_t>(worker)), found->first.substr(1), found->second, request,
             poll);
}

RunResult SoapEngine::run(Worker& worker, const std::string& module, const Dispatch& dispatch,
                          const HttpRequest& request, Poll& poll) {
  Scanned scanned;
  try {
    scanned = scan_request(request.body, limits_of(module));
  } catch (const Fault& fault) {
    services_.metrics.operation_ended(module, name(fault.code()), 0);
    return fault_response(request, 0, fault);
  }

  worker.message.start(request.body);
  struct soap* soap = worker.message.get();
  Guard guard(soap, scanned.soap_version, worker.store, services_, module, request, poll);
  int error = soap_begin_serve(soap);
  const int version = scanned.soap_version;
  if (error == SOAP_OK) error = dispatch(soap, guard);

  RunResult result;
  if (error == SOAP_STOP && guard.parked()) {
    // No answer yet.
  } else if (error == SOAP_STOP && guard.fault()) {
    result = fault_response(request, version, *guard.fault());
  } else if (error == SOAP_OK) {
    result.emplace();
    if (version == 2) result->content_type = "application/soap+xml; charset=utf-8";
    result->body = std::move(worker.message.written());
  } else {
    const auto code = error == SOAP_MUSTUNDERSTAND    ? SoapFaultCode::kMustUnderstand
                      : error == SOAP_VERSIONMISMATCH ? SoapFaultCode::kVersionMismatch
                                                      : SoapFaultCode::kByFault;
    soap->error = error;
    const Fault fault =
        guard.answered()
            ? Fault{FaultCode::INTERNAL, "the answer could not be written; quote the correlationId"}
        : code == SoapFaultCode::kMustUnderstand
            ? Fault{FaultCode::MALFORMED_REQUEST, "a header block that must be understood is not"}
            : fault_of(soap);
    log::info("request.refused", {{"module", module},
                                  {"operation", scanned.body_element},
                                  {"code", std::string(name(fault.code()))},
                                  {"field", fault.field()}});
    services_.metrics.operation_ended(module, name(fault.code()), 0);
    result = fault_response(request, version, fault, code);
  }
  worker.message.finish();
  worker.store.finish();
  return result;
}

}  // namespace whitebrick
