#include "webhooks/replayed_delivery.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/json.h"
#include "webhooks/understood_delivery.h"

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
  // Without the delivery id: it was spent when the delivery was buried.
  auto delivery = understand(*source, body, {}, clock.wall_ms(), {max_attempts});
  if (!delivery) return fail(ErrorCode::kCorrupt, delivery.error().message);
  if (!delivery->unparsable.empty()) return fail(ErrorCode::kCorrupt, delivery->unparsable);
  if (of_another_account(*source, delivery->event)) {
    return fail(ErrorCode::kConflict, "read kept delivery: it is of another account");
  }
  if (Status looked_up = look_up_mapping(store, *delivery); !looked_up) {
    return fail(std::move(looked_up).error());
  }
  return store.enqueue(delivery->request(body));
}

}  // namespace deskwire::webhooks
