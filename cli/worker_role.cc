#include "cli/worker_role.h"

#include "cli/job_access.h"
#include "jobs/event_table.h"
#include "jobs/send_payload.h"

namespace deskwire::cli {
namespace {

worker::ClockKeeper::Options keeper_options(const config::Config& config,
                                            const redis::Client::Options& bell) {
  worker::ClockKeeper::Options options{bell, lane_limits(config).log};
  options.bell.name = "deskwire-clockbell";
  return options;
}

}  // namespace

WorkerRole::WorkerRole(const config::Config& config, const Roles& roles, redis::Client& client,
                       const redis::Client::Options& bell_connection, ChannelLog& log,
                       jobs::JobStore& store, const Clock& clock, Metrics& metrics)
    : roles_(roles),
      sla_(config.sla),
      client_(client),
      log_(log),
      clock_(clock),
      metrics_(metrics),
      clock_options_(keeper_options(config, bell_connection)),
      // Typing is a courtesy: nobody waits for it, and a lost one ends by itself.
      typing_([&log](const Event& event) { log.append(event, [](const auto&) {}); }, clock),
      history_(log),
      watch_(store),
      around_{.client = client,
              .log = log,
              .store = store,
              .typing = typing_,
              .history = history_,
              .watch = watch_,
              .clock = clock,
              .metrics = metrics,
              .effect_settle = lane_limits(config).effect_settle},
      handlers_(std::make_shared<WorkerHandlers>(config, around_, nullptr)),
      reply_(handlers_, &WorkerHandlers::reply),
      handoff_(handlers_, &WorkerHandlers::handoff),
      send_(handlers_, &WorkerHandlers::send),
      delivery_(handlers_, &WorkerHandlers::delivery),
      pool_(store,
            {{"reply", &reply_},
             {"handoff", &handoff_},
             {std::string(jobs::kSendKind), &send_},
             {std::string(jobs::kDeliveryKind), &delivery_}},
            config.jobs, clock, metrics, WorkerId("w-" + new_ulid(clock.wall_ms()))),
      queue_wait_(client, log, config.sla.queue_wait, clock),
      dispatcher_(store, bell_connection, clock, WorkerId("d-" + new_ulid(clock.wall_ms())),
                  metrics, callbacks()) {}

WorkerRole::~WorkerRole() { stop(); }

jobs::Dispatcher::Callbacks WorkerRole::callbacks() {
  jobs::Dispatcher::Callbacks callbacks;
  if (roles_.worker) {
    callbacks.on_work = [this](int shard) { pool_.offer_work(shard); };
    callbacks.wait_until_wanted = [this] { pool_.wait_until_wanted(); };
  }
  callbacks.on_lost = [this](const JobId& id) { pool_.abort(id); };
  callbacks.on_superseded = [this](const JobId& id) { pool_.abort(id); };
  callbacks.on_round = [this](Milliseconds wait, std::int64_t server_now_ms) {
    if (roles_.sla) queue_wait_.observe(wait, server_now_ms);
  };
  return callbacks;
}

Status WorkerRole::start() {
  if (roles_.sla) {
    auto book = worker::PolicyBook::make(sla_);
    if (!book) return fail(std::move(book.error()));
    clocks_.emplace(client_, log_, clock_options_, std::move(*book), clock_, metrics_);
    clocks_->start();
  }
  if (roles_.worker) {
    typing_.start();
    watch_.start();
    pool_.start(dispatcher_);
  }
  dispatcher_.start();
  return {};
}

Status WorkerRole::set_sla(const config::Sla& settings) {
  if (!clocks_) return {};
  auto book = worker::PolicyBook::make(settings);
  if (!book) return fail(std::move(book.error()));
  clocks_->set_book(std::move(*book));
  return {};
}

void WorkerRole::reload(const config::Config& config) {
  const auto before = handlers_.read();
  handlers_.replace(std::make_shared<WorkerHandlers>(config, around_, before.get()));
}

void WorkerRole::stop() {
  if (clocks_) clocks_->stop();
  // The dispatcher renews leases until the last attempt has ended; the pool's end lets its bell go.
  pool_.stop();
  dispatcher_.stop();
  watch_.stop();
  typing_.stop();
  // No attempt runs any more, so nobody holds handlers of before a reload.
  handlers_.read()->stop();
}

}  // namespace deskwire::cli
