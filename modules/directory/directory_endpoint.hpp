#pragma once
// The directory service on the wire (wsdl/directory.wsdl).

struct soap;

namespace whitebrick {
class Guard;
}
namespace whitebrick::profiles {
class Profiles;
}

namespace whitebrick::directory {

class Directory;

// Answers the operation that `soap` stands at; a gSOAP status.
int dispatch(struct soap*, Guard&, Directory&, profiles::Profiles&);

}  // namespace whitebrick::directory
