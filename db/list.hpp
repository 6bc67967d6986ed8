#pragma once
// A list of texts as one bound argument, so that a statement is prepared once for every
// length: ... FROM JSON_TABLE(?, '$[*]' COLUMNS(position FOR ORDINALITY, number VARCHAR(256) PATH '$')) t

#include <string>
#include <vector>

namespace whitebrick::db {

// ["a","b"]
std::string json_list(const std::vector<std::string>& texts);

}  // namespace whitebrick::db
