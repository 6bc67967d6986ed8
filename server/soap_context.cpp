#include "server/soap_context.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "envH.h"
#include "gen/patterns.hpp"

namespace whitebrick {

SoapContext::SoapContext()
    : soap_(soap_new2(SOAP_C_UTFSTRING | SOAP_XML_STRICT | SOAP_XML_TREE | SOAP_ENC_PLAIN,
                      SOAP_C_UTFSTRING | SOAP_XML_TREE | SOAP_ENC_PLAIN | SOAP_IO_BUFFER)) {
  if (soap_ == nullptr) throw std::bad_alloc();
  soap_->user = this;
  soap_->frecv = receive;
  soap_->fsend = send;
  soap_->fsvalidate = check_pattern;
  soap_->maxlevel = 32;
  soap_->maxoccurs = 1000;
  soap_->maxlength = 1024 * 1024;
}

SoapContext::~SoapContext() {
  finish();
  soap_free(soap_);
}

void SoapContext::start(std::string_view text) {
  finish();
  used_ = true;
  // Each dispatch leaves the table of its module there, which lacks wsse.
  soap_set_namespaces(soap_, namespaces);
  text_ = text;
  read_ = 0;
  written_.clear();
}

void SoapContext::finish() {
  if (!used_) return;  // clearing gSOAP's tables costs microseconds
  used_ = false;
  soap_destroy(soap_);
  soap_end(soap_);
  soap_->header = nullptr;
  soap_->fault = nullptr;
  soap_->error = SOAP_OK;
  soap_->version = 0;
  soap_->encodingStyle = nullptr;
}

std::size_t SoapContext::receive(struct soap* soap, char* buffer, std::size_t size) {
  auto* self = static_cast<SoapContext*>(soap->user);
  const std::size_t n = std::min(size, self->text_.size() - self->read_);
  std::memcpy(buffer, self->text_.data() + self->read_, n);
  self->read_ += n;
  return n;
}

int SoapContext::send(struct soap* soap, const char* data, std::size_t size) {
  static_cast<SoapContext*>(soap->user)->written_.append(data, size);
  return SOAP_OK;
}

}  // namespace whitebrick
