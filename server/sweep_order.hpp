#pragma once
// Which waiting keys the next sweep asks about.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/wait.hpp"

namespace whitebrick {

std::string_view kind_of(std::string_view key);  // the text before ':'

// The first keys behind `cursor` in the order of keys, all of one kind, at most `limit`;
// sorted. From the beginning again when there are none behind it. One key waits at most
// one round, whatever comes and goes meanwhile. `known`: kinds that can be asked about.
std::vector<WaitKey> next_keys(std::vector<WaitKey> keys, const WaitKey& cursor, std::size_t limit,
                               const std::function<bool(std::string_view kind)>& known);

}  // namespace whitebrick
