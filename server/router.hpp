#pragma once
// Which request goes where: POST to a module's path is SOAP, GET is the contract.

#include <string>

#include "server/http_server.hpp"
#include "server/soap_engine.hpp"

namespace whitebrick {

class Router {
 public:
  Router(SoapEngine& engine, std::string public_url) : engine_(engine), public_url_(std::move(public_url)) {}

  RunResult serve(int worker, const HttpRequest&, Poll&);
  // For HttpServer: what it answers by itself (a FaultCode's name) as a typed fault.
  static HttpResponse fault_page(const HttpRequest&, std::string_view fault_code);

 private:
  SoapEngine& engine_;
  const std::string public_url_;
};

}  // namespace whitebrick
