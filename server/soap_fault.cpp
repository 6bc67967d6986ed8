#include "server/soap_fault.hpp"

namespace whitebrick {
namespace {

std::string detail_of(const Fault& fault, const std::string& correlation_id) {
  std::string s = "<c:ServiceFault xmlns:c=\"urn:whitebrick:common:1\"><c:code>";
  s += name(fault.code());
  s += "</c:code><c:message>" + escape_xml(fault.message()) + "</c:message>";
  if (!fault.field().empty()) s += "<c:field>" + escape_xml(fault.field()) + "</c:field>";
  s += is_retryable(fault.code()) ? "<c:retryable>true</c:retryable>" : "<c:retryable>false</c:retryable>";
  if (const auto seconds = fault.retry_after_seconds()) {
    s += "<c:retryAfterSeconds>" + std::to_string(*seconds) + "</c:retryAfterSeconds>";
  }
  return s + "<c:correlationId>" + escape_xml(correlation_id) + "</c:correlationId></c:ServiceFault>";
}

std::string_view code_11(const Fault& fault, SoapFaultCode code) {
  if (code == SoapFaultCode::kMustUnderstand) return "MustUnderstand";
  if (code == SoapFaultCode::kVersionMismatch) return "VersionMismatch";
  return is_sender(fault.code()) ? "Client" : "Server";
}

std::string_view code_12(const Fault& fault, SoapFaultCode code) {
  if (code == SoapFaultCode::kByFault) return is_sender(fault.code()) ? "Sender" : "Receiver";
  return code_11(fault, code);
}

std::string envelope_11(const Fault& fault, SoapFaultCode code, const std::string& detail) {
  std::string s =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"><SOAP-ENV:Body>"
      "<SOAP-ENV:Fault><faultcode>SOAP-ENV:";
  s += code_11(fault, code);
  s += "</faultcode><faultstring xml:lang=\"en\">" + escape_xml(fault.message()) + "</faultstring><detail>";
  return s + detail + "</detail></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>";
}

std::string envelope_12(const Fault& fault, SoapFaultCode code, const std::string& detail) {
  std::string s =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://www.w3.org/2003/05/soap-envelope\"><SOAP-ENV:Body>"
      "<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:";
  s += code_12(fault, code);
  s += "</SOAP-ENV:Value><SOAP-ENV:Subcode><SOAP-ENV:Value xmlns:c=\"urn:whitebrick:common:1\">c:";
  s += name(fault.code());
  s += "</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text xml:lang=\"en\">";
  s += escape_xml(fault.message()) + "</SOAP-ENV:Text></SOAP-ENV:Reason><SOAP-ENV:Detail>";
  return s + detail + "</SOAP-ENV:Detail></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>";
}

}  // namespace

HttpResponse fault_response(const HttpRequest& request, int soap_version, const Fault& fault,
                            SoapFaultCode code) {
  if (soap_version != 1 && soap_version != 2) soap_version = soap_version_of(request);
  const std::string detail = detail_of(fault, request.correlation_id);
  HttpResponse response;
  if (soap_version == 2) {
    // SOAP 1.2 part 2, table 20: Sender is 400, everything else 500.
    response.status = code_12(fault, code) == "Sender" ? 400 : 500;
    response.content_type = "application/soap+xml; charset=utf-8";
    response.body = envelope_12(fault, code, detail);
  } else {
    response.status = 500;
    response.body = envelope_11(fault, code, detail);
  }
  if (const auto seconds = fault.retry_after_seconds()) {
    response.headers.emplace_back("Retry-After", std::to_string(*seconds));
  }
  return response;
}

int soap_version_of(const HttpRequest& request) {
  return request.header("content-type").starts_with("application/soap+xml") ? 2 : 1;
}

std::string escape_xml(std::string_view text) {
  std::string s;
  s.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        s += "&amp;";
        break;
      case '<':
        s += "&lt;";
        break;
      case '>':
        s += "&gt;";
        break;
      case '"':
        s += "&quot;";
        break;
      case '\r':
        s += "&#13;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n')
          s += "\xEF\xBF\xBD";
        else
          s += c;
    }
  }
  return s;
}

}  // namespace whitebrick
