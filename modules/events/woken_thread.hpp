#pragma once
// A thread that looks for work: at once when it is woken by its key, else every `idle`, and again
// as long as there was some. Failures of the database are one line in the log, and one when over.

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "server/wait.hpp"

namespace whitebrick::events {

class WokenThread {
 public:
  // `look` answers true when there may be more. Starts at once.
  WokenThread(WaitRegistry&, std::string name, WaitKey key, std::chrono::milliseconds idle,
              std::function<bool()> look);
  ~WokenThread();  // waits for the look under way
  void wake();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whitebrick::events
