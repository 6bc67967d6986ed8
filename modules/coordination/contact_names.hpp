#pragma once
// The names that contacts go by, for who may see their states.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "modules/coordination/coordination.hpp"

namespace whitebrick::coordination {

using ContactNames = std::map<std::string, std::string>;  // by number

// A state that tells that there is such a person.
bool shows_existence(Connectability);

ContactNames names_of(db::Session&, const std::set<std::string>& numbers);
void add_names(db::Session&, std::vector<WatchedContact>&);

}  // namespace whitebrick::coordination
