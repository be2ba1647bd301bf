#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace deskwire {

/// Process-wide metrics in Prometheus terms. Hides prometheus-cpp.
///
/// Every name starts with `deskwire_`; label values come from closed sets in the code, never from
/// outside, so that no sender can grow the registry.
///
/// Thread safety: every method may be called concurrently. Hot paths keep the returned handle.
class Metrics {
 public:
  using Labels = std::initializer_list<std::pair<const char*, std::string_view>>;

  class Counter {
   public:
    virtual ~Counter() = default;
    virtual void add(double amount = 1) = 0;
  };
  class Gauge {
   public:
    virtual ~Gauge() = default;
    virtual void set(double value) = 0;
    virtual void add(double amount) = 0;
  };
  class Histogram {
   public:
    virtual ~Histogram() = default;
    virtual void observe_seconds(double seconds) = 0;
  };

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Same name and labels: the same object, alive as long as the registry.
  Counter& counter(const char* name, const char* help, Labels labels = {});
  Gauge& gauge(const char* name, const char* help, Labels labels = {});
  /// Buckets from 0.1 ms to 60 s.
  Histogram& histogram(const char* name, const char* help, Labels labels = {});

  /// Runs before each `render`, on its thread: for gauges that are read on demand. Must not block
  /// longer than a Redis round trip.
  void on_render(std::function<void()> refresh);

  /// Prometheus text exposition format 0.0.4.
  std::string render();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire
