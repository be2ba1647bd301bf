#pragma once

#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/clock.h"
#include "core/result.h"
#include "jobs/job_store.h"

namespace deskwire::webhooks {

/// Takes in a delivery that was buried as `unparsable`, with today's parser: for jobs of kind
/// jobs::kDeliveryKind, which an operator replays after an upgrade. The logical dedupe applies, so
/// a repeat and an event that came by another door meanwhile have no second effect.
///
/// Blocks for one or two round trips.
///
/// @param payload  As jobs::to_unparsable wrote it.
/// @errors kCorrupt: not understood today either, or not a payload of ours. kNotFound: the source
/// is
///         no longer configured. kConflict: it belongs to another account. Others as
///         JobStore::enqueue.
Result<jobs::EnqueueResult> take_in_again(std::string_view payload,
                                          const std::vector<config::Source>& sources,
                                          jobs::JobStore& store, const Clock& clock,
                                          int max_attempts);

}  // namespace deskwire::webhooks
