#pragma once

#include <filesystem>
#include <utility>

#include <boost/asio/ssl/context.hpp>

namespace whitebrick {

// TLS 1.2 and newer with this certificate chain and key (PEM). Throws std::runtime_error
// that names the file.
boost::asio::ssl::context make_tls(const std::filesystem::path& certificate,
                                   const std::filesystem::path& key);

}  // namespace whitebrick
