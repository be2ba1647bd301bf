#pragma once

#include <memory>
#include <string_view>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/net/http_message.h"
#include "core/net/http_server.h"
#include "core/snapshot.h"
#include "jobs/job_store.h"
#include "webhooks/delivery_counters.h"
#include "webhooks/delivery_spool.h"
#include "webhooks/line_budget.h"
#include "webhooks/quarantine.h"
#include "webhooks/source_book.h"

namespace deskwire::webhooks {

/// What all deliveries share. Callbacks of the store hold it, so it outlives the Receiver.
///
/// Thread safety: every method may be called concurrently.
struct Door {
  Door(const config::Config& config, jobs::JobStore& job_store, const Clock& system_clock,
       Metrics& metrics);

  /// Deliveries that come from now on are judged by these secrets and rules. The names of the
  /// sources stay.
  void reload(const config::Config& config);

  Snapshot<const SourceBook> book;  ///< Read once per delivery.
  const std::size_t max_payload_bytes;
  jobs::JobStore& store;
  const Clock& clock;
  DeliveryCounters counters;
  Metrics::Histogram& ack_seconds;
  DeliverySpool spool;
  Quarantine quarantine;
  LineBudget refusal_lines;
};

/// Logs a refusal, at most so many a minute (config receiver.refusal_lines_per_minute).
/// @param bytes  Of the body, as announced where it was not read.
void log_refusal(Door& door, std::string_view source, std::string_view reason, int status,
                 std::size_t bytes);

/// Takes one delivery from its last byte to its answer (contract §1).
void take_delivery(std::shared_ptr<Door> door, net::HttpRequest request,
                   net::HttpResponder responder);

}  // namespace deskwire::webhooks
