#include "jobs/enqueue_batches.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <iterator>
#include <utility>

#include "core/channel.h"
#include "core/hash.h"
#include "core/ids.h"
#include "core/mutex.h"
#include "jobs/effects.h"
#include "jobs/payload_codec.h"
#include "jobs/redis_scripts.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {
namespace {

using redis::Reply;

constexpr std::size_t kMaxBatch = 64;
constexpr std::size_t kMaxBatchBytes = 1U << 20U;
constexpr std::int64_t kKnownSeconds = 90LL * 86400;
constexpr std::int64_t kMaxFacts = 10000;
/// Newest texts of a conversation that are remembered at least; at most twice as many are.
constexpr int kRememberedTexts = 64;
/// Of a message's id and of its content, to tell two texts of one conversation apart.
constexpr std::size_t kTextDigestBytes = 8;
/// Of a dedupe key's SHA-256: 96 bits make a false duplicate less likely than a disk error.
constexpr std::size_t kDigestBytes = 12;

void append_state(std::vector<std::string>& args, const std::optional<ConversationState>& state) {
  if (!state) {
    args.emplace_back("0");
    return;
  }
  args.insert(args.end(),
              {"10", state->status, state->assignee_type, state->assignee_id, state->last_sender,
               state->last_message_id, state->inbox_kind, state->contact_name, state->source,
               std::to_string(std::max<std::int64_t>(0, state->updated_at_ms)), state->handed_off});
}

void append_debounce(std::vector<std::string>& args, const std::optional<Debounce>& debounce) {
  const Debounce rule = debounce.value_or(Debounce{{}, {}, 0});
  args.insert(args.end(), {std::to_string(rule.max_messages), std::to_string(rule.quiet.count()),
                           std::to_string(rule.max_wait.count())});
}

void append_echo(std::vector<std::string>& args,
                 const std::optional<std::pair<std::string, std::string>>& echo) {
  if (!echo) {
    args.emplace_back("0");
    return;
  }
  const std::string root(root_of_message(echo->second));
  args.insert(args.end(), {"4", echo->first, echo->second, root, effect_key(root)});
}

std::string text_digest(const MessageText& text) {
  return sha256(text.message).substr(0, kTextDigestBytes) +
         (text.deleted ? std::string(kTextDigestBytes, '\0')
                       : sha256(text.content).substr(0, kTextDigestBytes));
}

/// The text, and the event that tells of it if it is another one.
void append_text(std::vector<std::string>& args, const std::optional<MessageText>& text,
                 const ChannelLogLimits& limits) {
  if (!text) {
    args.emplace_back("");
    return;
  }
  if (!text->edited) {
    args.emplace_back("shown");
  } else {
    args.emplace_back(text->assume_edit ? "edit" : "news");
  }
  args.push_back(text_digest(*text));
  if (text->edited) ChannelLog::append_args(args, {*text->edited}, limits);
}

/// One request as enqueue.lua reads it.
std::vector<std::string> encode(const EnqueueRequest& request, const LaneLimits& limits) {
  std::vector<std::string> args{
      request.lane,
      request.receipt,
      request.kind,
      request.kind.empty() ? std::string() : pack_payload(request.payload),
      std::to_string(std::max(1, request.max_attempts)),
      std::to_string(initial_delay(request).count()),
      request.bury_code,
      kept_error_message(request.bury_message),
      request.fact};
  append_debounce(args, request.debounce);
  const std::vector<std::string> dedupe_keys = effective_dedupe_keys(request);
  args.push_back(std::to_string(dedupe_keys.size()));
  for (const std::string& key : dedupe_keys) args.push_back(sha256(key).substr(0, kDigestBytes));
  append_state(args, request.state);
  append_echo(args, request.echo);
  ChannelLog::append_args(args, request.events, limits.log);
  append_text(args, request.text, limits.log);
  return args;
}

Result<EnqueueResult> decode(const Reply& reply, const std::string& lane,
                             const std::string& receipt, bool makes_job) {
  const std::string& outcome = reply.at(0).text;
  EnqueueResult result;
  if (outcome == "ok") {
    if (makes_job) result.job = receipt;
    for (std::size_t i = 1; i < reply.items.size(); ++i) {
      result.offsets.push_back(static_cast<std::uint64_t>(reply.items[i].as_integer()));
    }
    return result;
  }
  if (outcome == "joined") {
    result.job = reply.at(1).text;
    for (std::size_t i = 2; i < reply.items.size(); ++i) {
      result.offsets.push_back(static_cast<std::uint64_t>(reply.items[i].as_integer()));
    }
    return result;
  }
  if (outcome == "again" || outcome == "duplicate") {
    result.job = reply.at(1).text;
    result.receipt = reply.at(2).as_string();
    result.duplicate = outcome == "duplicate";
    return result;
  }
  if (outcome == "full") {
    return fail(ErrorCode::kRateLimited, "enqueue lane=" + lane + ": the lane holds " +
                                             reply.at(1).as_string() +
                                             " jobs already (jobs.max_lane_jobs)");
  }
  if (outcome == "broken") {
    return fail(ErrorCode::kCorrupt, "enqueue lane=" + lane + ": " + reply.at(1).text);
  }
  return fail(ErrorCode::kCorrupt, "enqueue lane=" + lane + ": answer of another shape");
}

}  // namespace

