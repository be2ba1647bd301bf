#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <unordered_set>

#include "core/net/host_list.h"
#include "core/net/http_connection.h"
#include "core/net/http_server.h"

namespace deskwire::net {

/// What all connections of a server share and nobody changes after its start.
struct HttpSettings {
  HttpServer::Options options;
  HostList hosts;
  HttpServer::Handler handler;
  HttpServer::UpgradeHandler upgrade;
  HttpServer::RefusedHook refused;
};

/// The HTTP connections of one loop, with one coarse clock for all their deadlines: a timer for
/// each request would cost more than the request's parsing.
///
/// Thread safety: the loop's thread, except size(). Outlives the loop's thread.
class HttpConnections {
 public:
  /// @param changed  Runs after each connection that ended here, was closed or handed over.
  HttpConnections(std::shared_ptr<Loop> loop, const HttpSettings& settings,
                  std::function<void()> changed);
  HttpConnections(const HttpConnections&) = delete;
  HttpConnections& operator=(const HttpConnections&) = delete;

  void add(std::unique_ptr<Stream> stream);
  /// Closes what is idle; every other answer is its connection's last.
  void drain();
  void close_all();
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

  const std::shared_ptr<Loop>& loop() const { return loop_; }
  const HttpSettings& settings() const { return settings_; }
  bool draining() const { return draining_; }
  /// The tick at which at least `time` has passed.
  std::uint64_t tick_after(Milliseconds time) const;
  void remove(const std::shared_ptr<HttpConnection>& connection);
  void refused(const HttpRequest& so_far, int status, std::string_view reason) const;

 private:
  void arm();
  void check_deadlines();

  std::shared_ptr<Loop> loop_;
  const HttpSettings& settings_;
  std::function<void()> changed_;
  Milliseconds tick_length_;
  std::uint64_t tick_ = 1;
  std::shared_ptr<void> timer_;
  bool draining_ = false;
  bool closed_ = false;
  std::unordered_set<std::shared_ptr<HttpConnection>> connections_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace deskwire::net
