#pragma once
// One keep-alive HTTP connection that posts SOAP messages, one at a time.

#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

// Of a head whose lines all end. Servers and balancers write the name in different letters.
std::size_t content_length(std::string_view head);

class HttpConnection {
 public:
  HttpConnection(std::uint16_t port, std::string path);  // of 127.0.0.1
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // The body of the answer. Throws std::runtime_error when it is not 200, with that answer.
  std::string post(std::string_view token, std::string_view body);

 private:
  void send_all(std::string_view bytes);
  std::size_t receive_more();

  int socket_ = -1;
  std::string path_;
  std::string received_;
};

}  // namespace bench
