#include <stdexcept>

#include <stdsoap2.h>

#include "server/operation.hpp"

namespace whitebrick {

std::string MessageStore::write_with(const std::function<int(struct soap*)>& put) {
  context_.start({});
  struct soap* soap = context_.get();
  if (soap_begin_send(soap) != SOAP_OK || put(soap) != SOAP_OK || soap_end_send(soap) != SOAP_OK) {
    throw std::runtime_error("message cannot be written, gSOAP error " + std::to_string(soap->error));
  }
  return std::move(context_.written());
}

void MessageStore::read_with(const std::string& text, const std::function<bool(struct soap*)>& get) {
  context_.start(text);
  struct soap* soap = context_.get();
  if (soap_begin_recv(soap) != SOAP_OK || !get(soap) || soap_end_recv(soap) != SOAP_OK) {
    throw std::runtime_error("stored message cannot be read, gSOAP error " + std::to_string(soap->error));
  }
}

}  // namespace whitebrick
