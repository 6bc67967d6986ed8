#pragma once
// sip: and sips: URIs of a person (RFC 3261, 19.1), the small part that names somebody:
// scheme:user@host[:port]. Parameters and headers are ways to get there, not names, and
// are dropped. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace whitebrick::profiles {

// `rest` is what follows "sip:". The user part as it is but for needless escapes, the host in
// lower case; nothing for what is not of this form (passwords included).
std::optional<std::string> normalise_sip(std::string_view rest);

}  // namespace whitebrick::profiles
