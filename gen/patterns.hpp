#pragma once
// The patterns of the schema. gSOAP knows them but checks them only through this hook:
//   soap->fsvalidate = whitebrick::check_pattern;

struct soap;

namespace whitebrick {

// SOAP_OK, or SOAP_TYPE: "invalid value in element ...".
int check_pattern(struct soap*, const char* pattern, const char* text);

}  // namespace whitebrick
