// The one definition of the global namespaces[] that libgsoap needs: every prefix of
// typemap.dat and env.h. (A generated service sets its own shorter table in dispatch().)

#include "stdsoap2.h"

SOAP_NMAC struct Namespace namespaces[] = {
    {"SOAP-ENV", "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/*/soap-envelope", nullptr},
    {"SOAP-ENC", "http://schemas.xmlsoap.org/soap/encoding/", "http://www.w3.org/*/soap-encoding", nullptr},
    {"xsi", "http://www.w3.org/2001/XMLSchema-instance", "http://www.w3.org/*/XMLSchema-instance", nullptr},
    {"xsd", "http://www.w3.org/2001/XMLSchema", "http://www.w3.org/*/XMLSchema", nullptr},
    {"c", "urn:whitebrick:common:1", nullptr, nullptr},
    {"cat", "urn:whitebrick:catalogue:1", nullptr, nullptr},
    {"id", "urn:whitebrick:identity:1", nullptr, nullptr},
    {"dir", "urn:whitebrick:directory:1", nullptr, nullptr},
    {"ev", "urn:whitebrick:events:1", nullptr, nullptr},
    {"prof", "urn:whitebrick:profiles:1", nullptr, nullptr},
    {"av", "urn:whitebrick:availability:1", nullptr, nullptr},
    {"coord", "urn:whitebrick:coordination:1", nullptr, nullptr},
    {"wsse", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd", nullptr,
     nullptr},
    {"wsu", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd", nullptr,
     nullptr},
    {nullptr, nullptr, nullptr, nullptr}};
