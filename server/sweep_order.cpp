#include "server/sweep_order.hpp"

#include <algorithm>

namespace whitebrick {

std::string_view kind_of(std::string_view key) { return key.substr(0, key.find(':')); }

std::vector<WaitKey> next_keys(std::vector<WaitKey> keys, const WaitKey& cursor, std::size_t limit,
                               const std::function<bool(std::string_view kind)>& known) {
  std::erase_if(keys, [&](const WaitKey& key) { return !known(kind_of(key)); });
  const auto behind =
      std::partition(keys.begin(), keys.end(), [&](const WaitKey& key) { return key <= cursor; });
  if (behind != keys.end()) keys.erase(keys.begin(), behind);
  if (keys.size() > limit) {
    std::nth_element(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(limit), keys.end());
    keys.resize(limit);
  }
  std::sort(keys.begin(), keys.end());
  // Keys of one kind stand together: they begin with the same text up to the colon.
  const auto other = std::find_if(keys.begin(), keys.end(),
                                  [&](const WaitKey& key) { return kind_of(key) != kind_of(keys.front()); });
  keys.erase(other, keys.end());
  return keys;
}

}  // namespace whitebrick
