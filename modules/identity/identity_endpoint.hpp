#pragma once
// The identity service on the wire (wsdl/identity.wsdl).

struct soap;

namespace whitebrick {
class Guard;
}

namespace whitebrick::identity {

class Identity;

// Answers the operation that `soap` stands at; a gSOAP status.
int dispatch(struct soap*, Guard&, Identity&);

}  // namespace whitebrick::identity
