#pragma once
// Threads that may block (on the database). New work waits in a bounded queue; work
// that the server promised to finish (a woken poll) is never refused and takes turns
// with the new, so that neither starves the other.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace whitebrick {

class WorkerPool {
 public:
  using Task = std::function<void(int worker)>;  // must not throw

  WorkerPool(int workers, std::size_t queue) : workers_(workers), queue_(queue) {}
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void start();
  bool offer(Task task);  // false: the queue is full
  void promise(Task task);
  std::size_t waiting() const;
  // Waits for the tasks under way and forgets those waiting.
  void stop();

 private:
  void work(int worker);
  Task next();  // under the lock, when something waits

  const int workers_;
  const std::size_t queue_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> fresh_;
  std::deque<Task> promised_;
  std::size_t idle_ = 0;  // workers waiting: each takes one task off the queue at once
  bool promised_turn_ = false;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace whitebrick
