// Publishes to quorum queues of a RabbitMQ broker, persistent and confirmed, and takes from them; lanes
// side by side, each a queue of its own. usage: rabbitmq_client PORT push|pull BATCH LANES SECONDS
// CONTENT_BYTES
//  push  a connection publishes with at most BATCH unconfirmed, another consumes (BATCH unacknowledged)
//        and acknowledges each; latency is that of one message.
//  pull  a connection publishes BATCH, waits for their confirms, gets and acknowledges one after the
//        other; latency is that of the whole cycle.
// Prints one line of JSON; exit code 1 when a message was lost, doubled or out of order.

#include <amqp.h>
#include <amqp_tcp_socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr amqp_channel_t kChannel = 1;

struct Settings {
  int port = 0;
  std::uint64_t batch = 1;
  Clock::time_point end;
  std::size_t content_bytes = 0;
};

amqp_bytes_t bytes_of(const std::string& text) { return {text.size(), const_cast<char*>(text.data())}; }

// What each message begins with.
struct Stamp {
  std::uint64_t number = 0;
  Clock::time_point sent;
};

class Connection {
 public:
  explicit Connection(int port) : state_(amqp_new_connection()) {
    amqp_socket_t* socket = amqp_tcp_socket_new(state_);
    if (amqp_socket_open(socket, "127.0.0.1", port) != AMQP_STATUS_OK) throw std::runtime_error("connect");
    require(amqp_login(state_, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"), "login");
    amqp_channel_open(state_, kChannel);
    require("channel");
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { amqp_destroy_connection(state_); }

  amqp_connection_state_t operator*() const { return state_; }
  void require(const char* what) { require(amqp_get_rpc_reply(state_), what); }
  static void require(const amqp_rpc_reply_t& reply, const char* what) {
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) throw std::runtime_error(what);
  }

  void declare_empty(const std::string& queue) {
    amqp_queue_delete(state_, kChannel, bytes_of(queue), 0, 0);
    require("delete");
    amqp_table_entry_t type;
    type.key = amqp_cstring_bytes("x-queue-type");
    type.value.kind = AMQP_FIELD_KIND_UTF8;
    type.value.value.bytes = amqp_cstring_bytes("quorum");
    amqp_queue_declare(state_, kChannel, bytes_of(queue), 0, 1, 0, 0, {1, &type});
    require("declare");
  }

 private:
  amqp_connection_state_t state_;
};

class Publisher {
 public:
  Publisher(Connection& connection, std::string queue, std::size_t content_bytes)
      : connection_(connection), queue_(std::move(queue)), body_(content_bytes, 'x') {
    amqp_confirm_select(*connection_, kChannel);
    connection_.require("confirm");
    persistent_._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    persistent_.delivery_mode = 2;
  }

  std::uint64_t sent() const { return confirmed_.size(); }
  std::uint64_t unconfirmed() const { return sent() - number_confirmed_; }

  void send() {
    const Stamp stamp{sent(), Clock::now()};
    std::memcpy(body_.data(), &stamp, sizeof stamp);
    if (amqp_basic_publish(*connection_, kChannel, amqp_empty_bytes, bytes_of(queue_), 0, 0, &persistent_,
                           bytes_of(body_)) != AMQP_STATUS_OK) {
      throw std::runtime_error("publish");
    }
    confirmed_.push_back(false);
  }

  void wait_until_unconfirmed(std::uint64_t most) {
    while (unconfirmed() > most) wait_for_confirm();
  }

 private:
  void wait_for_confirm() {
    amqp_maybe_release_buffers(*connection_);
    amqp_frame_t frame;
    if (amqp_simple_wait_frame(*connection_, &frame) != AMQP_STATUS_OK) throw std::runtime_error("wait");
    if (frame.frame_type != AMQP_FRAME_METHOD) return;
    if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD) throw std::runtime_error("not confirmed");
    const auto* ack = static_cast<const amqp_basic_ack_t*>(frame.payload.method.decoded);
    for (std::uint64_t tag = ack->multiple ? first_open_ : ack->delivery_tag; tag <= ack->delivery_tag;
         ++tag) {
      if (confirmed_[tag - 1]) continue;
      confirmed_[tag - 1] = true;
      ++number_confirmed_;
    }
    while (first_open_ <= sent() && confirmed_[first_open_ - 1]) ++first_open_;
  }

  Connection& connection_;
  std::string queue_, body_;
  amqp_basic_properties_t persistent_{};
  std::vector<bool> confirmed_;  // by delivery tag, which begins with 1
  std::uint64_t number_confirmed_ = 0, first_open_ = 1;
};

Stamp stamp_of(const amqp_message_t& message) {
  Stamp stamp;
  if (message.body.len < sizeof stamp) throw std::runtime_error("a message that is not ours");
  std::memcpy(&stamp, message.body.bytes, sizeof stamp);
  return stamp;
}

void require_next(const Stamp& stamp, std::uint64_t number) {
  if (stamp.number != number) throw std::runtime_error("a message was lost, doubled or out of order");
}

struct Result {
  std::uint64_t events = 0;
  std::vector<double> latencies;  // milliseconds
};

void consume(const Settings& settings, const std::string& queue, const std::atomic<std::uint64_t>& total,
             std::atomic<bool>& ready, Result& result) {
  Connection connection(settings.port);
  amqp_basic_qos(*connection, kChannel, 0, static_cast<std::uint16_t>(settings.batch), 0);
  connection.require("qos");
  amqp_basic_consume(*connection, kChannel, bytes_of(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
  connection.require("consume");
  ready = true;
  while (result.events < total) {
    amqp_maybe_release_buffers(*connection);
    timeval patience{0, 100'000};
    amqp_envelope_t envelope;
    const auto reply = amqp_consume_message(*connection, &envelope, &patience, 0);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error == AMQP_STATUS_TIMEOUT)
      continue;
    Connection::require(reply, "consume");
    const Stamp stamp = stamp_of(envelope.message);
    require_next(stamp, result.events++);
    result.latencies.push_back(Milliseconds(Clock::now() - stamp.sent).count());
    amqp_basic_ack(*connection, kChannel, envelope.delivery_tag, 0);
    amqp_destroy_envelope(&envelope);
  }
}

Result run_push(const Settings& settings, const std::string& queue) {
  Connection connection(settings.port);
  connection.declare_empty(queue);
  Result result;
  std::exception_ptr failure;
  std::atomic<std::uint64_t> total = ~std::uint64_t{0};
  std::atomic<bool> ready = false;
  {
    std::jthread consumer([&] {
      try {
        consume(settings, queue, total, ready, result);
      } catch (...) {
        failure = std::current_exception();
        ready = true;
      }
    });
    while (!ready) std::this_thread::yield();
    Publisher publisher(connection, queue, settings.content_bytes);
    while (Clock::now() < settings.end) {
      publisher.wait_until_unconfirmed(settings.batch - 1);
      publisher.send();
    }
    publisher.wait_until_unconfirmed(0);
    total = publisher.sent();
  }
  if (failure) std::rethrow_exception(failure);
  return result;
}

void get_and_acknowledge(Connection& connection, const std::string& queue, std::uint64_t number) {
  amqp_maybe_release_buffers(*connection);
  const auto reply = amqp_basic_get(*connection, kChannel, bytes_of(queue), 0);
  Connection::require(reply, "get");
  if (reply.reply.id != AMQP_BASIC_GET_OK_METHOD) throw std::runtime_error("the queue is empty");
  const auto tag = static_cast<const amqp_basic_get_ok_t*>(reply.reply.decoded)->delivery_tag;
  amqp_message_t message;
  Connection::require(amqp_read_message(*connection, kChannel, &message, 0), "read");
  require_next(stamp_of(message), number);
  amqp_destroy_message(&message);
  amqp_basic_ack(*connection, kChannel, tag, 0);
}

Result run_pull(const Settings& settings, const std::string& queue) {
  Connection publishing(settings.port);
  Connection pulling(settings.port);
  publishing.declare_empty(queue);
  Publisher publisher(publishing, queue, settings.content_bytes);
  Result result;
  while (Clock::now() < settings.end) {
    const auto start = Clock::now();
    for (std::uint64_t i = 0; i < settings.batch; ++i) publisher.send();
    publisher.wait_until_unconfirmed(0);
    for (std::uint64_t i = 0; i < settings.batch; ++i) get_and_acknowledge(pulling, queue, result.events++);
    result.latencies.push_back(Milliseconds(Clock::now() - start).count());
  }
  return result;
}

double percentile(const std::vector<double>& sorted, double part) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) {
    std::fprintf(stderr, "usage: rabbitmq_client PORT push|pull BATCH LANES SECONDS CONTENT_BYTES\n");
    return 2;
  }
  const auto begin = Clock::now();
  Settings settings;
  settings.port = std::atoi(argv[1]);
  const bool push = std::string_view(argv[2]) == "push";
  settings.batch = static_cast<std::uint64_t>(std::atoi(argv[3]));
  const int lanes = std::atoi(argv[4]);
  settings.end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::atof(argv[5])));
  settings.content_bytes = static_cast<std::size_t>(std::atoi(argv[6]));

  std::mutex mutex;
  Result all;
  std::atomic<bool> failed = false;
  {
    std::vector<std::jthread> threads;
    for (int lane = 0; lane < lanes; ++lane) {
      threads.emplace_back([&, lane] {
        const std::string queue = "bench." + std::string(argv[2]) + std::to_string(lane);
        try {
          const Result mine = push ? run_push(settings, queue) : run_pull(settings, queue);
          const std::lock_guard lock(mutex);
          all.events += mine.events;
          all.latencies.insert(all.latencies.end(), mine.latencies.begin(), mine.latencies.end());
        } catch (const std::exception& e) {
          failed = true;
          std::fprintf(stderr, "%s: %s\n", queue.c_str(), e.what());
        }
      });
    }
  }
  if (failed || all.events == 0) return 1;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::sort(all.latencies.begin(), all.latencies.end());
  const auto events = static_cast<double>(all.events);
  std::printf(R"({"count": %.0f, "rate": %.1f, "p50_ms": %.3f, "p99_ms": %.3f})"
              "\n",
              events, events / seconds, percentile(all.latencies, 0.5), percentile(all.latencies, 0.99));
  return 0;
}
