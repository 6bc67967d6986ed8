#pragma once
// The availability service on the wire (wsdl/availability.wsdl).

struct soap;

namespace whitebrick {
class Guard;
}
namespace whitebrick::profiles {
class Profiles;
}

namespace whitebrick::availability {

class Availability;

// Answers the operation that `soap` stands at; a gSOAP status.
int dispatch(struct soap*, Guard&, Availability&, profiles::Profiles&);

}  // namespace whitebrick::availability
