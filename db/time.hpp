#pragma once
// Time as the database keeps it: UTC, microseconds. The only clock that rules
// are evaluated on is the database's (UTC_TIMESTAMP(6)); see Session::now().

#include <chrono>
#include <string>
#include <string_view>

namespace whitebrick {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

}  // namespace whitebrick

namespace whitebrick::db {

// "2026-11-23 04:21:15.123456", the form DATETIME(6) is read and bound in.
std::string to_sql(Time);
// Reverse of to_sql; the fraction may be absent. Throws db::Error on other text.
Time from_sql(std::string_view);

}  // namespace whitebrick::db
