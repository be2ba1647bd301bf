#include "jobs/redis_job_store.h"

#include <algorithm>
#include <future>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "core/log.h"
#include "jobs/effects.h"
#include "jobs/keys.h"
#include "jobs/payload_codec.h"
#include "jobs/redis_scripts.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {
namespace {

using redis::Reply;

/// A lost answer is asked for again within the request timeouts of a few reconnects.
constexpr Milliseconds kAnswerKept{60000};
/// Poison jobs that one beat can bury; more wait for the next.
constexpr int kSparesPerBeat = 8;

std::string text_of(Milliseconds duration) { return std::to_string(duration.count()); }

tl::unexpected<Error> corrupt(std::string_view what) {
  return deskwire::fail(ErrorCode::kCorrupt, std::string(what) + ": answer of another shape");
}

std::string worker_name(const WorkerId& worker) { return "worker=" + worker.str(); }
std::string job_name(const JobId& id) { return "job=" + id.str(); }

tl::unexpected<Error> stale(std::string_view verb, const JobId& id) {
  return deskwire::fail(ErrorCode::kStale,
                        std::string(verb) + " " + job_name(id) + ": the lease is no longer ours");
}

/// How many halts a shard may have so that the lane of a dead head is parked; "0": it never is.
std::string halts_for_dead_heads(const LaneLimits& limits) {
  return std::to_string(limits.park_dead_heads ? limits.max_halts : 0);
}

std::vector<std::string> step_args(const StepRequest& request, const LaneLimits& limits) {
  std::vector<std::string> args{request.worker.str(),
                                std::to_string(request.request),
                                std::to_string(request.want),
                                text_of(limits.lease),
                                text_of(std::max(kAnswerKept, 4 * limits.lease)),
                                std::to_string(limits.completed_max),
                                std::to_string(kEffectSeconds)};
  scripts::append_log_limits(args, limits.log);
  args.push_back(std::to_string(request.completed.size()));
  for (const CompletedJob& job : request.completed) {
    args.insert(args.end(), {job.id.str(), std::to_string(job.token), std::to_string(job.messages),
                             job.outcome, std::string(reason_of_outcome(job.outcome)), job.effect,
                             job.remote_id, job.our_message_id, kept_error_message(job.steps)});
    ChannelLog::append_args(args, job.events, limits.log);
  }
  return args;
}

/// @return False when the payload cannot be read.
bool read_lease(const Reply& reply, std::size_t max_payload_bytes, Lease& lease) {
  const Reply& fields = reply.at(4);
  lease.id = JobId(reply.at(0).as_string());
  lease.token = reply.at(1).as_integer();
  lease.saved_reply = reply.at(3).as_string();
  lease.lane = fields.at(1).as_string();
  lease.kind = fields.at(2).as_string();
  lease.root = fields.at(3).is_nil() ? lease.id : JobId(fields.at(3).as_string());
  lease.attempt = static_cast<int>(fields.at(4).as_integer(1));
  lease.max_attempts = static_cast<int>(fields.at(5).as_integer(1));
  lease.crashes = static_cast<int>(fields.at(6).as_integer());
  lease.created_at_ms = fields.at(7).as_integer();
  if (reply.at(5).is_array()) lease.conversation = scripts::read_conversation(reply.at(5));
  lease.takes_more = !fields.at(11).is_nil() && fields.at(9).is_nil();
  Result<std::string> payload = unpack_payload(reply.at(2).text, max_payload_bytes);
  if (!payload) return false;
  lease.payload = std::move(*payload);
  for (const Reply& item : reply.at(6).items) {
    Result<std::string> more = unpack_payload(item.text, max_payload_bytes);
    if (!more) return false;
    lease.more_payloads.push_back(std::move(*more));
  }
  return true;
}

std::vector<std::string> beat_args(const BeatRequest& request, const LaneLimits& limits,
                                   std::int64_t wall_ms) {
  std::vector<std::string> args{text_of(limits.lease), std::to_string(limits.max_crashes),
                                std::to_string(limits.completed_max),
                                std::to_string(limits.completed_max_age_s * 1000),
                                std::to_string(limits.dead_max_age_s * 1000)};
  scripts::append_log_limits(args, limits.log);
  args.push_back(halts_for_dead_heads(limits));
  args.push_back(std::to_string(kSparesPerBeat));
  for (int i = 0; i < kSparesPerBeat; ++i) {
    args.push_back(new_job_id(wall_ms, request.shard).str());
  }
  args.push_back(std::to_string(request.renew.size()));
  for (const Renewal& held : request.renew) {
    args.insert(args.end(),
                {held.id.str(), std::to_string(held.token), std::to_string(held.messages)});
  }
  return args;
}

Result<BeatResult> read_beat(Result<Reply> reply, int shard) {
  const std::string what = "beat shard=" + std::to_string(shard);
  if (!reply) return deskwire::fail(std::move(reply).error().prefixed(what));
  if (reply->items.size() != 9) return corrupt(what);
  BeatResult result;
  result.now_ms = reply->at(0).as_integer();
  result.next_due_ms = reply->at(1).as_integer();
  result.oldest_due_ms = reply->at(2).as_integer();
  result.reclaimed = static_cast<int>(reply->at(3).as_integer());
  result.promoted = static_cast<int>(reply->at(4).as_integer());
  result.buried = static_cast<int>(reply->at(5).as_integer());
  result.ready = reply->at(6).as_integer() > 0;
  for (const Reply& id : reply->at(7).items) result.lost.emplace_back(id.as_string());
  for (const Reply& id : reply->at(8).items) result.superseded.emplace_back(id.as_string());
  return result;
}

std::string_view verb_of(FailureClass failure) {
  switch (failure) {
    case FailureClass::kDeferred:
      return "defer";
    case FailureClass::kPermanent:
      return "bury";
    case FailureClass::kRetryable:
      break;
  }
  return "retry";
}

}  // namespace

