#pragma once
// Prometheus metrics (prometheus-cpp core and its text serializer). Thread-safe.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace whitebrick {

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // One finished operation; `fault` is "" on success. A parked poll counts once, its
  // waiting time is not in `seconds`.
  void operation_ended(std::string_view operation, std::string_view fault, double seconds);
  // Read when /metrics is asked for. Names carry their unit; `counter` for what only grows.
  void gauge(const std::string& name, const std::string& help, std::function<double()> read);
  void counter(const std::string& name, const std::string& help, std::function<double()> read);
  std::string page() const;  // text exposition format 0.0.4

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whitebrick
