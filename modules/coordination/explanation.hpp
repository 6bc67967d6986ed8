#pragma once
// Which of the facts about an owner and an asker decided the state. Pure; the state itself is
// that of availability/view.hpp.

#include "modules/coordination/coordination.hpp"

namespace whitebrick::coordination {

// Everything but the terminals.
Explanation explain_facts(const availability::Facts&);

}  // namespace whitebrick::coordination
