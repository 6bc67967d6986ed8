#pragma once
// The two texts of a migration that cannot be bound arguments. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace whitebrick::db {

// `name` in backticks; throws Error for one that is not letters, digits, '_', '-' or '$'.
std::string quoted_schema(const std::string& name);

// The statements of a migration file: separated by ";\n", comment lines dropped.
std::vector<std::string> statements_of(std::string_view sql);

}  // namespace whitebrick::db
