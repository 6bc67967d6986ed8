#pragma once
// The declaration table of the settings; config.hpp says what is made of it.

#include <functional>
#include <string>
#include <vector>

#include "server/config.hpp"

namespace whitebrick {

struct Setting {
  std::string name;  // "http.port"
  std::string unit;  // of the value as text: "seconds", "bytes", "address"
  std::string help;  // one sentence
  std::function<std::string(const Config&)> show;
  std::function<void(Config&, const std::string&)> read;  // std::invalid_argument: one sentence
};

const std::vector<Setting>& settings();

}  // namespace whitebrick
