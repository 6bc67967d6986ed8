#pragma once
// The coordination service on the wire (wsdl/coordination.wsdl).

struct soap;

namespace whitebrick {
class Guard;
}
namespace whitebrick::profiles {
class Profiles;
}

namespace whitebrick::coordination {

class Coordination;

// Answers the operation that `soap` stands at; a gSOAP status.
int dispatch(struct soap*, Guard&, Coordination&, profiles::Profiles&);

}  // namespace whitebrick::coordination
