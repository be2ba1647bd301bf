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
/// Thread safety: start, drain and stop from one thread; reload() and port() from any.
class Receiver {
 public:
  Receiver(const config::Config& config, jobs::JobStore& store, const Clock& clock,
           Metrics& metrics);
  ~Receiver();  ///< Calls stop().
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  Status start();  ///< @errors as HttpServer::start.
  /// Takes other secrets, ways of proof and rules of jobs for the sources it knows. A delivery that
  /// has arrived goes on with the old ones; one whose last byte comes after this gets the new ones.
  void reload(const config::Config& config);
  void drain();  ///< Finishes deliveries that have begun.
  void stop();
  std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::webhooks
