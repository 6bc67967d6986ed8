#pragma once
// The profiles service on the wire (wsdl/profiles.wsdl).

struct soap;

namespace whitebrick {
class Guard;
}

namespace whitebrick::profiles {

class Profiles;

// Answers the operation that `soap` stands at; a gSOAP status.
int dispatch(struct soap*, Guard&, Profiles&);

}  // namespace whitebrick::profiles
