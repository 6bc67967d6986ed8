#include "server/http_tls.hpp"

#include <openssl/ssl.h>

#include <stdexcept>

namespace whitebrick {

boost::asio::ssl::context make_tls(const std::filesystem::path& certificate,
                                   const std::filesystem::path& key) {
  namespace ssl = boost::asio::ssl;
  ssl::context tls(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
  // An idle connection keeps no record buffers.
  SSL_CTX_set_mode(tls.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(tls.native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  boost::system::error_code error;
  tls.use_certificate_chain_file(certificate.string(), error);
  if (error)
    throw std::runtime_error("cannot use the certificate " + certificate.string() + ": " + error.message());
  tls.use_private_key_file(key.string(), ssl::context::pem, error);
  if (error) throw std::runtime_error("cannot use the key " + key.string() + ": " + error.message());
  return tls;
}

}  // namespace whitebrick
