#include "tests/support/twin_stores.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/channel.h"
#include "core/json.h"
#include "jobs/keys.h"
#include "tests/support/catch.h"
#include "tests/support/lane_check.h"

namespace deskwire::testing {

using namespace jobs;

namespace {

constexpr std::size_t kEveryJob = 1'000'000;

template <typename T>
std::string outcome_of(const Result<T>& result) {
  return result ? std::string("ok") : std::string(name_of(result.error().code));
}

std::vector<std::string> sorted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  return texts;
}

}  // namespace

TwinStores::TwinStores(const LaneLimits& limits, std::int64_t wall_ms)
    : time_(wall_ms),
      server_({}, time_.environment()),
      clock_(wall_ms),
      client_(server_.options()),
      redis_(client_, clock_, limits),
      redis_operators_(client_, limits),
      model_(clock_, limits) {
  redis_names_.store = &redis_;
  model_names_.store = &model_;
  client_.start();
  REQUIRE(client_.wait_connected(Milliseconds{20000}));
  // Else the shim was not loaded, and every comparison would be a race.
  REQUIRE(client_.call({"TIME"}).value().at(0).as_integer() == wall_ms / 1000);
}

void TwinStores::pass(std::int64_t ms) {
  clock_.set_wall_ms(clock_.wall_ms() + ms);
  time_.set_wall_ms(clock_.wall_ms());
}

std::string TwinStores::Names::of(const JobId& id) {
  if (id.empty()) return {};
  const auto known = name_of.find(id.str());
  if (known != name_of.end()) return known->second;
  const auto job = store->get(id);
  // What the caller minted has the same id in both stores.
  const bool handoff = job && job->kind == "handoff" && !job->parent.empty();
  const std::string name = handoff ? "handoff of " + of(job->parent) : id.str();
  learn(name, id);
  return name;
}

void TwinStores::Names::learn(const std::string& name, const JobId& id) {
  name_of[id.str()] = name;
  id_of[name] = id;
}

std::string TwinStores::text_of(const Lease& lease, Names& names) const {
  nlohmann::json text{{"job", names.of(lease.id)},
                      {"root", names.of(lease.root)},
                      {"kind", lease.kind},
                      {"lane", lease.lane},
                      {"payload", lease.payload},
                      {"more", lease.more_payloads},
                      {"takes_more", lease.takes_more},
                      {"token", lease.token},
                      {"attempt", lease.attempt},
                      {"max_attempts", lease.max_attempts},
                      {"crashes", lease.crashes},
                      {"created", lease.created_at_ms},
                      {"leased", lease.leased_at_ms},
                      {"saved_reply", lease.saved_reply}};
  return text.dump();
}

std::string TwinStores::text_of(const Job& job, Names& names) const {
  nlohmann::json text{{"job", names.of(job.id)},
                      {"root", names.of(job.root)},
                      {"parent", names.of(job.parent)},
                      {"kind", job.kind},
                      {"lane", job.lane},
                      {"state", name_of(job.state)},
                      {"created", job.created_at_ms},
                      {"due", job.due_at_ms},
                      {"finished", job.finished_at_ms},
                      {"attempt", job.attempt},
                      {"max_attempts", job.max_attempts},
                      {"crashes", job.crashes},
                      {"error", job.error_code},
                      {"outcome", job.outcome},
                      {"messages", job.messages}};
  return text.dump();
}

std::optional<EnqueueResult> TwinStores::enqueue(const EnqueueRequest& request) {
  const auto redis = redis_.enqueue(request);
  const auto model = model_.enqueue(request);
  REQUIRE(outcome_of(redis) == outcome_of(model));
  if (!redis) return std::nullopt;
  REQUIRE(redis_names_.of(JobId(redis->job)) == model_names_.of(JobId(model->job)));
  REQUIRE(redis->duplicate == model->duplicate);
  REQUIRE(redis->receipt == model->receipt);
  REQUIRE((redis->offsets == model->offsets || redis->job != request.receipt));
  return *redis;
}

