#include "cli/self_watch.h"

#include <unistd.h>

#include <array>
#include <chrono>

#include "core/log.h"

namespace deskwire::cli {
namespace {

constexpr std::chrono::seconds kEvery{5};
/// Dead jobs are listed only now and then.
constexpr int kRoundsPerList = 6;
constexpr std::int64_t kRefusedWithinMs = 3600000;

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

}  // namespace

SelfWatch::SelfWatch(const config::Config& config, redis::Client& client, ChannelLog& log,
                     jobs::JobStore& jobs, const Clock& clock, Metrics& metrics)
    : client_(client),
      jobs_(jobs),
      watches_dead_(config.sla.alerts.dead_jobs > 0),
      clock_(clock),
      metrics_(metrics),
      store_(client, config.sla.on_call.max_log, config.sla.on_call.max_dead),
      watch_(
          store_,
          [&log](const Event& event) -> Status {
            const auto appended = log.append(event);
            if (!appended) return fail(appended.error());
            if (!appended->duplicate) log::warn("alert_announced", {{"name", event.name}});
            return {};
          },
          config.sla.alerts.clear_for_s),
      readings_(config.sla.alerts, host_name()) {}

SelfWatch::~SelfWatch() { stop(); }

void SelfWatch::start() {
  if (thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    stopping_ = false;
  }
  thread_ = std::thread([this] { run(); });
}

void SelfWatch::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SelfWatch::run() {
  log::name_thread("watch");
  int round = 0;
  while (true) {
    {
      const MutexLock lock(mutex_);
      if (!stopping_) wake_.wait_until(mutex_, std::chrono::steady_clock::now() + kEvery);
      if (stopping_) return;
    }
    const std::int64_t now_ms = clock_.wall_ms();
    // What is counted while Redis is away is told when it is back.
    const auto all = readings_.read(metrics_.render(), now_ms);
    if (!client_.connected()) continue;
    for (const publishers::AlertReading& reading : all) {
      static_cast<void>(watch_.observe(reading, now_ms));
    }
    if (watches_dead_ && round++ % kRoundsPerList == 0) observe_tokens(now_ms);
  }
}

void SelfWatch::observe_tokens(std::int64_t now_ms) {
  jobs::JobFilter filter;
  filter.state = jobs::JobState::kDead;
  filter.error_code = name_of(ErrorCode::kUnauthorized);
  filter.since_ms = now_ms - kRefusedWithinMs;
  filter.limit = 1;
  const auto refused = jobs_.list(filter);
  if (!refused) return;
  static_cast<void>(watch_.observe(
      {.name = "token_refused",
       .instance = "",
       .firing = !refused->empty(),
       .severity = "critical",
       .summary = "the helpdesk refuses our token: a job has died of it within the hour",
       .reason = "the helpdesk answered 401",
       .advice = "deskwire doctor checks the tokens of each source; then deskwire jobs replay"},
      now_ms));
}

}  // namespace deskwire::cli
