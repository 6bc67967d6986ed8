#pragma once
// Ids of sessions as the wire knows them: 128 random bits as 32 hex digits.

#include <string>

namespace whitebrick::coordination {

std::string random_session_id();

}  // namespace whitebrick::coordination