std::vector<TwinLease> TwinStores::step(int shard, const WorkerId& worker, std::uint64_t request,
                                        const std::vector<Completion>& completed,
                                        std::size_t want) {
  StepRequest to_redis{shard, worker, request, {}, want};
  StepRequest to_model = to_redis;
  for (const Completion& done : completed) {
    const auto add = [&](StepRequest& into, const Lease& lease) {
      CompletedJob job;
      job.id = lease.id;
      job.token = lease.token;
      job.messages = lease.messages();
      job.outcome = done.outcome;
      job.effect = done.effect;
      if (!done.effect.empty()) job.remote_id = "remote " + done.effect;
      into.completed.push_back(std::move(job));
    };
    add(to_redis, done.lease.redis);
    add(to_model, done.lease.model);
  }
  const auto redis = redis_.step(to_redis);
  const auto model = model_.step(to_model);
  REQUIRE(outcome_of(redis) == outcome_of(model));
  if (!redis) return {};
  REQUIRE(redis->leases.size() == model->leases.size());
  std::vector<TwinLease> leases;
  for (std::size_t i = 0; i < redis->leases.size(); ++i) {
    leases.push_back({redis->leases[i], model->leases[i]});
    REQUIRE(text_of(leases.back().redis, redis_names_) ==
            text_of(leases.back().model, model_names_));
  }
  REQUIRE(redis->stale.size() == model->stale.size());
  for (std::size_t i = 0; i < redis->stale.size(); ++i) {
    REQUIRE(redis_names_.of(redis->stale[i]) == model_names_.of(model->stale[i]));
  }
  REQUIRE(redis->next_due_ms == model->next_due_ms);
  REQUIRE(redis->now_ms == model->now_ms);
  return leases;
}

std::string TwinStores::root_name(const TwinLease& lease) {
  return redis_names_.of(lease.redis.root);
}

std::optional<Intent> TwinStores::intend(const TwinLease& lease, const std::string& effect) {
  const auto event = [&](const std::string& name, bool once) {
    Event made;
    made.channel = conversation_channel(lease.redis.lane);
    made.id = name + " " + root_name(lease);
    made.name = name;
    made.timestamp = now_ms();
    made.data = "{}";
    made.once = once;
    return made;
  };
  const std::string reply = "reply to " + lease.redis.payload;
  const std::vector<Event> shown = {event("message:ai", true)};
  const Event unfinished = event("message:status", false);
  const auto redis = redis_.intend(lease.redis, effect, reply, shown, unfinished);
  const auto model = model_.intend(lease.model, effect, reply, shown, unfinished);
  REQUIRE(outcome_of(redis) == outcome_of(model));
  if (!redis) return std::nullopt;
  REQUIRE(redis->answer == model->answer);
  REQUIRE(redis->remote_id == model->remote_id);
  REQUIRE(redis->saved_reply == model->saved_reply);
  REQUIRE(redis->intended_at_ms == model->intended_at_ms);
  return *redis;
}

FailResult TwinStores::fail(const TwinLease& lease, FailureClass failure, Milliseconds delay,
                            const std::string& void_effect) {
  FailRequest request;
  request.failure = failure;
  request.error_code = "unavailable";
  request.error_message = "it did not work";
  request.delay = delay;
  request.void_effect = void_effect;
  request.lease = lease.redis;
  const auto redis = redis_.fail(request);
  request.lease = lease.model;
  const auto model = model_.fail(request);
  REQUIRE(outcome_of(redis) == outcome_of(model));
  REQUIRE(redis->dead == model->dead);
  REQUIRE(redis->stale == model->stale);
  return *redis;
}

BeatResult TwinStores::beat(int shard, const WorkerId& worker,
                            const std::vector<TwinLease>& renew) {
  BeatRequest to_redis{shard, worker, {}};
  BeatRequest to_model{shard, worker, {}};
  for (const TwinLease& lease : renew) {
    to_redis.renew.push_back({lease.redis.id, lease.redis.token, lease.redis.messages()});
    to_model.renew.push_back({lease.model.id, lease.model.token, lease.model.messages()});
  }
  const auto redis = redis_.beat(to_redis);
  const auto model = model_.beat(to_model);
  REQUIRE(outcome_of(redis) == outcome_of(model));
  const auto same = [&](const std::vector<JobId>& left, const std::vector<JobId>& right) {
    REQUIRE(left.size() == right.size());
    for (std::size_t i = 0; i < left.size(); ++i) {
      REQUIRE(redis_names_.of(left[i]) == model_names_.of(right[i]));
    }
  };
  same(redis->lost, model->lost);
  same(redis->superseded, model->superseded);
  REQUIRE(redis->reclaimed == model->reclaimed);
  REQUIRE(redis->promoted == model->promoted);
  REQUIRE(redis->buried == model->buried);
  REQUIRE(redis->ready == model->ready);
  REQUIRE(redis->next_due_ms == model->next_due_ms);
  REQUIRE(redis->oldest_due_ms == model->oldest_due_ms);
  REQUIRE(redis->now_ms == model->now_ms);
  return *redis;
}

void TwinStores::release(const TwinLease& lease) {
  const Status redis = redis_.release(lease.redis);
  const Status model = model_.release(lease.model);
  REQUIRE(outcome_of(redis) == outcome_of(model));
}

void TwinStores::retry_now(const std::string& name) {
  const Status redis = redis_.retry_now(redis_names_.id_of.at(name), "test", "random");
  const Status model = model_.retry_now(model_names_.id_of.at(name), "test", "random");
  REQUIRE(outcome_of(redis) == outcome_of(model));
}

