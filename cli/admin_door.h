#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/jobs_door.h"
#include "cli/task_thread.h"
#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/net/http_server.h"
#include "core/redis/redis_client.h"
#include "core/result.h"
#include "core/snapshot.h"
#include "jobs/job_store.h"

namespace deskwire::cli {

/// The door for operators and Prometheus (contract §5).
///
///   GET  /healthz                       200 while the process lives
///   GET  /readyz                        200 while Redis answers and no stop has begun, else 503
///   GET  /metrics                       Prometheus text; jobs by state at most a second old
///   /v1/jobs…                           jobs_door.h
///   /v1/deliveries…                     delivery_routes.h
///   /v1/jobs/replay, batches, fsck, tail  job_operations.h
///
/// With config admin.key everything but /healthz and /readyz needs it as bearer token. Without one
/// (loopback only) reads are free and changes need `X-Deskwire: 1`.
///
/// Requests that ask Redis run on a thread of their own ("admin-work"); 64 may wait.
///
/// Thread safety: start and stop from one thread; port(), set_key() and set_ready() from any.
class AdminDoor {
 public:
  /// Answers paths before the door's own ones; nullopt: it does not know them. Runs
  /// on the "admin-work" thread, after the check of key and header.
  using Routes = std::function<std::optional<net::HttpResponse>(const net::HttpRequest&)>;

  /// @param roles  Names of what this process does, shown by /readyz.
  AdminDoor(const config::Admin& settings, std::vector<std::string> roles, redis::Client& client,
            jobs::JobStore& store, jobs::OperatorStore& operators, const Clock& clock,
            Metrics& metrics, Routes more = nullptr);
  ~AdminDoor();  ///< Calls stop().
  AdminDoor(const AdminDoor&) = delete;
  AdminDoor& operator=(const AdminDoor&) = delete;

  Status start();  ///< @errors as HttpServer::start.
  void stop();
  /// False from the moment a graceful stop begins.
  void set_ready(bool ready) { ready_ = ready; }
  /// Requests that come from now on need this key; empty: none (loopback only).
  void set_key(config::Secret key) {
    key_.replace(std::make_shared<const config::Secret>(std::move(key)));
  }
  std::uint16_t port() const { return server_.port(); }

 private:
  void handle(net::HttpRequest&& request, const net::HttpResponder& responder);
  static bool may_pass(const net::HttpRequest& request, const config::Secret& key);
  net::HttpResponse answer(const net::HttpRequest& request);
  net::HttpResponse readiness();
  void refresh_job_gauges();
  void refresh_kind_gauges();

  Snapshot<const config::Secret> key_;
  const std::vector<std::string> roles_;
  redis::Client& client_;
  jobs::JobStore& store_;
  const Clock& clock_;
  Metrics& metrics_;
  JobsDoor jobs_;
  const Routes more_;
  std::atomic<bool> ready_{true};
  MonotonicTime gauges_read_{};  ///< "admin-work" thread only.
  TaskThread work_;
  net::HttpServer server_;
};

}  // namespace deskwire::cli
