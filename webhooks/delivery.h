#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/net/http_message.h"
#include "core/net/http_server.h"
#include "jobs/job_store.h"
#include "webhooks/delivery_counters.h"
#include "webhooks/delivery_spool.h"
#include "webhooks/line_budget.h"
#include "webhooks/quarantine.h"
#include "webhooks/understood_delivery.h"

namespace deskwire::webhooks {

/// What all deliveries share. Callbacks of the store hold it, so it outlives the Receiver.
///
/// Thread safety: every method may be called concurrently.
struct Door {
  Door(const config::Config& config, jobs::JobStore& job_store, const Clock& system_clock,
       Metrics& metrics);

  const config::Source* find(std::string_view name) const;

  const std::vector<config::Source> sources;
  const config::Receiver settings;
  const JobRules rules;
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
void log_refusal(Door& door, std::string_view source, std::string_view reason, int status,
                 std::size_t bytes);

/// Takes one delivery from its last byte to its answer (contract §1).
void take_delivery(std::shared_ptr<Door> door, net::HttpRequest request,
                   net::HttpResponder responder);

}  // namespace deskwire::webhooks
