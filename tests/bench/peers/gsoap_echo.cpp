// The ceiling of GetConnectability: the same message in and out through gSOAP, and nothing else.
// usage: gsoap_echo PORT THREADS

#include <cstdlib>

#include "Coordination.nsmap"
#include "peers/serve.hpp"
#include "soapCoordinationService.h"

namespace {

class Echo : public CoordinationService {
 public:
  int GetConnectability(_coord__GetConnectability* request,
                        _coord__GetConnectabilityResponse& response) override;
};

}  // namespace

int Echo::GetConnectability(_coord__GetConnectability* request, _coord__GetConnectabilityResponse& response) {
  for (const std::string& contact : request->contact) {
    auto* state = soap_new_req_c__ContactState(soap, contact, c__ConnectabilityState__CONNECTABLE);
    response.contactState.push_back(state);
  }
  return SOAP_OK;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return peers::serve<Echo>(std::atoi(argv[1]), std::atoi(argv[2]), [] {});
}
