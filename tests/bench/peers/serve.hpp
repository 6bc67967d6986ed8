#pragma once
// gSOAP's own stand-alone server as its manual shows it: an accept loop and a pool of threads, one
// thread per keep-alive connection.

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "stdsoap2.h"

namespace peers {

constexpr int kTimeoutSeconds = 10;
constexpr int kBacklog = 1000;

// The generated keep-alive loop frees nothing until the connection closes; this hook frees after
// each request.
inline int free_after_request(struct soap* soap) {
  soap_destroy(soap);
  soap_end(soap);
  return SOAP_OK;
}

// Ends only when the process is killed or the port is taken.
template <class Service>
int serve(int port, int threads, const std::function<void()>& thread_started) {
  std::signal(SIGPIPE, SIG_IGN);
  Service listener;
  soap_set_mode(listener.soap, SOAP_IO_KEEPALIVE | SOAP_C_UTFSTRING);
  listener.soap->fserveloop = free_after_request;
  listener.soap->bind_flags = SO_REUSEADDR;
  listener.soap->max_keep_alive = 0x7fffffff;
  listener.soap->recv_timeout = listener.soap->send_timeout = kTimeoutSeconds;
  if (listener.bind("127.0.0.1", port, kBacklog) < 0) {
    listener.soap_print_fault(stderr);
    return 1;
  }

  std::mutex mutex;
  std::condition_variable came;
  std::deque<std::unique_ptr<Service>> accepted;
  std::vector<std::jthread> pool;
  for (int i = 0; i < threads; ++i) {
    pool.emplace_back([&] {
      thread_started();
      for (;;) {
        std::unique_lock lock(mutex);
        came.wait(lock, [&] { return !accepted.empty(); });
        const std::unique_ptr<Service> connection = std::move(accepted.front());
        accepted.pop_front();
        lock.unlock();
        connection->serve();
        connection->destroy();
      }
    });
  }
  for (;;) {
    if (listener.accept() < 0) continue;
    auto connection = std::make_unique<Service>();
    soap_done(connection->soap);
    soap_copy_context(connection->soap, listener.soap);
    const std::lock_guard lock(mutex);
    accepted.push_back(std::move(connection));
    came.notify_one();
  }
}

}  // namespace peers
