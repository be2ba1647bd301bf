#pragma once

#include <memory>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/result.h"
#include "jobs/job_store.h"

namespace deskwire::webhooks {

/// The door for helpdesks: `POST /webhooks/{source}` (contract §1), with the spool behind it.
///
/// Thread safety: start, drain and stop from one thread; port() from any.
class Receiver {
 public:
  Receiver(const config::Config& config, jobs::JobStore& store, const Clock& clock,
           Metrics& metrics);
  ~Receiver();  ///< Calls stop().
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  Status start();  ///< @errors as HttpServer::start.
  void drain();    ///< Finishes deliveries that have begun.
  void stop();
  std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::webhooks
