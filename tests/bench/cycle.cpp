#include "cycle.hpp"

#include <atomic>
#include <charconv>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace bench {
namespace {

constexpr std::string_view kBegin =
    R"(<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ev="urn:whitebrick:events:1"><e:Body>)";
constexpr std::string_view kEnd = "</e:Body></e:Envelope>";

std::string element(std::string_view name, std::string_view text) {
  std::string xml;
  xml.append("<ev:").append(name).append(">").append(text).append("</ev:").append(name).append(">");
  return xml;
}

std::string envelope(std::string_view operation, std::string_view content) {
  return std::string(kBegin) + element(operation, content) + std::string(kEnd);
}

// Texts of all elements of this name, whatever their prefix; elements with children are not asked for.
std::vector<std::string> texts_of(std::string_view xml, const std::string& name) {
  const std::string end_of_tag = name + ">";
  std::vector<std::string> texts;
  for (std::size_t at = xml.find(end_of_tag); at != std::string_view::npos; at = xml.find(end_of_tag, at)) {
    at += end_of_tag.size();
    const std::size_t end = xml.find('<', at);
    if (end > at) texts.emplace_back(xml.substr(at, end - at));
  }
  return texts;
}

std::int64_t number_of(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<std::int64_t> event_ids(std::string_view xml) {
  std::vector<std::int64_t> ids;
  for (const std::string& text : texts_of(xml, "eventId")) ids.push_back(number_of(text));
  return ids;
}

// A notice that the type is available again may come among them.
std::vector<std::int64_t> ids_of_type(std::string_view xml, const std::string& type) {
  const auto ids = event_ids(xml);
  const auto types = texts_of(xml, "type");
  if (types.size() != ids.size()) throw std::runtime_error("an event without a type");
  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (types[i] == type) found.push_back(ids[i]);
  }
  return found;
}

std::string content_of(std::size_t bytes) {
  std::string text = "&lt;message from='dave'&gt;";
  while (text.size() < bytes) text += "Hello, CRM. ";
  return text + "&lt;/message&gt;";
}

}  // namespace

Lane::Lane(const LaneSettings& settings)
    : settings_(settings),
      connection_(settings.port, "/events"),
      name_("lane" + std::to_string(settings.number)),
      type_("bench." + name_) {
  event_ = element("event", element("type", type_) + element("content", content_of(settings.content_bytes)));
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  run_id_ = std::to_string(now) + "-" + name_ + "-";
}

void Lane::drain() {
  do pull(0);
  while (leased_ > 0);
}

void Lane::run_once() {
  const auto published = publish(connection_);
  std::vector<std::int64_t> pulled;
  do {
    const auto more = pull(5);
    pulled.insert(pulled.end(), more.begin(), more.end());
  } while (pulled.size() < published.size() && leased_ > 0);
  if (pulled != published) {
    throw std::runtime_error(name_ + ": published " + std::to_string(published.size()) + " events, pulled " +
                             std::to_string(pulled.size()) + ", and they are not the same");
  }
}

std::vector<double> Lane::run_apart(std::chrono::steady_clock::time_point until) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::int64_t> published, pulled;
  std::vector<Clock::time_point> begun, came;  // of each batch, of each event
  std::atomic<bool> over = false;
  std::exception_ptr failure;
  std::jthread publisher([&] {
    try {
      HttpConnection connection(settings_.port, "/events");
      while (Clock::now() < until) {
        begun.push_back(Clock::now());
        const auto ids = publish(connection);
        published.insert(published.end(), ids.begin(), ids.end());
      }
    } catch (const std::exception&) {
      failure = std::current_exception();
    }
    over = true;
  });
  const auto pull_more = [&] {
    const auto more = pull(1);
    pulled.insert(pulled.end(), more.begin(), more.end());
    came.resize(pulled.size(), Clock::now());
  };
  while (!over) pull_more();
  publisher.join();
  if (failure) std::rethrow_exception(failure);
  while (pulled.size() < published.size() && leased_ > 0) pull_more();
  if (pulled != published) throw std::runtime_error(name_ + ": what was published is not what was pulled");
  std::vector<double> latencies;
  for (std::size_t i = 0; i < begun.size(); ++i) {
    const auto last = came[(i + 1) * static_cast<std::size_t>(settings_.batch) - 1];
    latencies.push_back(std::chrono::duration<double, std::milli>(last - begun[i]).count());
  }
  return latencies;
}

std::vector<std::int64_t> Lane::publish(HttpConnection& connection) {
  std::string content;
  if (settings_.request_ids) content += element("requestId", run_id_ + std::to_string(++publications_));
  for (int i = 0; i < settings_.batch; ++i) content += event_;
  auto ids = event_ids(connection.post(settings_.publisher_token, envelope("PublishEvents", content)));
  if (ids.size() != static_cast<std::size_t>(settings_.batch))
    throw std::runtime_error("not all were published");
  return ids;
}

std::vector<std::int64_t> Lane::pull(int wait_seconds) {
  std::string content = element("subscription", name_) +
                        element("maxEvents", std::to_string(settings_.batch)) +
                        element("waitSeconds", std::to_string(wait_seconds));
  if (!lease_token_.empty()) content += element("ackToken", lease_token_);
  const std::string answer = connection_.post(settings_.subscriber_token, envelope("PullEvents", content));
  const auto acknowledged = texts_of(answer, "acknowledged");
  if (acknowledged.empty() || number_of(acknowledged.front()) != static_cast<std::int64_t>(leased_)) {
    throw std::runtime_error(name_ + ": a batch was not acknowledged: " + answer);
  }
  const auto tokens = texts_of(answer, "leaseToken");
  lease_token_ = tokens.empty() ? "" : tokens.front();
  leased_ = event_ids(answer).size();
  return ids_of_type(answer, type_);
}

void Lane::finish() {
  if (!lease_token_.empty()) {
    const std::string content = element("subscription", name_) + element("ackToken", lease_token_);
    connection_.post(settings_.subscriber_token, envelope("AckEvents", content));
    lease_token_.clear();
  }
  const std::string look = element("subscription", name_) + element("waitSeconds", "0");
  const std::string answer = connection_.post(settings_.subscriber_token, envelope("PullEvents", look));
  if (!ids_of_type(answer, type_).empty()) throw std::runtime_error(name_ + ": events are left over");
}

}  // namespace bench
