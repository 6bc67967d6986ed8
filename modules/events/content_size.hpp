#pragma once
// How much content one answer carries, or what is pushed at once: of large events fewer go together than were
// asked for.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "db/session.hpp"

namespace whitebrick::events {

// Up to this size a content is read with the other columns when so many events are: their sum stays small.
std::uint64_t small_size(std::size_t events);
std::map<std::uint64_t, std::string> read_contents(db::Session&, const std::vector<std::uint64_t>& event_ids);

// How many of the first of these events go together. An id may be there several times.
std::size_t count_fitting(db::Session&, const std::vector<std::uint64_t>& event_ids);

}  // namespace whitebrick::events
