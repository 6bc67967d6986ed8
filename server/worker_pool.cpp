#include "server/worker_pool.hpp"

#include <utility>

namespace whitebrick {

void WorkerPool::start() {
  for (int worker = 0; worker < workers_; ++worker) {
    threads_.emplace_back([this, worker] { work(worker); });
  }
}

bool WorkerPool::offer(Task task) {
  {
    std::lock_guard lock(mutex_);
    if (fresh_.size() >= queue_ + idle_) return false;
    if (!stopping_) fresh_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

void WorkerPool::promise(Task task) {
  {
    std::lock_guard lock(mutex_);
    if (!stopping_) promised_.push_back(std::move(task));
  }
  changed_.notify_one();
}

std::size_t WorkerPool::waiting() const {
  std::lock_guard lock(mutex_);
  return fresh_.size() + promised_.size();
}

void WorkerPool::stop() {
  std::deque<Task> fresh;
  std::deque<Task> promised;  // destroyed outside of the lock
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    fresh.swap(fresh_);
    promised.swap(promised_);
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void WorkerPool::work(int worker) {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      ++idle_;
      changed_.wait(lock, [&] { return stopping_ || !fresh_.empty() || !promised_.empty(); });
      --idle_;
      if (stopping_) return;
      task = next();
    }
    task(worker);
  }
}

WorkerPool::Task WorkerPool::next() {
  promised_turn_ = !promised_turn_;
  const bool from_promised = !promised_.empty() && (promised_turn_ || fresh_.empty());
  auto& queue = from_promised ? promised_ : fresh_;
  Task task = std::move(queue.front());
  queue.pop_front();
  return task;
}

}  // namespace whitebrick
