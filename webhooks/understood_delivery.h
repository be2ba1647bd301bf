#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/result.h"
#include "jobs/event_table.h"
#include "jobs/helpdesk_event.h"
#include "jobs/job_store.h"

namespace deskwire::webhooks {

/// What the config says about the jobs that deliveries make.
struct JobRules {
  int max_attempts = 8;
  std::optional<jobs::Debounce> debounce = {};
  std::shared_ptr<const std::set<std::string>> sla_attributes = {};
};
JobRules job_rules(const config::Config& config);

/// A delivery that proved its origin, as the event table wants it: on its way to the store
/// directly, out of the spool, or out of the quarantine.
struct UnderstoodDelivery {
  jobs::HelpdeskEvent event;
  jobs::EventContext context;  ///< With a receipt of the lane's shard.
  std::string unparsable;      ///< Why it goes to the dead letters; empty: it was understood.

  std::string lane() const;
  /// @param body  The raw body, which the dead letters keep.
  jobs::EnqueueRequest request(std::string_view body) const;
};

/// Parses a body of the source and mints a receipt for it.
///
/// @errors kInvalid: not a JSON object. An object of another shape is no error: see
///         UnderstoodDelivery::unparsable.
Result<UnderstoodDelivery> understand(const config::Source& source, std::string_view body,
                                      std::string_view delivery_id, std::int64_t now_ms,
                                      const JobRules& rules);

/// Whether the event is of another account than the source's: answered, without effect.
bool of_another_account(const config::Source& source, const jobs::HelpdeskEvent& event);

/// Fills in what is known of the messages that the event is about or answers, then calls `done`, on
/// this thread or on the store's. Most events need no look-up.
///
/// @param delivery  Kept alive by `done`.
/// @errors of JobStore::mapped_message_async; without the id people would see an event about a
///         message that they do not know.
void look_up_mapping(jobs::JobStore& store, UnderstoodDelivery& delivery,
                     std::function<void(Status)> done);
/// The same, waiting for the answer.
Status look_up_mapping(jobs::JobStore& store, UnderstoodDelivery& delivery);

}  // namespace deskwire::webhooks