RedisJobStore::RedisJobStore(redis::Client& client, const Clock& clock, LaneLimits limits)
    : RedisJobStore(client, client, clock, limits) {}

RedisJobStore::RedisJobStore(redis::Client& client, redis::Client& confirmed, const Clock& clock,
                             LaneLimits limits)
    : client_(client),
      confirmed_(confirmed),
      clock_(clock),
      limits_(limits),
      batches_(confirmed, limits) {}

RedisJobStore::~RedisJobStore() = default;

void RedisJobStore::enqueue_async(EnqueueRequest request,
                                  std::function<void(Result<EnqueueResult>)> done) {
  batches_.submit(request, std::move(done));
}

Result<EnqueueResult> RedisJobStore::enqueue(const EnqueueRequest& request) {
  auto answer = std::make_shared<std::promise<Result<EnqueueResult>>>();
  std::future<Result<EnqueueResult>> waiting = answer->get_future();
  batches_.submit(request,
                  [answer](Result<EnqueueResult> result) { answer->set_value(std::move(result)); });
  return waiting.get();
}

Result<StepResult> RedisJobStore::step(const StepRequest& request) {
  if (Status checked = check_step(request); !checked) {
    return deskwire::fail(std::move(checked).error());
  }
  const std::string what = "step " + worker_name(request.worker);
  const MonotonicTime asked_at = clock_.monotonic();
  Result<Reply> reply =
      client_.run(scripts::step(), scripts::keys_of(request.shard), step_args(request, limits_));
  if (!reply) return deskwire::fail(std::move(reply).error().prefixed(what));
  if (reply->kind == Reply::Kind::kString) {
    return deskwire::fail(ErrorCode::kConflict,
                          what + ": request " + std::to_string(request.request) +
                              " is older than " + reply->text + ", already answered");
  }
  if (reply->items.size() != 4) return corrupt(what);
  StepResult result;
  result.now_ms = reply->at(0).as_integer();
  result.next_due_ms = reply->at(1).as_integer();
  for (const Reply& id : reply->at(2).items) result.stale.emplace_back(id.as_string());
  for (const Reply& item : reply->at(3).items) {
    Lease lease;
    if (!read_lease(item, limits_.max_payload_bytes, lease)) {
      // Nobody can ever run it: to the dead letters, so that its lane goes on.
      log::error("payload_unreadable", {{"job", lease.id.str()}, {"worker", request.worker.str()}});
      (void)fail(
          {lease, FailureClass::kPermanent, "corrupt", "its payload cannot be read", {}, {}, {}});
      continue;
    }
    lease.leased_at_ms = result.now_ms;
    lease.local_deadline = asked_at + usable_lease(limits_.lease);
    result.leases.push_back(std::move(lease));
  }
  return result;
}

