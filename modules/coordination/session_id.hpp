#pragma once
// Ids of sessions as the wire knows them: 128 random bits as 32 hex digits.

#include <string>
#include <string_view>

namespace whitebrick::coordination {

std::string random_session_id();
bool is_session_id(std::string_view text);

}  // namespace whitebrick::coordination
