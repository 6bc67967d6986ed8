#pragma once
// One hardened gSOAP context that reads a message from memory and writes one to memory.
// Belongs to one thread at a time. Limits: depth 32, 1,000 items in a list, strings up to
// the request's own size (the scan has bounded them), no multi-reference graphs.

#include <memory>
#include <string>
#include <string_view>

struct soap;

namespace whitebrick {

class SoapContext {
 public:
  SoapContext();
  ~SoapContext();
  SoapContext(const SoapContext&) = delete;
  SoapContext& operator=(const SoapContext&) = delete;

  struct soap* get() {
    return soap_;
  }
  // Forgets the last message and reads `text` from now on; `text` must stay alive.
  void start(std::string_view text);
  // Frees what the last message allocated.
  void finish();
  std::string& written() { return written_; }

 private:
  static std::size_t receive(struct soap*, char* buffer, std::size_t size);
  static int send(struct soap*, const char* data, std::size_t size);

  struct soap* soap_;
  std::string_view text_;
  std::size_t read_ = 0;
  std::string written_;
  bool used_ = true;
};

}  // namespace whitebrick
