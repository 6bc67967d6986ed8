// What every module shares: the SOAP headers that are understood and the detail of
// faults. Read by soapcpp2, not by a compiler. The wsse plugin is not used: it drags
// in signatures, encryption and SAML.

//gsoap c     schema namespace: urn:whitebrick:common:1
//gsoap c     schema elementForm: qualified
//gsoap wsse  schema namespace: http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd
//gsoap wsse  schema elementForm: qualified
//gsoap wsu   schema namespace: http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd

// The code is text here, written from the names in server/fault.hpp.
class c__ServiceFaultDetail {
 public:
  std::string code 1;
  std::string message 1;
  std::string* field 0;
  bool retryable 1;
  int* retryAfterSeconds 0;
  std::string correlationId 1;
};

class wsse__PasswordText {
 public:
  std::string __item;
  @std::string* Type 0;
};

class wsse__NonceText {
 public:
  std::string __item;
  @std::string* EncodingType 0;
};

class wsse__UsernameTokenType {
 public:
  std::string* Username 0;
  wsse__PasswordText* Password 0;
  wsse__NonceText* Nonce 0;
  std::string* wsu__Created 0;
};

class wsse__SecurityType {
 public:
  wsse__UsernameTokenType* UsernameToken 0;
};

mutable class SOAP_ENV__Header {
 public:
  std::string* c__Token 0;
  wsse__SecurityType* wsse__Security 0;
};

struct SOAP_ENV__Detail {
  c__ServiceFaultDetail* c__ServiceFault 0;
  int __type;
  void* fault;
  _XML __any;
};
