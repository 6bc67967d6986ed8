#include "modules/identity/attempts.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace whitebrick::identity {

std::string source_group(std::string_view address) {
  namespace ip = boost::asio::ip;
  boost::system::error_code error;
  const ip::address parsed = ip::make_address(address, error);
  if (error) return std::string(address);
  if (parsed.is_v4()) return parsed.to_string();
  const ip::address_v6 v6 = parsed.to_v6();
  if (v6.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, v6).to_string();
  ip::address_v6::bytes_type bytes = v6.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return ip::address_v6(bytes).to_string() + "/64";
}

std::chrono::seconds pause_after(int failures) {
  constexpr int kLongest = 60;
  const int steps = failures - kAttemptsPerAccount;
  if (steps < 0) return std::chrono::seconds(0);
  return std::chrono::seconds(steps < 6 ? std::min(1 << steps, kLongest) : kLongest);
}

}  // namespace whitebrick::identity