bool TwinStores::drop(const std::string& name) {
  const Status redis = redis_operators_.drop(redis_names_.id_of.at(name), {"test", "random"});
  const Status model = model_.drop(model_names_.id_of.at(name), {"test", "random"});
  REQUIRE(outcome_of(redis) == outcome_of(model));
  return redis.has_value();
}

void TwinStores::halt(const HaltTarget& target) {
  const auto redis = redis_operators_.halt(target, {"test", "random"});
  const auto model = model_.halt(target, {"test", "random"});
  REQUIRE(outcome_of(redis) == outcome_of(model));
  if (redis) REQUIRE(*redis == *model);
}

void TwinStores::resume(const HaltTarget& target) {
  const auto redis = redis_operators_.resume(target, {"test", "random"});
  const auto model = model_.resume(target, {"test", "random"});
  REQUIRE(outcome_of(redis) == outcome_of(model));
  REQUIRE(*redis == *model);
}

void TwinStores::resume_everything() {
  const auto redis = redis_operators_.halts().value();
  const auto model = model_.halts().value();
  REQUIRE(redis.size() == model.size());
  for (std::size_t i = 0; i < redis.size(); ++i) {
    REQUIRE(redis[i].target == model[i].target);
    REQUIRE(redis[i].since_ms == model[i].since_ms);
    REQUIRE(redis[i].by.actor == model[i].by.actor);
    resume(redis[i].target);
  }
}

std::string TwinStores::replay(const std::string& name, bool again) {
  const auto redis = redis_.replay(redis_names_.id_of.at(name), again, "test", "random");
  const auto model = model_.replay(model_names_.id_of.at(name), again, "test", "random");
  REQUIRE(outcome_of(redis) == outcome_of(model));
  if (!redis) return {};
  const auto known = redis_names_.name_of.find(redis->str());
  if (known != redis_names_.name_of.end()) {
    REQUIRE(known->second == model_names_.of(*model));
    return known->second;
  }
  const std::string replayed = "replay " + std::to_string(++replays_);
  redis_names_.learn(replayed, *redis);
  model_names_.learn(replayed, *model);
  return replayed;
}

JobCounts TwinStores::counts() {
  const JobCounts redis = redis_.counts().value();
  REQUIRE(nlohmann::json(redis).dump() == nlohmann::json(model_.counts().value()).dump());
  KindCounts kinds = redis_.counts_by_kind().value();
  for (auto it = kinds.begin(); it != kinds.end();) {
    const bool any = std::any_of(it->second.begin(), it->second.end(),
                                 [](const auto& state) { return state.second != 0; });
    it = any ? std::next(it) : kinds.erase(it);
  }
  REQUIRE(nlohmann::json(kinds).dump() == nlohmann::json(model_.counts_by_kind().value()).dump());
  return redis;
}

void TwinStores::require_same_jobs() {
  JobFilter all;
  all.limit = kEveryJob;
  const auto texts = [&](Names& names) {
    std::vector<std::string> jobs;
    const auto found = names.store->list(all);
    REQUIRE(found);
    for (const Job& job : *found) jobs.push_back(text_of(job, names));
    return sorted(std::move(jobs));
  };
  const auto redis = texts(redis_names_);
  const auto model = texts(model_names_);
  std::vector<std::string> only_redis;
  std::vector<std::string> only_model;
  std::set_difference(redis.begin(), redis.end(), model.begin(), model.end(),
                      std::back_inserter(only_redis));
  std::set_difference(model.begin(), model.end(), redis.begin(), redis.end(),
                      std::back_inserter(only_model));
  CAPTURE(only_redis, only_model);
  REQUIRE((only_redis.empty() && only_model.empty()));
  counts();
  const std::vector<std::string> violations = lane_violations(client_);
  CAPTURE(violations);
  REQUIRE(violations.empty());
  REQUIRE(model_.check().empty());
}

void TwinStores::require_same_logs(const std::vector<std::string>& lanes) {
  std::map<std::string, std::vector<std::string>> model;
  for (const Event& event : model_.appended_events()) model[event.channel].push_back(event.id);
  for (const std::string& lane : lanes) {
    const std::string channel = conversation_channel(lane);
    const std::string key = keys::prefix(shard_of_lane(lane)) + "log:" + channel;
    std::vector<std::string> redis;
    const auto entries = client_.call({"XRANGE", key, "-", "+"});
    REQUIRE(entries);
    for (const redis::Reply& entry : entries->items) {
      redis.push_back(string_at(parse_json(entry.at(1).at(1).text).value(), "id"));
    }
    // The model keeps all, Redis the newest.
    const std::vector<std::string>& all = model[channel];
    REQUIRE(redis.size() <= all.size());
    REQUIRE(std::equal(redis.rbegin(), redis.rend(), all.rbegin()));
    REQUIRE((all.empty() || !redis.empty()));
  }
}

}  // namespace deskwire::testing
