#include "webhooks/quarantine.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>

#include "core/ids.h"
#include "core/log.h"

namespace deskwire::webhooks {
namespace {

constexpr std::size_t kSharesOfAll = 4;
/// Beyond it the disk is slower than the flood, and what comes is only counted.
constexpr std::size_t kMaxWaitingBytes = std::size_t{8} << 20U;
/// How often age is looked at, and what others have removed.
constexpr std::chrono::minutes kLookThrough{1};

}  // namespace

Quarantine::Quarantine(Options options, const Clock& clock, Metrics& metrics)
    : options_(std::move(options)),
      share_bytes_(options_.max_bytes / kSharesOfAll),
      clock_(clock),
      metrics_(metrics),
      kept_(
          metrics.counter("deskwire_quarantine_kept_total", "Refused deliveries that were kept.")),
      bytes_gauge_(metrics.gauge("deskwire_quarantine_bytes", "What refused deliveries take.")) {
  for (const char* why : {"rate", "size", "queue", "disk"}) {
    metrics.counter("deskwire_quarantine_dropped_total",
                    "Refused deliveries that were not kept, by what was over its limit.",
                    {{"reason", why}});
  }
}

Quarantine::~Quarantine() { stop(); }

void Quarantine::start() {
  if (options_.max_bytes == 0 || thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    if (stopped_) return;
  }
  thread_ = std::thread([this] {
    log::name_thread("quarantine");
    run();
  });
}

void Quarantine::stop() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Quarantine::drop(const char* why) {
  metrics_.counter("deskwire_quarantine_dropped_total", "", {{"reason", why}}).add();
}

bool Quarantine::wants(const std::string& source, const std::string& reason, std::size_t bytes) {
  if (options_.max_bytes == 0) return false;
  const char* why = nullptr;
  {
    const MutexLock lock(mutex_);
    if (stopped_) return false;
    LineBudget& budget =
        budgets_.try_emplace(Kind(source, reason), options_.max_per_minute).first->second;
    if (bytes > share_bytes_) {
      why = "size";
    } else if (waiting_bytes_ + bytes > kMaxWaitingBytes) {
      why = "queue";
    } else if (!budget.take(clock_.monotonic())) {
      why = "rate";
    }
  }
  if (why != nullptr) drop(why);
  return why == nullptr;
}

void Quarantine::keep(RefusedDelivery delivery) {
  const MutexLock lock(mutex_);
  if (stopped_) return;
  waiting_bytes_ += delivery.body.size();
  waiting_.push_back(std::move(delivery));
  changed_.notify_all();
}

void Quarantine::run() {
  look_through();
  auto next_look = std::chrono::steady_clock::now() + kLookThrough;
  for (;;) {
    std::optional<RefusedDelivery> next;
    {
      const MutexLock lock(mutex_);
      while (waiting_.empty() && !stopped_ && std::chrono::steady_clock::now() < next_look) {
        changed_.wait_until(mutex_, next_look);
      }
      if (waiting_.empty() && stopped_) return;
      if (!waiting_.empty()) {
        next = std::move(waiting_.front());
        waiting_.pop_front();
        waiting_bytes_ -= next->body.size();
      }
    }
    if (next) write(std::move(*next));
    if (std::chrono::steady_clock::now() >= next_look) {
      look_through();
      next_look = std::chrono::steady_clock::now() + kLookThrough;
    }
  }
}

void Quarantine::write(RefusedDelivery delivery) {
  delivery.id = new_ulid(delivery.at_ms);
  std::error_code error;
  std::filesystem::create_directories(options_.directory, error);
  ::chmod(options_.directory.c_str(), 0700);
  if (const Status written = write_refused(options_.directory, delivery); !written) {
    drop("disk");
    if (!std::exchange(told_, true)) {
      log::error("quarantine_failed", {{"cause", written.error().message}});
    }
    return;
  }
  told_ = false;
  kept_.add();
  constexpr std::size_t kHeadBytes = 512;
  RefusedSummary file{delivery.id, delivery.at_ms, delivery.source, delivery.reason,
                      delivery.body.size() + kHeadBytes};
  Share& share = shares_[Kind(delivery.source, delivery.reason)];
  share.bytes += file.bytes;
  bytes_ += file.bytes;
  share.files.push_back(std::move(file));
  make_room();
}

/// What is really there: others remove files, too.
void Quarantine::look_through() {
  auto files = list_refused(options_.directory);
  if (!files) {
    if (!std::exchange(told_, true)) {
      log::error("quarantine_failed", {{"cause", files.error().message}});
    }
    return;
  }
  shares_.clear();
  bytes_ = 0;
  for (RefusedSummary& file : *files) {
    Share& share = shares_[Kind(file.source, file.reason)];
    share.bytes += file.bytes;
    bytes_ += file.bytes;
    share.files.push_back(std::move(file));
  }
  make_room();
}

void Quarantine::make_room() {
  const std::int64_t oldest_ms = clock_.wall_ms() - options_.max_age_s * 1000;
  for (auto& [kind, share] : shares_) {
    while (!share.files.empty() &&
           (share.bytes > share_bytes_ || share.files.front().at_ms < oldest_ms)) {
      remove_oldest(share);
    }
  }
  while (bytes_ > options_.max_bytes) {
    const auto largest = std::max_element(
        shares_.begin(), shares_.end(),
        [](const auto& a, const auto& b) { return a.second.bytes < b.second.bytes; });
    remove_oldest(largest->second);
  }
  bytes_gauge_.set(static_cast<double>(bytes_));
}

void Quarantine::remove_oldest(Share& share) {
  // One that is gone already was removed by an operator.
  (void)remove_refused(options_.directory, share.files.front());
  share.bytes -= share.files.front().bytes;
  bytes_ -= share.files.front().bytes;
  share.files.pop_front();
}

}  // namespace deskwire::webhooks
