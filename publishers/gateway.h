#pragma once

#include <map>
#include <memory>
#include <string>

#include "config/config.h"
#include "core/channel_log.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/redis/redis_client.h"
#include "core/result.h"
#include "jobs/job_store.h"
#include "publishers/rights_service.h"

namespace deskwire::publishers {

/// A file served as it is (the chat page and its parts).
struct Page {
  std::string content_type;
  std::string body;
};

/// The door for browsers: HTTP and WebSocket on one port (contract §3, §4).
///
/// Thread safety: start, drain and stop from one thread; port() from any.
class Gateway {
 public:
  /// @param rights  Makes what asks issuers' services; only used for issuers with a callback.
  /// @param pages  Path -> page, e.g. "/" and "/chat.js".
  Gateway(const config::Config& config, redis::Client& client, redis::Client::Options bus_options,
          ChannelLog& log, jobs::JobStore& store, const Clock& clock, Metrics& metrics,
          RightsServiceFactory rights, std::map<std::string, Page> pages);
  ~Gateway();  ///< Calls stop().
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// @errors as HttpServer::start.
  Status start();
  /// Takes other keys, server keys, issuers and certificate; sessions whose key is not listed any
  /// more end with 4001. Messages sent from now on become jobs by the new rules.
  /// @errors kInvalid: nothing is changed.
  Status reload(const config::Config& config);
  /// Closes sessions in batches with 4010 until config gateway.drain_ms is over.
  void drain();
  void stop();
  std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::publishers
