#pragma once

#include <string>

#include "db/time.hpp"

namespace whitebrick::availability {

// "2026-11-23T04:21:15.123456Z"
inline std::string xml_time(Time time) {
  std::string text = db::to_sql(time);
  text[text.find(' ')] = 'T';
  return text + "Z";
}

}  // namespace whitebrick::availability
