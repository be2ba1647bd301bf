// DESIGN
// `topics_` holds what the owner wants and how many SUBSCRIBE and UNSUBSCRIBE commands of each
// topic are not yet confirmed. on_subscribed is called when the last of them is: an earlier
// confirmation may already be undone by a command behind it. A new connection starts from `topics_`
// alone.

#include "core/redis/redis_subscriber.h"

#include <atomic>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "core/redis/command.h"
#include "core/redis/connection.h"
#include "core/redis/connection_thread.h"
#include "core/redis/reply_error.h"

namespace deskwire::redis {
namespace {

/// Topics in one SUBSCRIBE, so that a restore of many does not become one giant command.
constexpr std::size_t kTopicsPerCommand = 256;

MonotonicTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

class Subscriber::Impl {
 public:
  Impl(Client::Options options, Callbacks callbacks)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        thread_(options_, "bus", [this](Connection& connection) { return serve(connection); }) {}

  void start() { thread_.start(); }
  void stop() { thread_.stop(); }
  bool connected() const { return connected_.load(); }

  void change(std::string topic, bool wanted) {
    {
      const MutexLock lock(mutex_);
      const auto found = topics_.find(topic);
      if (found == topics_.end() ? !wanted : found->second.wanted == wanted) return;
      Topic& state = found == topics_.end() ? topics_[topic] : found->second;
      state.wanted = wanted;
      if (!connected_.load()) {
        if (!wanted) topics_.erase(topic);
        return;
      }
      ++state.unconfirmed;
      append_command(out_, {wanted ? "SUBSCRIBE" : "UNSUBSCRIBE", std::move(topic)});
    }
    thread_.wakeup().signal();
  }

 private:
  struct Topic {
    bool wanted = false;
    int unconfirmed = 0;
  };

  Error serve(Connection& connection);
  Error converse(Connection& connection);
  Status deliver(Connection& connection);
  void restore();
  void confirm(const std::string& topic);

  const Client::Options options_;
  const Callbacks callbacks_;
  std::atomic<bool> connected_{false};

  Mutex mutex_;
  std::unordered_map<std::string, Topic> topics_ DW_GUARDED_BY(mutex_);
  std::string out_ DW_GUARDED_BY(mutex_);

  // Of the bus thread only.
  std::size_t restoring_ = 0;  ///< Confirmations still to come before on_restored.
  bool connected_before_ = false;

  ConnectionThread thread_;  ///< Last: it uses all of the above.
};

Error Subscriber::Impl::serve(Connection& connection) {
  restore();
  Error reason = converse(connection);
  const MutexLock lock(mutex_);
  connected_.store(false);
  out_.clear();
  for (auto it = topics_.begin(); it != topics_.end();) {
    it->second.unconfirmed = 0;
    it = it->second.wanted ? std::next(it) : topics_.erase(it);
  }
  return reason;
}

void Subscriber::Impl::restore() {
  {
    const MutexLock lock(mutex_);
    connected_.store(true);
    std::vector<std::string> command;
    for (auto& [topic, state] : topics_) {
      if (command.empty()) command.emplace_back("SUBSCRIBE");
      command.push_back(topic);
      ++state.unconfirmed;
      if (command.size() > kTopicsPerCommand) {
        append_command(out_, command);
        command.clear();
      }
    }
    if (!command.empty()) append_command(out_, command);
    restoring_ = topics_.size();
  }
  if (!std::exchange(connected_before_, true)) {
    restoring_ = 0;
  } else if (restoring_ == 0 && callbacks_.on_restored) {
    callbacks_.on_restored();
  }
}

Error Subscriber::Impl::converse(Connection& connection) {
  // Silence for twice the request timeout: ask. For three times: the connection is half open.
  MonotonicTime heard = now();
  bool asked = false;
  std::string sending;
  std::string_view unsent;
  for (;;) {
    if (auto reason = thread_.reason_to_end()) return *reason;
    if (unsent.empty()) {
      sending.clear();
      const MutexLock lock(mutex_);
      sending.swap(out_);
      unsent = sending;
    }
    if (auto sent = connection.send(unsent); !sent) return std::move(sent.error());
    const auto patience = options_.request_timeout * (asked ? 3 : 2);
    if (connection.wait(!unsent.empty(), heard + patience)) {
      auto received = connection.receive();
      if (!received) return std::move(received.error());
      if (*received > 0) {
        heard = now();
        asked = false;
      }
      if (auto delivered = deliver(connection); !delivered) return std::move(delivered.error());
    } else if (now() >= heard + patience) {
      if (asked) return Error{ErrorCode::kTimeout, "redis PING: no answer"};
      asked = true;
      const MutexLock lock(mutex_);
      append_command(out_, {"PING"});
    }
  }
}

Status Subscriber::Impl::deliver(Connection& connection) {
  for (;;) {
    auto reply = connection.next_reply();
    if (!reply) return fail(std::move(reply.error()));
    if (!reply->has_value()) return {};
    const Reply& value = **reply;
    if (value.kind == Reply::Kind::kError) return fail(error_of_reply("SUBSCRIBE", value.text));
    const std::string& kind = value.at(0).text;
    if (kind == "message") {
      callbacks_.on_message(value.at(1).text, value.at(2).text);
    } else if (kind == "subscribe" || kind == "unsubscribe") {
      confirm(value.at(1).text);
      if (kind == "subscribe" && restoring_ > 0 && --restoring_ == 0 && callbacks_.on_restored) {
        callbacks_.on_restored();
      }
    } else if (kind != "pong" && value.text != "PONG") {  // The latter while nothing is subscribed.
      return fail(ErrorCode::kCorrupt, "redis answer: not one of Pub/Sub");
    }
  }
}

void Subscriber::Impl::confirm(const std::string& topic) {
  {
    const MutexLock lock(mutex_);
    const auto found = topics_.find(topic);
    if (found == topics_.end() || --found->second.unconfirmed > 0) return;
    if (!found->second.wanted) {
      topics_.erase(found);
      return;
    }
  }
  if (callbacks_.on_subscribed) callbacks_.on_subscribed(topic);
}

Subscriber::Subscriber(Client::Options options, Callbacks callbacks)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(callbacks))) {}
Subscriber::~Subscriber() { stop(); }
void Subscriber::start() { impl_->start(); }
void Subscriber::stop() { impl_->stop(); }
void Subscriber::subscribe(std::string topic) { impl_->change(std::move(topic), true); }
void Subscriber::unsubscribe(std::string topic) { impl_->change(std::move(topic), false); }
bool Subscriber::connected() const { return impl_->connected(); }

}  // namespace deskwire::redis
