#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "server/http_server.hpp"
#include "tests/unit/server/http_client.hpp"
#include "tests/support/eventually.hpp"

namespace whitebrick {

// Two workers; the fault page's body is the fault code.
class HttpTest : public ::testing::Test {
 protected:
  HttpTest() {
    settings_.port = 0;
    settings_.workers = 2;
  }

  void serve(whitebrick::Run run) {
    server_ = std::make_unique<HttpServer>(settings_, registry_, std::move(run),
                                           [](const HttpRequest&, std::string_view code) {
                                             HttpResponse page;
                                             page.status = 500;
                                             page.body = code;
                                             return page;
                                           });
    server_->start();
  }
  // Answers "<method> <path> <length of the body>".
  void serve_echo() {
    serve([](int, const HttpRequest& request, Poll&) {
      return text(request.method + " " + request.path + " " + std::to_string(request.body.size()));
    });
  }
  RawClient client() { return RawClient(server_->port()); }

  static HttpResponse text(std::string body) {
    HttpResponse response;
    response.body = std::move(body);
    return response;
  }

  // Waits until `holds` does; a failure after ten seconds.
  template <class Condition>
  void await(Condition holds) {
    ASSERT_TRUE(testing::eventually(holds)) << "waited in vain";
  }
  void await_parked(std::size_t count) {
    await([&] { return server_->counts().parked == count; });
  }

  HttpSettings settings_;
  WaitRegistry registry_;
  std::unique_ptr<HttpServer> server_;
};

// A door that runs stand at until it opens. It stays as long as somebody is in it: the server outlives the
// test's own variables.
class Gate {
 public:
  Gate() = default;
  ~Gate() {
    std::unique_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return inside_ == 0; });
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  void pass() {
    std::unique_lock lock(mutex_);
    ++standing_;
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
    --inside_;
    changed_.notify_all();
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void await(int standing) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(10), [&] { return standing_ >= standing; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int standing_ = 0;  // ever
  int inside_ = 0;    // now
};

}  // namespace whitebrick