struct EnqueueBatches::Queues : std::enable_shared_from_this<Queues> {
  struct Pending {
    std::vector<std::string> args;
    std::size_t bytes = 0;
    std::string lane;
    std::string receipt;
    bool makes_job = false;
    std::function<void(Result<EnqueueResult>)> done;
  };
  struct Shard {
    bool under_way = false;
    std::deque<Pending> waiting;
  };
  using Batch = std::vector<Pending>;

  explicit Queues(redis::Client& client_in) : client(client_in) {}

  void add(int shard, Pending pending) {
    Batch batch;
    {
      const MutexLock lock(mutex);
      Shard& queue = shards[static_cast<std::size_t>(shard)];
      queue.waiting.push_back(std::move(pending));
      if (queue.under_way) return;
      queue.under_way = true;
      batch = next_batch(queue);
    }
    send(shard, std::move(batch));
  }

  static Batch next_batch(Shard& queue) {
    Batch batch;
    std::size_t bytes = 0;
    while (!queue.waiting.empty() && batch.size() < kMaxBatch) {
      Pending& next = queue.waiting.front();
      bytes += next.bytes;
      if (!batch.empty() && bytes > kMaxBatchBytes) break;
      batch.push_back(std::move(next));
      queue.waiting.pop_front();
    }
    return batch;
  }

  void send(int shard, Batch batch) {
    std::vector<std::string> args = header;
    args.front() = std::to_string(batch.size());
    args.back() = clocks_run ? "1" : "0";
    for (Pending& pending : batch) {
      args.insert(args.end(), std::make_move_iterator(pending.args.begin()),
                  std::make_move_iterator(pending.args.end()));
    }
    auto shared = std::make_shared<Batch>(std::move(batch));
    client.submit(scripts::enqueue(), scripts::keys_of(shard), std::move(args),
                  [self = shared_from_this(), shard, shared](Result<Reply> reply) {
                    self->finish(shard, std::move(*shared), std::move(reply));
                  });
  }

  void finish(int shard, Batch batch, Result<Reply> reply) {
    Batch next;
    {
      const MutexLock lock(mutex);
      Shard& queue = shards[static_cast<std::size_t>(shard)];
      next = next_batch(queue);
      queue.under_way = !next.empty();
    }
    if (!next.empty()) send(shard, std::move(next));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Pending& pending = batch[i];
      if (!reply) {
        pending.done(fail(Error(reply.error()).prefixed("enqueue lane=" + pending.lane)));
      } else {
        pending.done(decode(reply->at(i), pending.lane, pending.receipt, pending.makes_job));
      }
    }
  }

  redis::Client& client;
  std::vector<std::string> header;
  std::atomic<bool> clocks_run{false};
  Mutex mutex;
  std::array<Shard, kShardCount> shards DW_GUARDED_BY(mutex);
};

EnqueueBatches::EnqueueBatches(redis::Client& client, const LaneLimits& limits)
    : queues_(std::make_shared<Queues>(client)), limits_(limits) {
  queues_->header = {"0",
                     std::to_string(limits.max_lane_jobs),
                     std::to_string(kKnownSeconds),
                     std::to_string(kEffectSeconds),
                     std::to_string(kMaxFacts),
                     std::to_string(kRememberedTexts),
                     "0"};
  queues_->clocks_run = limits.clocks_run;
}

void EnqueueBatches::set_clocks_run(bool run) { queues_->clocks_run = run; }

void EnqueueBatches::submit(const EnqueueRequest& request,
                            std::function<void(Result<EnqueueResult>)> done) {
  if (Status checked = check_enqueue(request, limits_); !checked) {
    return done(fail(std::move(checked).error()));
  }
  Queues::Pending pending;
  pending.args = encode(request, limits_);
  for (const std::string& arg : pending.args) pending.bytes += arg.size();
  pending.lane = request.lane;
  pending.receipt = request.receipt;
  pending.makes_job = !request.kind.empty();
  pending.done = std::move(done);
  queues_->add(shard_of_lane(request.lane), std::move(pending));
}

}  // namespace deskwire::jobs
