#include "server/exchange.hpp"

namespace whitebrick {

const std::string& HttpRequest::header(std::string_view name) const {
  static const std::string none;
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return none;
}

}  // namespace whitebrick
