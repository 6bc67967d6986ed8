#pragma once
// The one writer of faults: the typed ServiceFault of wsdl/common.xsd in a SOAP 1.1 or
// 1.2 envelope, by text. Needs no gSOAP context, so every layer can answer with it.

#include <string>
#include <string_view>

#include "server/exchange.hpp"
#include "server/fault.hpp"

namespace whitebrick {

// What the envelope says beside the detail; the two odd ones are demanded by SOAP itself.
enum class SoapFaultCode { kByFault, kMustUnderstand, kVersionMismatch };

// soap_version: 1 or 2; anything else is taken from the request's Content-Type.
HttpResponse fault_response(const HttpRequest&, int soap_version, const Fault&,
                            SoapFaultCode = SoapFaultCode::kByFault);

// 2 when the request says application/soap+xml, else 1.
int soap_version_of(const HttpRequest&);

// Text for XML content and attribute values; what XML 1.0 cannot hold becomes U+FFFD.
std::string escape_xml(std::string_view);

}  // namespace whitebrick
