#include "worker/sla/queue_wait.h"

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/ids.h"
#include "core/json.h"
#include "core/log.h"
#include "core/timestamp.h"
#include "worker_scripts.h"

namespace deskwire::worker {
namespace {

constexpr std::int64_t kClearForMs = 60000;
constexpr std::int64_t kRefreshMs = 30000;
constexpr const char* kPrefix = "dw:{0}:";
constexpr const char* kAlertKey = "sla/queue/jobs/queue_wait";

const redis::Script& script() {
  static const redis::Script queue_wait("queue_wait.lua",
                                        std::string(worker_scripts::kQueueWaitLua));
  return queue_wait;
}

/// The script's answer, whatever lies in Redis.
struct Episode {
  std::string level;
  std::string id;
  std::int64_t since_ms = 0;
  std::string worst;
  std::int64_t warning_s = 0;
  std::int64_t violation_s = 0;
  std::int64_t met_s = 0;

  std::int64_t actual_s(const std::string& kind) const {
    if (kind == "violation") return violation_s;
    return kind == "met" ? met_s : warning_s;
  }
};

}  // namespace

class QueueWaitMonitor::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(redis::Client& client, ChannelLog& log, config::QueueWait thresholds, const Clock& clock)
      : client_(client), log_(log), thresholds_(thresholds), clock_(clock) {}

  void observe(Milliseconds queue_wait, std::int64_t server_now_ms) {
    const bool high = queue_wait.count() * 10 >= thresholds_.warning_s * 1000 * 8;
    const bool refresh_due = server_now_ms - asked_at_ms_ >= kRefreshMs;
    if (!high && !episode_open_ && !refresh_due) return;
    asked_at_ms_ = server_now_ms;
    client_.submit(script(), {kPrefix},
                   {"observe", std::to_string(server_now_ms), std::to_string(queue_wait.count()),
                    std::to_string(thresholds_.warning_s * 1000),
                    std::to_string(thresholds_.critical_s * 1000), std::to_string(kClearForMs),
                    new_ulid(clock_.wall_ms())},
                   [self = shared_from_this()](const Result<redis::Reply>& reply) {
                     if (reply) self->take(*reply);
                   });
  }

 private:
  void take(const redis::Reply& reply) {
    const Episode episode{.level = reply.at(0).as_string(),
                          .id = reply.at(1).as_string(),
                          .since_ms = reply.at(2).as_integer(),
                          .worst = reply.at(3).as_string(),
                          .warning_s = reply.at(4).as_integer(),
                          .violation_s = reply.at(5).as_integer(),
                          .met_s = reply.at(6).as_integer()};
    bool all_told = true;
    for (std::size_t i = 7; i + 1 < reply.items.size(); i += 2) {
      all_told = false;
      announce(episode, reply.at(i).as_string(), reply.at(i + 1).as_string());
    }
    episode_open_ = (!episode.level.empty() && episode.level != "none") || !all_told;
  }

  void announce(const Episode& episode, const std::string& kind, const std::string& id) {
    const bool violation = kind == "violation";
    const bool critical = violation || (kind == "met" && episode.worst == "violation");
    const std::int64_t now = clock_.wall_ms();
    const nlohmann::json data{
        {"v", 1},
        {"type", "sla:" + kind},
        {"threshold", violation ? thresholds_.critical_s : thresholds_.warning_s},
        {"actual", episode.actual_s(kind)},
        {"severity", critical ? "critical" : "warning"},
        {"metric", "queue_wait"},
        {"queue", "jobs"},
        {"episode", episode.id},
        {"event_id", derived_id("sla", id)},
        {"alert_key", kAlertKey},
        {"unit", "s"},
        {"hours", "calendar"},
        {"started_at", iso8601(episode.since_ms)},
        {"emitted_at", iso8601(now)},
        {"ack", {{"state", "none"}}},
        {"replay", false},
        {"timestamp", now}};
    Event event;
    event.channel = "ops";
    event.id = derived_id("sla", id);
    event.name = "sla:" + kind;
    event.timestamp = now;
    event.data = dump_json(data);
    event.once = true;
    // One channel after the other, then the confirmation: until it, others repeat this.
    log_.append(event, [self = shared_from_this(), event, id](const auto& on_ops) {
      if (!on_ops) return;
      if (!on_ops->duplicate) {
        log::warn("queue_wait_announced", {{"name", event.name}, {"announcement", id}});
      }
      Event again = event;
      again.channel = "oncall";
      self->log_.append(again, [self, id](const auto& on_oncall) {
        if (!on_oncall) return;
        self->client_.submit(script(), {kPrefix}, {"told", id},
                             [](const Result<redis::Reply>& /*reply*/) {});
      });
    });
  }

  redis::Client& client_;
  ChannelLog& log_;
  const config::QueueWait thresholds_;
  const Clock& clock_;
  std::atomic<bool> episode_open_{true};  ///< Until Redis says otherwise.
  std::atomic<std::int64_t> asked_at_ms_{0};
};

QueueWaitMonitor::QueueWaitMonitor(redis::Client& client, ChannelLog& log,
                                   config::QueueWait thresholds, const Clock& clock)
    : impl_(std::make_shared<Impl>(client, log, thresholds, clock)) {}
QueueWaitMonitor::~QueueWaitMonitor() = default;

void QueueWaitMonitor::observe(Milliseconds queue_wait, std::int64_t server_now_ms) {
  impl_->observe(queue_wait, server_now_ms);
}

}  // namespace deskwire::worker
