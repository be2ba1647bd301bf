// Random calls to the store on Redis and to its model in memory, which must agree on everything
// they answer: among repeated calls as after lost answers, workers that vanish with their leases,
// and a clock that jumps forward and back.
//
// DESKWIRE_RANDOM_OPS=1000000 integration_jobs "[model]" makes more of them.
#include <cstdlib>
#include <random>
#include <set>

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/effects.h"
#include "tests/support/catch.h"
#include "tests/support/job_store_conformance.h"
#include "tests/support/twin_stores.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

// Two seconds before midnight: the first calls cross into another day of dedupe.
constexpr std::int64_t kBegin = 1795305600000 - 2000;
constexpr int kWorkers = 4;
constexpr int kCompareEvery = 1000;
constexpr int kCompareLogsEvery = 50'000;  // The model's log is never trimmed.

int random_operations() {
  const char* wanted = std::getenv("DESKWIRE_RANDOM_OPS");
  return wanted == nullptr ? 4000 : std::atoi(wanted);
}

LaneLimits limits(bool park_dead_heads = false) {
  LaneLimits limits;
  limits.park_dead_heads = park_dead_heads;
  limits.lease = Milliseconds{40};
  limits.max_lane_jobs = 12;
  limits.completed_max = 100'000;  // Not reached: how soon it is kept to is each store's own.
  limits.completed_max_age_s = 3;
  limits.dead_max_age_s = 5;
  return limits;
}

/// A worker's request numbers and what it holds, by shard.
struct Worker {
  std::string name;
  std::map<int, std::uint64_t> requests;
  std::vector<TwinLease> held;
};

class RandomTwins {
 public:
  RandomTwins(unsigned seed, bool park_dead_heads)
      : random_(seed), twins_(limits(park_dead_heads), kBegin) {
    // Some lanes share a shard, so that their order among each other is decided, too.
    for (int i = 0; i < 6; ++i) lanes_.push_back(lane_beside(i));
    for (int i = 0; i < 6; ++i) lanes_.push_back("r" + std::to_string(i));
    for (int i = 0; i < kWorkers; ++i) workers_.push_back(new_worker());
  }

  void run(int operations) {
    for (int i = 1; i <= operations; ++i) {
      let_time_pass();
      operate();
      if (i % kCompareEvery == 0) twins_.require_same_jobs();
      if (i % kCompareLogsEvery == 0) twins_.require_same_logs(lanes_);
    }
    drain();
    twins_.require_same_jobs();
    twins_.require_same_logs(lanes_);
  }

 private:
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  bool chance(unsigned in) { return pick(in) == 0; }
  const std::string& any_lane() { return lanes_[pick(static_cast<unsigned>(lanes_.size()))]; }
  Worker& any_worker() { return workers_[pick(kWorkers)]; }
  Worker new_worker() { return {"w" + std::to_string(++workers_made_), {}, {}}; }

  /// At least a millisecond, so that ids sort by their time in both stores.
  void let_time_pass() {
    if (chance(200)) {
      twins_.pass(pick(500));
    } else if (chance(500)) {
      twins_.pass(-static_cast<std::int64_t>(pick(300)));
    }
    twins_.pass(1 + pick(3));
  }

  void operate() {
    switch (pick(22)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return enqueue();
      case 5:
      case 6:
      case 7:
      case 8:
      case 9:
        return step();
      case 10:
      case 11:
        return fail();
      case 12:
      case 13:
        return beat();
      case 14:
      case 15:
      case 16:
        return intend();
      case 17:
        return release();
      case 18:
        return crash();
      case 20:
        return halt_or_resume();
      default:
        return interfere();
    }
  }

  void enqueue() {
    const std::string& lane = any_lane();
    EnqueueRequest request;
    request.lane = lane;
    request.receipt = new_job_id(twins_.now_ms(), shard_of_lane(lane)).str();
    request.kind = chance(10) ? "other" : "reply";
    request.payload = "message " + std::to_string(++messages_);
    request.max_attempts = 3;
    request.delay = Milliseconds{chance(4) ? pick(30) : 0};
    if (chance(20)) request.bury_code = "unparsable";
    if (chance(3)) request.dedupe_keys = {std::to_string(pick(500))};
    if (chance(3)) request.debounce = Debounce{Milliseconds{1 + pick(20)}, Milliseconds{40}, 4};
    if (chance(2)) request.events = {customer_event(lane, request.receipt)};
    if (chance(3)) request.text = some_text(lane, request.receipt);
    const auto result = twins_.enqueue(request);
    if (result && !result->duplicate) {
      names_.push_back(result->job);
      if (request.bury_code.empty()) unseen_.insert(request.payload);
      payloads_[result->job].push_back(request.payload);
    }
    if (chance(6)) twins_.enqueue(request);  // The answer was lost, the sender asks again.
  }

  MessageText some_text(const std::string& lane, const std::string& id) {
    MessageText text{std::to_string(pick(3)), std::to_string(pick(3)), std::nullopt, chance(2),
                     chance(9)};
    if (!text.deleted && !chance(3)) text.edited = customer_event(lane, "edit-" + id);
    return text;
  }

  Event customer_event(const std::string& lane, const std::string& id) const {
    Event event;
    event.channel = conversation_channel(lane);
    event.id = id;
    event.name = "message:user";
    event.timestamp = twins_.now_ms();
    event.data = "{}";
    return event;
  }

  void step() {
    Worker& worker = any_worker();
    const int shard = shard_of_lane(any_lane());
    std::vector<TwinStores::Completion> completed;
    bool handoff = false;
    for (auto it = worker.held.begin(); it != worker.held.end();) {
      // Two hand-offs born and ended in the same millisecond have no order that stores could share.
      const bool another = it->redis.kind == "handoff" && handoff;
      if (shard_of_lane(it->redis.lane) == shard && !another && chance(2)) {
        handoff = handoff || it->redis.kind == "handoff";
        completed.push_back({*it, chance(5) ? "skipped:closed" : "replied", done_effect(*it)});
        it = worker.held.erase(it);
      } else {
        ++it;
      }
    }
    const std::uint64_t number = ++worker.requests[shard];
    const std::size_t want = pick(4);
    auto leases = twins_.step(shard, WorkerId(worker.name), number, completed, want);
    if (chance(6)) leases = twins_.step(shard, WorkerId(worker.name), number, completed, want);
    for (const TwinLease& lease : leases) look_at(lease);
    if (chance(10)) return;  // The answer never came, and nobody asks again: the leases run out.
    worker.held.insert(worker.held.end(), leases.begin(), leases.end());
  }

  std::string done_effect(const TwinLease& lease) {
    return intended_.contains(twins_.root_name(lease)) && !chance(4) ? effect_of(lease) : "";
  }
  std::string effect_of(const TwinLease& lease) { return effect_key(twins_.root_name(lease)); }

  void look_at(const TwinLease& lease) {
    unseen_.erase(lease.redis.payload);
    for (const std::string& more : lease.redis.more_payloads) unseen_.erase(more);
  }

  std::optional<TwinLease> take_held() {
    Worker& worker = any_worker();
    if (worker.held.empty()) return std::nullopt;
    const auto it = worker.held.begin() + pick(static_cast<unsigned>(worker.held.size()));
    const TwinLease lease = *it;
    worker.held.erase(it);
    return lease;
  }

  void fail() {
    const auto lease = take_held();
    if (!lease) return;
    const auto failure = static_cast<FailureClass>(chance(8) ? 2 : pick(2));
    const Milliseconds delay{pick(30)};
    const std::string void_effect = chance(2) ? effect_of(*lease) : "";
    twins_.fail(*lease, failure, delay, void_effect);
    if (chance(4)) twins_.fail(*lease, failure, delay, void_effect);
  }

  void beat() {
    Worker& worker = any_worker();
    const int shard = shard_of_lane(any_lane());
    std::vector<TwinLease> renew;
    for (const TwinLease& lease : worker.held) {
      if (shard_of_lane(lease.redis.lane) == shard && !chance(4)) renew.push_back(lease);
    }
    twins_.beat(shard, WorkerId(worker.name), renew);
    if (chance(6)) twins_.beat(shard, WorkerId(worker.name), renew);
  }

