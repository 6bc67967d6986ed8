#pragma once
// The operations about calls, urgent messages and watched contacts on the wire; the other half of the
// module's operations is in coordination_endpoint.cpp.

#include "coordination_soapCoordinationService.h"

namespace whitebrick {
class Guard;
}
namespace whitebrick::profiles {
class Profiles;
}

namespace whitebrick::coordination {

class Coordination;

class CallsEndpoint : public coordination_soap::CoordinationService {
 public:
  CallsEndpoint(struct soap*, Guard&, Coordination&, profiles::Profiles&);

  int DecideCall(coordination_soap::_coord__DecideCall*,
                 coordination_soap::_coord__DecideCallResponse&) override;
  int PlaceCall(coordination_soap::_coord__PlaceCall*,
                coordination_soap::_coord__PlaceCallResponse&) override;
  int ChooseTerminal(coordination_soap::_coord__ChooseTerminal*,
                     coordination_soap::_coord__ChooseTerminalResponse&) override;
  int ReportCall(coordination_soap::_coord__ReportCall*,
                 coordination_soap::_coord__ReportCallResponse&) override;
  int AllowUrgent(coordination_soap::_coord__AllowUrgent*,
                  coordination_soap::_coord__AllowUrgentResponse&) override;
  int ListUrgentPermissions(coordination_soap::_coord__ListUrgentPermissions*,
                            coordination_soap::_coord__ListUrgentPermissionsResponse&) override;
  int SendUrgent(coordination_soap::_coord__SendUrgent*,
                 coordination_soap::_coord__SendUrgentResponse&) override;
  int GetUrgent(coordination_soap::_coord__GetUrgent*,
                coordination_soap::_coord__GetUrgentResponse&) override;
  int AcknowledgeUrgent(coordination_soap::_coord__AcknowledgeUrgent*,
                        coordination_soap::_coord__AcknowledgeUrgentResponse&) override;
  int WatchContact(coordination_soap::_coord__WatchContact*,
                   coordination_soap::_coord__WatchContactResponse&) override;

 protected:
  Guard& guard_;
  Coordination& coordination_;
  profiles::Profiles& profiles_;
};

}  // namespace whitebrick::coordination
