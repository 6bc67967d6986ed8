#pragma once
// What decided the state that an asker sees, as the compiled filter explains it. Pure.

#include "modules/coordination/coordination.hpp"

namespace whitebrick::coordination {

// Everything but the terminals.
Explanation explain_state(const availability::Explanation&);

}  // namespace whitebrick::coordination