  void intend() {
    Worker& worker = any_worker();
    if (worker.held.empty()) return;
    const TwinLease& lease = worker.held[pick(static_cast<unsigned>(worker.held.size()))];
    const auto intent = twins_.intend(lease, effect_of(lease));
    if (intent && intent->answer != IntentAnswer::kSuperseded) {
      intended_.insert(twins_.root_name(lease));
    }
    if (chance(4)) twins_.intend(lease, effect_of(lease));
  }

  void release() {
    const auto lease = take_held();
    if (!lease) return;
    twins_.release(*lease);
    if (chance(4)) twins_.release(*lease);
  }

  /// A process is gone with all that it held; the one that replaces it has another name. Sometimes
  /// it was only frozen, and goes on with leases that are no longer its own.
  void crash() {
    Worker& worker = any_worker();
    if (chance(2)) {
      twins_.pass(limits().lease.count() + pick(20));
      return;
    }
    worker = new_worker();
  }

  /// Pauses and parked lanes come and go; whatever is halted for long is let go as a whole.
  void halt_or_resume() {
    if (chance(12)) return twins_.resume_everything();
    HaltTarget target;
    switch (pick(5)) {
      case 0:
        break;
      case 1:
        target = {HaltScope::kKind, chance(3) ? "handoff" : "reply"};
        break;
      case 2:
        target = {HaltScope::kConversation, any_lane()};
        break;
      default:
        target = {HaltScope::kParked, any_lane()};
    }
    if (chance(3)) {
      twins_.halt(target);
    } else {
      twins_.resume(target);
    }
  }

  void interfere() {
    if (names_.empty()) return;
    const auto back = static_cast<unsigned>(std::min<std::size_t>(names_.size(), 200));
    const std::string name = names_[names_.size() - 1 - pick(back)];
    if (chance(6)) {
      // What an operator drops need not be seen.
      if (twins_.drop(name)) {
        for (const std::string& payload : payloads_[name]) unseen_.erase(payload);
      }
    } else if (chance(2)) {
      twins_.retry_now(name);
    } else if (const std::string replayed = twins_.replay(name, chance(2)); !replayed.empty()) {
      names_.push_back(replayed);
    }
  }

  /// Nothing is lost: every job can still be run to its end.
  void drain() {
    for (Worker& worker : workers_) worker = new_worker();
    for (int round = 0; round < 2000; ++round) {
      twins_.pass(limits().lease.count());
      twins_.resume_everything();
      for (const std::string& lane : lanes_) {
        Worker& worker = workers_.front();
        const int shard = shard_of_lane(lane);
        twins_.beat(shard, WorkerId(worker.name), {});
        for (int i = 0; i < 8; ++i) {
          twins_.pass(1);
          const auto number = ++worker.requests[shard];
          for (const TwinLease& lease : twins_.step(shard, WorkerId(worker.name), number, {}, 1)) {
            look_at(lease);
            twins_.step(shard, WorkerId(worker.name), ++worker.requests[shard],
                        {{lease, "replied", ""}}, 0);
          }
        }
      }
      const JobCounts counts = twins_.counts();
      if (counts.at("available") + counts.at("scheduled") + counts.at("retryable") +
              counts.at("running") ==
          0) {
        CAPTURE(unseen_);
        CHECK(unseen_.empty());
        return;
      }
    }
    FAIL("jobs were left over");
  }

  std::mt19937 random_;
  TwinStores twins_;
  std::vector<std::string> lanes_;
  std::vector<Worker> workers_;
  std::vector<std::string> names_;  ///< Of all jobs that an operator could know, oldest first.
  std::set<std::string> intended_;  ///< Roots with an effect that was announced.
  std::set<std::string> unseen_;    ///< Payloads taken in that no lease has shown.
  std::map<std::string, std::vector<std::string>> payloads_;  ///< By the job that took them in.
  int messages_ = 0;
  int workers_made_ = 0;
};

TEST_CASE("after random calls, crashes and jumps of the clock Redis and the model agree",
          "[jobs][random][model][redis]") {
  const unsigned seed = GENERATE(1U, 20261121U);
  const bool park_dead_heads = seed != 1;
  CAPTURE(seed);
  RandomTwins(seed, park_dead_heads).run(random_operations() / 2);
}

}  // namespace
}  // namespace deskwire::testing
