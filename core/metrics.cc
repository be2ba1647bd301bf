#include "core/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <sstream>

#include "core/mutex.h"

namespace deskwire {
namespace {

class PrometheusCounter final : public Metrics::Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter) : counter_(counter) {}
  void add(double amount) override { counter_.Increment(amount); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Metrics::Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void set(double value) override { gauge_.Set(value); }
  void add(double amount) override { gauge_.Increment(amount); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Metrics::Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void observe_seconds(double seconds) override { histogram_.Observe(seconds); }

 private:
  prometheus::Histogram& histogram_;
};

std::map<std::string, std::string> labels_of(Metrics::Labels labels) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : labels) out.emplace(key, value);
  return out;
}

const prometheus::Histogram::BucketBoundaries& duration_buckets() {
  static const prometheus::Histogram::BucketBoundaries buckets{
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
      0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
  return buckets;
}

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  Mutex mutex;
  // One wrapper a series; the address is the handle that callers keep.
  std::map<const void*, std::unique_ptr<Counter>> counters DW_GUARDED_BY(mutex);
  std::map<const void*, std::unique_ptr<Gauge>> gauges DW_GUARDED_BY(mutex);
  std::map<const void*, std::unique_ptr<Histogram>> histograms DW_GUARDED_BY(mutex);
  std::vector<std::function<void()>> refreshers DW_GUARDED_BY(mutex);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Metrics::Counter& Metrics::counter(const char* name, const char* help, Labels labels) {
  MutexLock lock(impl_->mutex);
  auto& series = prometheus::BuildCounter()
                     .Name(name)
                     .Help(help)
                     .Register(impl_->registry)
                     .Add(labels_of(labels));
  auto& slot = impl_->counters[&series];
  if (!slot) slot = std::make_unique<PrometheusCounter>(series);
  return *slot;
}

Metrics::Gauge& Metrics::gauge(const char* name, const char* help, Labels labels) {
  MutexLock lock(impl_->mutex);
  auto& series = prometheus::BuildGauge()
                     .Name(name)
                     .Help(help)
                     .Register(impl_->registry)
                     .Add(labels_of(labels));
  auto& slot = impl_->gauges[&series];
  if (!slot) slot = std::make_unique<PrometheusGauge>(series);
  return *slot;
}

Metrics::Histogram& Metrics::histogram(const char* name, const char* help, Labels labels) {
  MutexLock lock(impl_->mutex);
  auto& series = prometheus::BuildHistogram()
                     .Name(name)
                     .Help(help)
                     .Register(impl_->registry)
                     .Add(labels_of(labels), duration_buckets());
  auto& slot = impl_->histograms[&series];
  if (!slot) slot = std::make_unique<PrometheusHistogram>(series);
  return *slot;
}

void Metrics::on_render(std::function<void()> refresh) {
  MutexLock lock(impl_->mutex);
  impl_->refreshers.push_back(std::move(refresh));
}

std::string Metrics::render() {
  std::vector<std::function<void()>> refreshers;
  {
    MutexLock lock(impl_->mutex);
    refreshers = impl_->refreshers;
  }
  for (const auto& refresh : refreshers) refresh();
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, impl_->registry.Collect());
  return out.str();
}

}  // namespace deskwire
