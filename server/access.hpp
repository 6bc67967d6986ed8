#pragma once
// The one table of operations: who may call each, and how it runs. The guard obeys
// it, the WSDL tests and the access matrix are generated from it
// (server/operations.def).

#include <span>
#include <string_view>

#include "server/caller.hpp"

namespace whitebrick {

enum class Kind {
  kQuery,     // reads; no transaction
  kMutation,  // one transaction; the optional requestId makes a retry return the stored answer
  kExempt,    // one transaction, no stored answer (Login, RenewToken: would store secrets)
  kPoll,      // one transaction per run; may park
};

struct OperationRule {
  std::string_view module;
  std::string_view name;
  unsigned roles;  // of Role, or-ed; 0: nobody (a house rule fails)
  Kind kind;
  bool allows(Role r) const { return (roles & static_cast<unsigned>(r)) != 0; }
};

std::span<const OperationRule> operation_rules();
const OperationRule* find_operation(std::string_view module, std::string_view name);

}  // namespace whitebrick
