#include "webhooks/understood_delivery.h"

#include <future>
#include <utility>

#include "core/channel.h"
#include "core/hash.h"
#include "core/ids.h"
#include "webhooks/source_parser.h"

namespace deskwire::webhooks {

JobRules job_rules(const config::Config& config) {
  return {config.jobs.max_attempts, jobs::debounce_of(config.replies.debounce),
          std::make_shared<const std::set<std::string>>(jobs::sla_attributes_of(config.sla))};
}

std::string UnderstoodDelivery::lane() const {
  return jobs::lane_of(event, context.source, context.name_space);
}

jobs::EnqueueRequest UnderstoodDelivery::request(std::string_view body) const {
  return unparsable.empty() ? jobs::to_enqueue(event, context)
                            : jobs::to_unparsable(body, unparsable, context);
}

Result<UnderstoodDelivery> understand(const config::Source& source, std::string_view body,
                                      std::string_view delivery_id, std::int64_t now_ms,
                                      const JobRules& rules) {
  UnderstoodDelivery delivery;
  Result<jobs::HelpdeskEvent> event = parser_for(source.type).parse(body);
  if (event) {
    delivery.event = std::move(*event);
  } else if (event.error().code == ErrorCode::kCorrupt) {
    delivery.unparsable = event.error().message;
  } else {
    return fail(std::move(event).error());
  }
  delivery.context.source = source.name;
  delivery.context.name_space = source.name_space;
  delivery.context.delivery_id =
      delivery_id.empty() ? std::string_view(delivery.event.delivery_id) : delivery_id;
  if (!delivery.unparsable.empty() || jobs::needs_body_digest(delivery.event)) {
    delivery.context.body_sha256 = sha256(body);
  }
  delivery.context.now_ms = now_ms;
  delivery.context.max_attempts = rules.max_attempts;
  delivery.context.debounce = rules.debounce;
  delivery.context.sla_attributes = rules.sla_attributes;
  delivery.context.receipt = new_job_id(now_ms, shard_of_lane(delivery.lane())).str();
  return delivery;
}

bool of_another_account(const config::Source& source, const jobs::HelpdeskEvent& event) {
  return !source.account_id.empty() && !event.account_id.empty() &&
         event.account_id != source.account_id;
}

namespace {

void look_up(jobs::JobStore& store, const UnderstoodDelivery& delivery, const std::string& id,
             std::string& into, std::function<void(Status)> done) {
  store.mapped_message_async(delivery.lane(), id,
                             [&into, done = std::move(done)](Result<std::string> ours) {
                               if (!ours) return done(fail(std::move(ours).error()));
                               into = std::move(*ours);
                               done({});
                             });
}

void look_up_reply(jobs::JobStore& store, UnderstoodDelivery& delivery,
                   std::function<void(Status)> done) {
  if (!jobs::needs_reply_mapping(delivery.event)) return done({});
  look_up(store, delivery, delivery.event.in_reply_to, delivery.context.mapped_in_reply_to,
          std::move(done));
}

}  // namespace

void look_up_mapping(jobs::JobStore& store, UnderstoodDelivery& delivery,
                     std::function<void(Status)> done) {
  if (!delivery.unparsable.empty()) return done({});
  if (!jobs::needs_mapping(delivery.event)) {
    return look_up_reply(store, delivery, std::move(done));
  }
  look_up(store, delivery, delivery.event.object_id, delivery.context.mapped_message_id,
          [&store, &delivery, done = std::move(done)](Status looked_up) {
            if (!looked_up) return done(std::move(looked_up));
            look_up_reply(store, delivery, done);
          });
}

Status look_up_mapping(jobs::JobStore& store, UnderstoodDelivery& delivery) {
  std::promise<Status> looked_up;
  look_up_mapping(store, delivery, [&](Status status) { looked_up.set_value(std::move(status)); });
  return looked_up.get_future().get();
}

}  // namespace deskwire::webhooks
