#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/redis/redis_client.h"
#include "core/result.h"
#include "jobs/job_store.h"
#include "webhooks/refused_delivery.h"
#include "webhooks/signature_report.h"
#include "webhooks/understood_delivery.h"

namespace deskwire::cli {

struct RefusedFilter {
  std::string source;
  std::string refusal;        ///< The reason it was refused for.
  std::int64_t since_ms = 0;  ///< Arrived at or after this.
  std::size_t limit = 100;    ///< The newest so many.
};

/// What became of a delivery that was to be taken in.
struct TakenIn {
  std::string job;         ///< Empty: it makes none.
  bool duplicate = false;  ///< It was taken in before; `job` is the first one's.
  bool dry_run = false;    ///< Nothing was changed.
};

/// The quarantine of this config's data_dir, for the command line and the admin door.
///
/// Thread safety: every method may be called concurrently.
class RefusedDeliveries {
 public:
  explicit RefusedDeliveries(const config::Config& config);

  /// Oldest first. @errors as webhooks::list_refused.
  Result<std::vector<webhooks::RefusedSummary>> list(const RefusedFilter& filter) const;
  /// @errors as webhooks::read_refused.
  Result<webhooks::RefusedDelivery> read(const std::string& id) const;
  /// @errors as read; kNotFound also when its source is no longer configured.
  Result<webhooks::SignatureReport> verify(const webhooks::RefusedDelivery& delivery) const;

  /// Takes it in as if it had just been accepted, with an audit entry, and removes it from the
  /// quarantine. Repeating it is safe: what is in already is a duplicate.
  ///
  /// @errors as webhooks::readmit, read, and JobStore::enqueue.
  Result<TakenIn> take_in(const std::string& id, jobs::JobStore& store, redis::Client& client,
                          const std::string& actor, const std::string& reason, bool dry_run) const;

 private:
  const std::vector<config::Source> sources_;
  const std::string directory_;
  const std::int64_t tolerance_s_;
  const webhooks::JobRules rules_;
};

nlohmann::json to_json(const webhooks::RefusedSummary& delivery);
/// Headers with credentials and signatures redacted; a token in the URL as well.
/// @param with_body  Adds `body`: a customer's words, so only where asked for.
nlohmann::json to_json(const webhooks::RefusedDelivery& delivery, bool with_body);
nlohmann::json to_json(const webhooks::RefusedDelivery& delivery,
                       const webhooks::SignatureReport& report);
nlohmann::json to_json(const std::string& id, const TakenIn& taken);

/// What may be shown of the headers and the target.
net::Headers shown_headers(const webhooks::RefusedDelivery& delivery);
std::string shown_target(const webhooks::RefusedDelivery& delivery);

}  // namespace deskwire::cli
