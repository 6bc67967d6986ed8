#include "server/metrics.hpp"

#include <prometheus/check_names.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

namespace whitebrick {
namespace {

// Seconds. answer_within (1.9 s) lies between two bounds, so that its breaches are seen.
const prometheus::Histogram::BucketBoundaries kBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                      0.05,   0.1,   0.25,   0.5,   1,    2.5};

// A value that lives elsewhere and is read when somebody looks.
struct Reading {
  std::string name;
  std::string help;
  prometheus::MetricType type;
  std::function<double()> read;
};

}  // namespace

struct Metrics::State {
  struct Ended {
    prometheus::Counter& count;
    prometheus::Histogram& seconds;
  };

  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& operations =
      prometheus::BuildCounter()
          .Name("whitebrick_operations_total")
          .Help("Finished operations, by the code of their fault (empty: success).")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& seconds =
      prometheus::BuildHistogram()
          .Name("whitebrick_operation_seconds")
          .Help("Time an operation took, without the time a poll was parked.")
          .Register(registry);
  // The registry looks for labels by maps of strings; there are few operations and faults.
  std::shared_mutex ended_mutex;
  std::unordered_map<std::string, Ended> ended;
  mutable std::mutex mutex;  // of readings
  std::vector<Reading> readings;

  Ended of(std::string_view operation, std::string_view fault) {
    std::string key(operation);
    key.append(" ").append(fault);
    {
      const std::shared_lock lock(ended_mutex);
      if (const auto found = ended.find(key); found != ended.end()) return found->second;
    }
    const std::string name(operation);
    const Ended made{operations.Add({{"operation", name}, {"fault", std::string(fault)}}),
                     seconds.Add({{"operation", name}}, kBounds)};
    const std::unique_lock lock(ended_mutex);
    return ended.emplace(std::move(key), made).first->second;
  }

  void add(Reading reading) {
    if (!prometheus::CheckMetricName(reading.name)) {
      throw std::invalid_argument("'" + reading.name + "' is not a name for a metric.");
    }
    const std::lock_guard lock(mutex);
    readings.push_back(std::move(reading));
  }
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::operation_ended(std::string_view operation, std::string_view fault, double seconds) {
  const auto ended = state_->of(operation, fault);
  ended.count.Increment();
  ended.seconds.Observe(seconds);
}

void Metrics::gauge(const std::string& name, const std::string& help, std::function<double()> read) {
  state_->add({name, help, prometheus::MetricType::Gauge, std::move(read)});
}

void Metrics::counter(const std::string& name, const std::string& help, std::function<double()> read) {
  state_->add({name, help, prometheus::MetricType::Counter, std::move(read)});
}

std::string Metrics::page() const {
  auto families = state_->registry.Collect();
  std::vector<Reading> readings;
  {
    const std::lock_guard lock(state_->mutex);
    readings = state_->readings;
  }
  for (const Reading& reading : readings) {
    prometheus::ClientMetric metric;
    const double value = reading.read();
    (reading.type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
    families.push_back({reading.name, reading.help, reading.type, {metric}});
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace whitebrick
