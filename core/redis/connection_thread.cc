#include "core/redis/connection_thread.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "core/log.h"

namespace deskwire::redis {
namespace {

constexpr Milliseconds kFirstBackoff{50};
constexpr Milliseconds kMaxBackoff{1000};
/// 50 ms doubled so often is beyond the maximum.
constexpr int kMaxDoublings = 5;

/// Full jitter keeps all processes of an installation from coming back in step.
/// Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
Milliseconds backoff(int failures) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto ceiling =
      std::min(kMaxBackoff, kFirstBackoff * (1 << std::min(failures, kMaxDoublings)));
  return Milliseconds(std::uniform_int_distribution<std::int64_t>(0, ceiling.count())(random));
}

}  // namespace

ConnectionThread::ConnectionThread(const Client::Options& options, std::string name, Serve serve,
                                   std::function<void()> away)
    : options_(options), name_(std::move(name)), serve_(std::move(serve)), away_(std::move(away)) {
  if (options_.endpoint.sentinels.empty()) return;
  watch_ = std::make_unique<MasterWatch>(options_, [this] { wakeup_.signal(); });
}
ConnectionThread::~ConnectionThread() { stop(); }

void ConnectionThread::start() {
  const MutexLock lock(lifecycle_mutex_);
  if (stopping_.load() || started_.load()) return;
  started_.store(true);
  if (watch_) watch_->start();
  thread_ = std::thread([this] { run(); });
}

void ConnectionThread::stop() {
  stopping_.store(true);
  wakeup_.signal();
  if (watch_) watch_->stop();
  const MutexLock lock(lifecycle_mutex_);
  if (thread_.joinable()) thread_.join();
}

std::optional<Error> ConnectionThread::reason_to_end() const {
  if (stopping_.load()) return Error{ErrorCode::kCancelled, "stopped", std::nullopt};
  if (watch_ && watch_->moved()) {
    return Error{ErrorCode::kUnavailable, "the sentinels name another master", std::nullopt};
  }
  return std::nullopt;
}

void ConnectionThread::run() {
  log::name_thread(name_);
  const std::string endpoint = options_.endpoint.display();
  Connection connection(options_, wakeup_);
  int failures = 0;
  bool told = false;  // One line a state change, not one a try.
  while (!stopping_.load()) {
    if (auto opened = connection.open(stopping_, watch_ ? watch_->named() : std::nullopt);
        !opened) {
      if (!told && !stopping_.load()) {
        told = true;
        log::warn(
            "redis_unreachable",
            {{"connection", name_}, {"endpoint", endpoint}, {"reason", opened.error().message}});
      }
      away_();
      pause_before_retry(failures++);
      continue;
    }
    told = false;
    if (watch_) watch_->follow(connection.address());
    log::info("redis_connected", {{"connection", name_}, {"endpoint", connection.peer()}});
    const auto since = std::chrono::steady_clock::now();
    const Error reason = serve_(connection);
    connection.close();
    if (stopping_.load()) break;
    log::warn("redis_lost", {{"connection", name_}, {"reason", reason.message}});
    // A connection that breaks at once, again and again, must not turn into a tight loop.
    failures = std::chrono::steady_clock::now() - since > kMaxBackoff ? 0 : failures + 1;
    pause_before_retry(failures);
  }
  away_();
}

void ConnectionThread::pause_before_retry(int failures) {
  const auto deadline = std::chrono::steady_clock::now() + backoff(failures);
  while (!stopping_.load()) {
    const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    pollfd descriptor{wakeup_.fd(), POLLIN, 0};
    if (::poll(&descriptor, 1, static_cast<int>(left.count())) > 0) wakeup_.clear();
  }
}

}  // namespace deskwire::redis
