#pragma once
// The contract as it is served: the hand-written WSDL and schemas of wsdl/, compiled in,
// with the address that this client can reach.

#include <optional>
#include <string>
#include <string_view>

#include "server/exchange.hpp"

namespace whitebrick {

// The file of that name ("events.wsdl", "common.xsd") as written; nothing when there is none.
std::optional<std::string_view> contract_file(std::string_view name);

// GET /<module>?wsdl, /<module>.wsdl and /<name>.xsd; nothing for other requests.
std::optional<HttpResponse> contract_page(const HttpRequest&, const std::string& public_url);

// `public_url` when set, else scheme, host and prefix of the request (the forwarded ones
// were put there from trusted proxies only).
std::string base_url(const HttpRequest&, const std::string& public_url);

}  // namespace whitebrick
