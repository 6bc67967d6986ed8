#include "server/credentials.hpp"

#include <openssl/evp.h>

#include <optional>

#include "envH.h"
#include "server/fault.hpp"

namespace whitebrick {
namespace {

constexpr std::string_view kPasswordText =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";

Fault unreadable(const char* what) { return {FaultCode::AUTHENTICATION_FAILED, what}; }

bool starts_with_scheme(const std::string& value, std::string_view scheme) {
  if (value.size() <= scheme.size() || value[scheme.size()] != ' ') return false;
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    if ((value[i] | 0x20) != scheme[i]) return false;
  }
  return true;
}

std::string decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) throw unreadable("the Authorization header is not base64");
  std::string out(text.size() / 4 * 3, '\0');
  const int n =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (n < 0) throw unreadable("the Authorization header is not base64");
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  out.resize(static_cast<std::size_t>(n) - padding);
  return out;
}

void read_basic(const std::string& value, Credentials& credentials) {
  const std::string pair = decode_base64(value.substr(value.find_first_not_of(' ', 5)));
  const auto colon = pair.find(':');
  if (colon == std::string::npos) throw unreadable("Basic credentials are name:password");
  credentials.name = pair.substr(0, colon);
  credentials.password = pair.substr(colon + 1);
}

void read_username_token(const wsse__UsernameTokenType& token, Credentials& credentials) {
  if (token.Username == nullptr || token.Password == nullptr) {
    throw unreadable("a UsernameToken has Username and Password");
  }
  if (token.Password->Type != nullptr && *token.Password->Type != kPasswordText) {
    throw unreadable("UsernameToken: only PasswordText is understood");
  }
  credentials.name = *token.Username;
  credentials.password = token.Password->__item;
}

}  // namespace

Credentials credentials_of(const HttpRequest& request, const struct soap* soap) {
  Credentials credentials;
  credentials.source = request.peer;
  credentials.private_channel = request.private_channel;
  int ways = 0;
  const std::string& authorization = request.header("authorization");
  if (starts_with_scheme(authorization, "bearer")) {
    credentials.token = authorization.substr(authorization.find_first_not_of(' ', 6));
    ++ways;
  } else if (starts_with_scheme(authorization, "basic")) {
    read_basic(authorization, credentials);
    ++ways;
  } else if (!authorization.empty()) {
    throw unreadable("the Authorization header is neither Bearer nor Basic");
  }
  if (const SOAP_ENV__Header* header = soap->header) {
    if (header->c__Token != nullptr) {
      credentials.token = *header->c__Token;
      ++ways;
    }
    if (header->wsse__Security != nullptr && header->wsse__Security->UsernameToken != nullptr) {
      read_username_token(*header->wsse__Security->UsernameToken, credentials);
      ++ways;
    }
  }
  if (ways > 1) throw unreadable("show one kind of credentials, not several");
  return credentials;
}

}  // namespace whitebrick
