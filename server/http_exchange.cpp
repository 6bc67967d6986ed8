#include "server/http_exchange.hpp"

#include <algorithm>
#include <exception>

#include <boost/asio/post.hpp>

#include "server/log.hpp"

namespace whitebrick {

HttpExchange::HttpExchange(HttpCore& core, HttpLoop& loop, Owner& owner, HttpRequest&& request)
    : core_(core), loop_(loop), owner_(&owner), request_(std::move(request)), poll_(core.registry, [this] {
        wake();
      }) {}

WorkerPool::Task HttpExchange::task() {
  return [self = shared_from_this()](int worker) { self->run(worker); };
}

void HttpExchange::start() {
  ++core_.requests;
  owner_->call_due_at(arrival_ + core_.settings.answer_within);
  if (core_.workers.offer(task())) return;
  ++core_.shed;
  HttpResponse busy = core_.fault_page(request_, "BUSY");
  busy.status = 503;
  std::erase_if(busy.headers, [](const auto& header) { return header.first == "Retry-After"; });
  busy.headers.emplace_back("Retry-After", "1");
  finish(std::move(busy));
}

void HttpExchange::wake() {
  if (woken_.exchange(true)) return;
  // Weak: this may be the last moment of the exchange, whose destruction waits for us.
  boost::asio::post(loop_.context, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self && self->state_ == State::kParked && self->woken_) self->run_again(false);
  });
}

void HttpExchange::run(int worker) {
  if (over_) return;
  started_ = Clock::now().time_since_epoch().count();
  woken_ = false;
  RunResult result;
  try {
    result = core_.run(worker, request_, poll_);
  } catch (const std::exception& error) {
    log::error("request.failed", {{"correlation", request_.correlation_id}, {"error", error.what()}});
    result = core_.fault_page(request_, "INTERNAL");
  }
  if (over_) return;
  boost::asio::post(loop_.context, [self = shared_from_this(), result = std::move(result)]() mutable {
    self->ended(std::move(result));
  });
}

void HttpExchange::ended(RunResult&& result) {
  if (state_ == State::kOver) return;
  if (result) return finish(std::move(*result));
  if (poll_.last_run()) return finish(core_.fault_page(request_, "INTERNAL"));  // it had to answer
  if (deadline_ == Clock::time_point{}) deadline_ = arrival_ + poll_.wait() - core_.settings.poll_margin;
  if (core_.draining || Clock::now() >= deadline_) return run_again(true);
  if (woken_) return run_again(false);
  park();
}

void HttpExchange::park() {
  state_ = State::kParked;
  ++core_.parked;
  const auto look_again = poll_.look_again();
  owner_->call_due_at(look_again.count() > 0 ? std::min(deadline_, Clock::now() + look_again) : deadline_);
  owner_->has_parked();
}

void HttpExchange::leave_park() {
  if (state_ == State::kParked) --core_.parked;
}

void HttpExchange::run_again(bool last) {
  leave_park();
  state_ = State::kQueued;
  poll_.look_again_in(std::chrono::milliseconds{0});
  poll_.next_run(last);
  started_ = 0;
  owner_->call_due_at(Clock::now() + core_.settings.answer_within);
  core_.workers.promise(task());
}

void HttpExchange::due() {
  const auto now = Clock::now();
  if (state_ == State::kOver) return;
  if (state_ == State::kParked) return run_again(now >= deadline_);
  // A first run must answer within the time, its waiting included. A later one has the
  // time from its start, and may wait for a worker as long as its client expects to wait.
  if (!poll_.first_run()) {
    const Clock::time_point started{Clock::duration{started_}};
    const bool runs = started != Clock::time_point{};
    const auto until = runs ? started + core_.settings.answer_within
                            : std::max(now, deadline_) + core_.settings.answer_within;
    if (runs && now < until) return owner_->call_due_at(until);
    if (!runs && now < deadline_ + core_.settings.answer_within) {
      return owner_->call_due_at(std::min(until, now + core_.settings.answer_within));
    }
  }
  ++core_.timed_out;
  log::warning("request.timed_out", {{"correlation", request_.correlation_id}, {"path", request_.path}});
  finish(core_.fault_page(request_, "UNAVAILABLE"));
}

void HttpExchange::drain() {
  if (state_ == State::kParked) run_again(true);
}

void HttpExchange::finish(HttpResponse&& response) {
  state_ = State::kOver;
  over_ = true;
  std::exchange(owner_, nullptr)->answered(std::move(response));
}

void HttpExchange::abandon() {
  leave_park();
  state_ = State::kOver;
  over_ = true;
  owner_ = nullptr;
}

}  // namespace whitebrick
