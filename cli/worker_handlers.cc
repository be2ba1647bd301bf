#include "cli/worker_handlers.h"

#include "cli/helpdesk_clients.h"
#include "config/fingerprint.h"

namespace deskwire::cli {
namespace {

/// Whether the API client of one serves the other as well. The secrets of webhooks are no part of
/// it: who rotates them should not lose what the breaker knows.
bool same_api(config::Source a, config::Source b) {
  a.secrets.clear();
  b.secrets.clear();
  return config::fingerprint(a) == config::fingerprint(b);
}

worker::HelpdeskDirectory directory_of(const config::Config& config, const Clock& clock,
                                       const worker::HelpdeskDirectory* before) {
  worker::HelpdeskDirectory helpdesks;
  for (const config::Source& source : config.sources) {
    auto known = before != nullptr ? before->share(source.name) : nullptr;
    if (known && same_api(known->source, source)) {
      helpdesks.add(std::move(known));
    } else {
      helpdesks.add(source, make_helpdesk_client(source), clock);
    }
  }
  return helpdesks;
}

worker::ReplySettings reply_settings(const config::Config& config, Milliseconds effect_settle) {
  worker::ReplySettings settings;
  settings.replies = config.replies;
  settings.lease = config.jobs.lease;
  settings.settle = effect_settle;
  return settings;
}

worker::PublishEvent publishing(ChannelLog& log) {
  return [&log](const Event& event) { log.append(event, [](const auto&) {}); };
}

}  // namespace

WorkerHandlers::WorkerHandlers(const config::Config& config, const Surroundings& around,
                               const WorkerHandlers* before)
    : replies_fingerprint_(config::fingerprint(config.replies)),
      helpdesks_(
          directory_of(config, around.clock, before != nullptr ? &before->helpdesks_ : nullptr)),
      responders_(before != nullptr && before->replies_fingerprint_ == replies_fingerprint_
                      ? before->responders_
                      : std::make_shared<Responders>(config.replies, around.clock, around.metrics)),
      ledger_(around.client, config.replies.guards.tokens_per_day > 0),
      reply_({.store = around.store,
              .helpdesks = helpdesks_,
              .responder = responders_->first(),
              .typing = around.typing,
              .ledger = ledger_,
              .history = around.history,
              .watch = around.watch,
              .publish = publishing(around.log),
              .clock = around.clock,
              .metrics = around.metrics},
             reply_settings(config, around.effect_settle)),
      handoff_(around.store, helpdesks_, around.clock, config.replies),
      send_(around.store, helpdesks_, around.clock, {.settle = around.effect_settle}),
      delivery_(config, around.store, around.clock) {}

void WorkerHandlers::stop() {
  responders_->stop();
  helpdesks_.stop();
}

worker::AttemptResult CurrentHandler::run(const jobs::Lease& lease,
                                          worker::Cancellation& cancellation) {
  const auto handlers = current_.read();
  return ((*handlers).*pick_)().run(lease, cancellation);
}

}  // namespace deskwire::cli
