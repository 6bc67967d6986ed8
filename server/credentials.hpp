#pragma once
// What a request shows of its caller, from HTTP and SOAP headers.

#include "server/caller.hpp"
#include "server/exchange.hpp"

struct soap;

namespace whitebrick {

// Exactly one way may be used: Authorization: Bearer or Basic (RFC 6750, RFC 7617), the
// SOAP header c:Token, or wsse:Security/UsernameToken with a text password (OASIS
// UsernameToken Profile 1.0). Faults: AUTHENTICATION_FAILED for what cannot be read, for
// two ways at once, and for a password digest (not offered: it needs the clear password stored).
Credentials credentials_of(const HttpRequest&, const struct soap*);

}  // namespace whitebrick
