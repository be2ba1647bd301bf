#include "core/redis/master_watch.h"

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/redis/command.h"
#include "core/redis/reply_error.h"

namespace deskwire::redis {
namespace {

constexpr const char* kSwitchTopic = "+switch-master";
constexpr Milliseconds kSilence{10000};  ///< After which a sentinel is asked whether it is there.
constexpr Milliseconds kPause{1000};     ///< Between two sentinels that could not be used.
/// Sentinels tell each other within two seconds. What one says that was only just asked may be
/// older than what the connection was told; if it is still its word after this, it is true.
constexpr Milliseconds kGossip{3000};

MonotonicTime now() { return std::chrono::steady_clock::now(); }

bool same(const std::optional<Address>& one, const std::optional<Address>& other) {
  return one && other && one->host == other->host && one->port == other->port;
}

/// Of `name old-host old-port new-host new-port`.
std::optional<Address> switched_to(const std::string& message, const std::string& master_name) {
  std::istringstream words(message);
  std::string name;
  std::string old_host;
  std::string old_port;
  Address master;
  words >> name >> old_host >> old_port >> master.host >> master.port;
  if (!words || name != master_name) return std::nullopt;
  return master;
}

}  // namespace

MasterWatch::MasterWatch(const Client::Options& options, std::function<void()> on_moved)
    : options_(options), on_moved_(std::move(on_moved)) {}
MasterWatch::~MasterWatch() { stop(); }

void MasterWatch::start() {
  const MutexLock lock(lifecycle_mutex_);
  if (!stopping_.load() && !thread_.joinable()) thread_ = std::thread([this] { run(); });
}

void MasterWatch::stop() {
  stopping_.store(true);
  wakeup_.signal();
  const MutexLock lock(lifecycle_mutex_);
  if (thread_.joinable()) thread_.join();
}

void MasterWatch::follow(const Address& master) {
  {
    const MutexLock lock(mutex_);
    followed_ = master;
    followed_since_ = now();
    is_news_ = false;
    moved_.store(false);
  }
  wakeup_.signal();
}

std::optional<Address> MasterWatch::named() const {
  const MutexLock lock(mutex_);
  return named_;
}

void MasterWatch::run() {
  log::name_thread("sentinel");
  const Endpoint& endpoint = options_.endpoint;
  for (std::size_t next = 0; !stopping_.load(); ++next) {
    Client::Options options = options_;
    options.endpoint = endpoint.sentinel(next % endpoint.sentinels.size());
    Connection sentinel(options, wakeup_);
    Status opened = sentinel.open(stopping_);
    const Error reason = opened ? listen(sentinel) : opened.error();
    {
      const MutexLock lock(mutex_);
      named_.reset();
    }
    if (stopping_.load()) return;
    log::debug("sentinel_lost",
               {{"sentinel", options.endpoint.display()}, {"reason", reason.message}});
    const MonotonicTime until = now() + kPause;
    while (!stopping_.load() && now() < until) sentinel.wait(false, until);
  }
}

Error MasterWatch::listen(Connection& sentinel) {
  std::string bytes;
  append_command(bytes, {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", options_.endpoint.master_name});
  append_command(bytes, {"SUBSCRIBE", kSwitchTopic});
  std::string_view unsent = bytes;
  MonotonicTime heard = now();
  bool asked = false;
  for (;;) {
    if (stopping_.load()) return Error{ErrorCode::kCancelled, "stopped", std::nullopt};
    check();
    if (auto sent = sentinel.send(unsent); !sent) return std::move(sent.error());
    const MonotonicTime deadline = heard + kSilence + (asked ? options_.request_timeout : kPause);
    if (sentinel.wait(!unsent.empty(), next_check(deadline))) {
      auto received = sentinel.receive();
      if (!received) return std::move(received.error());
      heard = now();
      asked = false;
      for (;;) {
        auto reply = sentinel.next_reply();
        if (!reply) return std::move(reply.error());
        if (!reply->has_value()) break;
        if (auto taken = take(**reply); !taken) return std::move(taken.error());
      }
    } else if (now() >= deadline && unsent.empty()) {
      if (asked) return Error{ErrorCode::kTimeout, "redis PING: no answer", std::nullopt};
      asked = true;
      bytes.clear();
      append_command(bytes, {"PING"});
      unsent = bytes;
    }
  }
}

Status MasterWatch::take(const Reply& reply) {
  if (reply.kind == Reply::Kind::kError) return fail(error_of_reply("SUBSCRIBE", reply.text));
  if (reply.is_nil()) return fail(ErrorCode::kNotFound, "it does not know a master of that name");
  if (reply.at(0).text == "message") {
    const auto master = switched_to(reply.at(2).text, options_.endpoint.master_name);
    if (master) learn(*master, true);
  } else if (reply.items.size() == 2 && reply.at(0).text != "pong") {
    learn({reply.at(0).text, static_cast<std::uint16_t>(reply.at(1).as_integer())}, false);
  }
  return {};
}

void MasterWatch::learn(Address master, bool is_news) {
  const MutexLock lock(mutex_);
  named_ = std::move(master);
  is_news_ = is_news;
}

void MasterWatch::check() {
  {
    const MutexLock lock(mutex_);
    if (!named_ || !followed_ || same(named_, followed_)) return;
    if (!is_news_ && now() < followed_since_ + kGossip) return;
    if (moved_.exchange(true)) return;
    log::warn("redis_master_moved", {{"from", followed_->display()}, {"to", named_->display()}});
  }
  on_moved_();
}

/// When check() would have something to say although nothing came in.
MonotonicTime MasterWatch::next_check(MonotonicTime otherwise) const {
  const MutexLock lock(mutex_);
  const bool doubtful = named_ && followed_ && !same(named_, followed_) && !moved_.load();
  return doubtful ? std::min(otherwise, followed_since_ + kGossip) : otherwise;
}

}  // namespace deskwire::redis
