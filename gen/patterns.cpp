#include "gen/patterns.hpp"

#include <cstring>
#include <map>
#include <regex>
#include <string>

#include "stdsoap2.h"

namespace whitebrick {
namespace {

// No pattern of the schema allows more; std::regex recurses with the length.
constexpr std::size_t kLongest = 128;

}  // namespace

int check_pattern(struct soap* soap, const char* pattern, const char* text) {
  // The texts of patterns are literals of the generated code: their address is a key.
  thread_local std::map<const char*, std::regex> compiled;
  auto found = compiled.find(pattern);
  if (found == compiled.end())
    found = compiled.emplace(pattern, std::regex(pattern, std::regex::optimize)).first;
  if (std::strlen(text) <= kLongest && std::regex_match(text, found->second)) return SOAP_OK;
  return soap->error = SOAP_TYPE;
}

}  // namespace whitebrick
