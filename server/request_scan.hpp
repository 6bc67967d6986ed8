#pragma once
// One linear pass (Expat) over a request body before gSOAP sees it. Refuses what no
// SOAP message needs and what parsers choke on: DTDs, entity declarations, processing
// instructions, bad or non-UTF-8 text, depth > 32, > 64 attributes (xmlns included) on one
// element, > 20,000 elements, names > 256 bytes, text runs > 64 KiB (256 KiB for bulk
// paths, where event content lives). Measured need: 713 KiB of attributes cost
// gSOAP 12.8 s of CPU.

#include <optional>
#include <string>
#include <string_view>

#include "server/fault.hpp"

namespace whitebrick {

struct ScanLimits {
  int depth = 32;
  int attributes = 64;
  int elements = 20000;
  std::size_t name = 256;
  std::size_t text = 64 * 1024;
  // On a path for bulk: this operation alone may be larger than `body`, and have texts of `large_text`.
  std::string_view large_operation = {};
  std::size_t large_text = 0;
  std::size_t body = 0;
};

struct Scanned {
  int soap_version = 0;        // 1: SOAP 1.1, 2: SOAP 1.2
  std::string body_namespace;  // of the first child of Body
  std::string body_element;    // its local name: the operation
};

// Throws Fault MALFORMED_REQUEST or LIMIT_EXCEEDED (SOAP version unknown then: 0).
// Also refuses what is not a SOAP envelope with exactly one Body child.
Scanned scan_request(std::string_view body, const ScanLimits& limits = {});

}  // namespace whitebrick
