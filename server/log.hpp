#pragma once
// Structured log over Boost.Log: one line per event, key=value or JSON, to stderr.
// Event names are <noun>.<past verb> ("service.connected"), stable once released.
// Never log secrets, message content or contact lists. Thread-safe.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace whitebrick::log {

enum class Level { kDebug, kInfo, kWarning, kError };

struct Settings {
  Level level = Level::kInfo;
  bool json = false;
};
void start(const Settings&);  // once, before the first line

using Field = std::pair<std::string_view, std::string>;
void write(Level, std::string_view event, std::initializer_list<Field> fields = {});

inline void debug(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::kDebug, e, f); }
inline void info(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::kInfo, e, f); }
inline void warning(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::kWarning, e, f); }
inline void error(std::string_view e, std::initializer_list<Field> f = {}) { write(Level::kError, e, f); }

// Lines written by this thread while it lives carry `correlation=<id>`.
class Correlation {
 public:
  explicit Correlation(std::string id);
  ~Correlation();
  Correlation(const Correlation&) = delete;
  Correlation& operator=(const Correlation&) = delete;
  static const std::string& current();  // "" outside

 private:
  std::string previous_;
};

}  // namespace whitebrick::log