Result<Intent> RedisJobStore::intend(const Lease& lease, const std::string& effect,
                                     const std::string& reply_text,
                                     const std::vector<Event>& events, const Event& unfinished) {
  const std::string what = "intend " + job_name(lease.id);
  std::vector<std::string> args{lease.id.str(),
                                std::to_string(lease.token),
                                effect,
                                reply_text,
                                unfinished_record(unfinished),
                                text_of(limits_.lease),
                                std::to_string(kEffectSeconds),
                                std::to_string(lease.messages()),
                                text_of(limits_.effect_settle)};
  ChannelLog::append_args(args, events, limits_.log);
  Result<Reply> reply = confirmed_.run(
      scripts::intend(), scripts::keys_of(shard_of_lane(lease.lane)), std::move(args));
  if (!reply) return deskwire::fail(std::move(reply).error().prefixed(what));
  const std::string& answer = reply->at(0).text;
  if (answer == "stale") return stale("intend", lease.id);
  if (answer == "superseded") return Intent{IntentAnswer::kSuperseded, {}, {}, 0, {}};
  if (answer == "done") return Intent{IntentAnswer::kDone, reply->at(1).as_string(), {}, 0, {}};
  if (answer == "go") {
    Intent go{IntentAnswer::kGo, {}, reply->at(1).as_string(), 0, {}};
    if (reply->at(2).is_array()) go.conversation = scripts::read_conversation(reply->at(2));
    return go;
  }
  if (answer == "verify") {
    return Intent{
        IntentAnswer::kVerify, {}, reply->at(1).as_string(), reply->at(2).as_integer(), {}};
  }
  return corrupt(what);
}

Result<FailResult> RedisJobStore::fail(const FailRequest& request) {
  const Lease& lease = request.lease;
  const std::string what = "fail " + job_name(lease.id);
  const int shard = shard_of_lane(lease.lane);
  std::vector<std::string> args{lease.id.str(),
                                std::to_string(lease.token),
                                std::string(verb_of(request.failure)),
                                request.error_code,
                                kept_error_message(request.error_message),
                                text_of(request.delay),
                                request.void_effect,
                                new_job_id(clock_.wall_ms(), shard).str()};
  scripts::append_log_limits(args, limits_.log);
  args.push_back(halts_for_dead_heads(limits_));
  ChannelLog::append_args(args, request.events_if_dead, limits_.log);
  Result<Reply> reply = client_.run(scripts::fail(), scripts::keys_of(shard), std::move(args));
  if (!reply) return deskwire::fail(std::move(reply).error().prefixed(what));
  if (reply->text == "waits") return FailResult{};
  if (reply->text == "dead") return FailResult{true, false};
  if (reply->text == "stale") return FailResult{false, true};
  return corrupt(what);
}

Result<BeatResult> RedisJobStore::beat(const BeatRequest& request) {
  if (Status checked = check_shard(request.shard); !checked) {
    return deskwire::fail(std::move(checked).error());
  }
  return read_beat(client_.run(scripts::beat(), scripts::keys_of(request.shard),
                               beat_args(request, limits_, clock_.wall_ms())),
                   request.shard);
}

void RedisJobStore::beat_async(const BeatRequest& request,
                               const std::function<void(Result<BeatResult>)>& done) {
  if (Status checked = check_shard(request.shard); !checked) {
    return done(deskwire::fail(std::move(checked).error()));
  }
  client_.submit(scripts::beat(), scripts::keys_of(request.shard),
                 beat_args(request, limits_, clock_.wall_ms()),
                 [shard = request.shard, done](Result<Reply> reply) {
                   done(read_beat(std::move(reply), shard));
                 });
}

Status RedisJobStore::release(const Lease& lease) {
  const Result<Reply> reply =
      client_.run(scripts::release(), scripts::keys_of(shard_of_lane(lease.lane)),
                  {lease.id.str(), std::to_string(lease.token)});
  if (!reply) return deskwire::fail(Error(reply.error()).prefixed("release " + job_name(lease.id)));
  if (reply->text == "stale") return stale("release", lease.id);
  return {};
}

}  // namespace deskwire::jobs
