#pragma once
// A real HTTP server on a free port of 127.0.0.1 that a test plays the other side with.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace whitebrick::testing {

struct EndpointRequest {
  std::string target, body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string header(const std::string& name) const;  // any case; "" when absent
};

struct EndpointAnswer {
  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

class HttpEndpoint {
 public:
  // `answer` is called on the connection's thread, several at once, and may block.
  explicit HttpEndpoint(std::function<EndpointAnswer(const EndpointRequest&)> answer);
  ~HttpEndpoint();

  std::uint16_t port() const;
  std::string url(const std::string& host = "127.0.0.1") const;  // http://host:port/notify
  std::vector<EndpointRequest> requests() const;                 // so far
  int connections() const;                                       // accepted so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whitebrick::testing
