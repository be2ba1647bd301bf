#include "tests/support/reply_bench.h"

#include <nlohmann/json.hpp>

#include "core/channel.h"
#include "jobs/send_payload.h"
#include "worker/handlers/send.h"

namespace deskwire::testing {
namespace {

constexpr const char* kLane = "42";

std::string title(const Event& event) {
  if (event.name != "message:status") return event.name;
  return event.name + " " + nlohmann::json::parse(event.data).at("status").get<std::string>();
}

}  // namespace

config::Source ReplyBench::chatwoot_source() {
  config::Source source;
  source.name = "shop";
  source.type = config::SourceType::kChatwoot;
  source.account_id = "1";
  return source;
}

ReplyBench::ReplyBench(config::Source settings, config::Replies replies)
    : typing_(
          [this](const Event& event) {
            typing_events_.emplace_back(store.appended_events().size(), event.name);
          },
          clock),
      reply_handler_({.store = store,
                      .helpdesks = helpdesks,
                      .responder = responder,
                      .typing = typing_,
                      .ledger = ledger,
                      .history = history,
                      .watch = watch_,
                      .publish = [this](const Event& event) { published.push_back(event); },
                      .clock = clock,
                      .metrics = metrics},
                     {.replies = replies}),
      handoff_handler_(store, helpdesks, clock, replies) {
  auto client = std::make_unique<ScriptedHelpdesk>();
  helpdesk = client.get();
  helpdesks.add(settings, std::move(client), clock);
}

JobId ReplyBench::enqueue(const std::string& message_id,
                          const std::function<void(jobs::ReplyPayload&)>& change) {
  jobs::ReplyPayload payload;
  payload.source = "shop";
  payload.conversation = kLane;
  payload.conversation_id = "42";
  payload.account_id = "1";
  payload.message_id = message_id;
  payload.content = "hello";
  payload.contact_name = "Ann";
  payload.status = "pending";
  payload.created_at_ms = payload.accepted_at_ms = clock.wall_ms();
  if (change) change(payload);
  jobs::EnqueueRequest request;
  request.lane = kLane;
  request.receipt = new_job_id(clock.wall_ms(), shard_of_lane(kLane)).str();
  request.kind = "reply";
  request.payload = jobs::encode(payload);
  request.max_attempts = 4;
  request.debounce = debounce;
  return JobId(store.enqueue(request)->job);
}

void ReplyBench::set_state(const jobs::ConversationState& state) {
  jobs::EnqueueRequest request;
  request.lane = kLane;
  request.receipt = new_job_id(clock.wall_ms(), shard_of_lane(kLane)).str();
  request.state = state;
  store.enqueue(request).value();
}

void ReplyBench::step(std::vector<jobs::CompletedJob> completed, std::size_t want) {
  const auto result = store.step({.shard = shard_of_lane(kLane),
                                  .worker = WorkerId("bench"),
                                  .request = ++requests_,
                                  .completed = std::move(completed),
                                  .want = want});
  next_.reset();
  if (!result->leases.empty()) next_ = result->leases.front();
}

std::optional<jobs::Lease> ReplyBench::lease() {
  step({}, 1);
  return next_;
}

worker::AttemptResult ReplyBench::run(const jobs::Lease& lease) {
  if (lease.kind == "handoff") return handoff_handler_.run(lease, cancellation);
  if (lease.kind == jobs::kSendKind) {
    return worker::SendHandler(store, helpdesks, clock, {}).run(lease, cancellation);
  }
  return reply_handler_.run(lease, cancellation);
}

jobs::FailResult ReplyBench::close(const worker::AttemptResult& result) {
  if (result.completed) {
    step({*result.completed}, 0);
    return {};
  }
  jobs::FailRequest request = *result.failed;
  if (request.delay.count() == 0) request.delay = Milliseconds(1);
  return store.fail(request).value();
}

std::string ReplyBench::attempt() {
  const auto leased = lease();
  if (!leased) return "no job";
  const auto result = run(*leased);
  close(result);
  return result.completed ? result.completed->outcome : result.failed->error_code;
}

void ReplyBench::crash() { pass(Milliseconds(16000)); }

void ReplyBench::pass(Milliseconds time) {
  clock.advance(time);
  store.beat({.shard = shard_of_lane(kLane), .worker = WorkerId("bench"), .renew = {}}).value();
}

std::vector<std::string> ReplyBench::story() const {
  std::vector<std::string> names;
  std::size_t typed = 0;
  const auto events = store.appended_events();
  for (std::size_t i = 0; i <= events.size(); ++i) {
    for (; typed < typing_events_.size() && typing_events_[typed].first == i; ++typed) {
      names.push_back(typing_events_[typed].second);
    }
    if (i < events.size()) names.push_back(title(events[i]));
  }
  return names;
}

std::vector<std::string> ReplyBench::events_named(const std::string& name) const {
  std::vector<std::string> data;
  for (const Event& event : store.appended_events()) {
    if (event.name == name) data.push_back(event.data);
  }
  return data;
}

jobs::Job ReplyBench::job(const JobId& id) { return store.get(id).value(); }

}  // namespace deskwire::testing
