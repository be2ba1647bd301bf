#include "webhooks/replayed_delivery.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/channel.h"
#include "core/hash.h"
#include "core/ids.h"
#include "core/json.h"
#include "jobs/event_table.h"
#include "webhooks/source_parser.h"

namespace deskwire::webhooks {

Result<jobs::EnqueueResult> take_in_again(std::string_view payload,
                                          const std::vector<config::Source>& sources,
                                          jobs::JobStore& store, const Clock& clock,
                                          int max_attempts) {
  const Result<nlohmann::json> kept = parse_json(payload, {.max_bytes = 64U << 20U});
  if (!kept || !kept->is_object()) {
    return fail(ErrorCode::kCorrupt, "read kept delivery: not a JSON object");
  }
  const std::string name = string_at(*kept, "source");
  const auto source = std::find_if(sources.begin(), sources.end(),
                                   [&](const config::Source& s) { return s.name == name; });
  if (source == sources.end()) {
    return fail(ErrorCode::kNotFound, "read kept delivery: its source is not in config sources[]");
  }
  const std::string body = string_at(*kept, "body");
  const Result<jobs::HelpdeskEvent> event = parser_for(source->type).parse(body);
  if (!event) return fail(ErrorCode::kCorrupt, event.error().message);
  const bool other = !source->account_id.empty() && !event->account_id.empty() &&
                     event->account_id != source->account_id;
  if (other) return fail(ErrorCode::kConflict, "read kept delivery: it is of another account");
  jobs::EventContext context;
  context.source = source->name;
  context.name_space = source->name_space;
  // Without the delivery id: it was spent when the delivery was buried.
  context.body_sha256 = sha256(body);
  context.now_ms = clock.wall_ms();
  context.max_attempts = max_attempts;
  const std::string lane = jobs::lane_of(*event, source->name, source->name_space);
  context.receipt = new_job_id(context.now_ms, shard_of_lane(lane)).str();
  if (jobs::needs_mapping(*event)) {
    Result<std::string> ours = store.mapped_message(lane, event->object_id);
    if (!ours) return fail(std::move(ours.error()));
    context.mapped_message_id = std::move(*ours);
  }
  return store.enqueue(jobs::to_enqueue(*event, context));
}

}  // namespace deskwire::webhooks
