#include "worker/handlers/typing_feed.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <thread>

#include "core/log.h"
#include "core/mutex.h"
#include "worker/handlers/reply_events.h"

namespace deskwire::worker {

class TypingFeed::Impl {
 public:
  Impl(PublishEvent publish, const Clock& clock, Options options)
      : publish_(std::move(publish)), clock_(clock), options_(options) {}

  ~Impl() { stop(); }

  void start() {
    const MutexLock lifecycle(lifecycle_mutex_);
    if (thread_.joinable()) return;
    {
      const MutexLock lock(mutex_);
      stopping_ = false;
    }
    thread_ = std::thread([this] { run(); });
  }

  void stop() {
    const MutexLock lifecycle(lifecycle_mutex_);
    {
      const MutexLock lock(mutex_);
      stopping_ = true;
      farewell_until_ = std::chrono::steady_clock::now() + options_.farewell;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

  std::size_t begin(std::shared_ptr<HelpdeskClient> client, const ConversationRef& conversation,
                    const std::string& persona, bool shadow) {
    const Writer writer{conversation.key, persona, shadow};
    publish_(ai_typing(writer, true, clock_.wall_ms()));
    const MutexLock lock(mutex_);
    const std::size_t id = ++last_id_;
    const auto now = std::chrono::steady_clock::now();
    const bool shown = open_.size() < options_.max_open && !shadow;
    open_[id] = {.client = shown ? std::move(client) : nullptr,
                 .conversation = conversation,
                 .writer = writer,
                 .next_on = now + options_.patience,
                 .next_event = now + options_.refresh};
    if (std::min(now + options_.patience, now + options_.refresh) < sleeping_until_) {
      changed_.notify_all();
    }
    return id;
  }

  void end(std::size_t id) {
    std::optional<Event> stop_event;
    {
      const MutexLock lock(mutex_);
      const auto found = open_.find(id);
      if (found == open_.end()) return;
      Entry& entry = found->second;
      stop_event = ai_typing(entry.writer, false, clock_.wall_ms());
      entry.wanted = false;
      if (entry.told) {
        changed_.notify_all();
      } else {
        open_.erase(found);
      }
      // Under the lock, so that no refresh of the thread can come after it.
      publish_(*stop_event);
    }
  }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Entry {
    std::shared_ptr<HelpdeskClient> client;  ///< Null: not shown at the helpdesk.
    ConversationRef conversation;
    Writer writer;
    Time next_on;
    Time next_event;
    bool wanted = true;
    bool told = false;  ///< The helpdesk heard "on" (or may have).
  };
  struct Call {
    std::shared_ptr<HelpdeskClient> client;
    ConversationRef conversation;
    bool on;
  };

  void run() {
    log::name_thread("typing-0");
    for (;;) {
      const auto call = next_call();
      if (!call) return;
      const auto answer = call->client->set_typing(call->conversation, call->on);
      if (!answer) {
        log::debug("typing_not_shown", {{"conversation", call->conversation.key},
                                        {"code", name_of(answer.error().code)}});
      }
    }
  }

  /// The next thing to tell a helpdesk; nullopt: stop.
  std::optional<Call> next_call() {
    const MutexLock lock(mutex_);
    for (;;) {
      const auto now = std::chrono::steady_clock::now();
      Time next = now + std::chrono::hours(1);
      for (auto it = open_.begin(); it != open_.end(); ++it) {
        Entry& entry = it->second;
        if (!entry.wanted) {
          Call off{entry.client, std::move(entry.conversation), false};
          open_.erase(it);
          if (stopping_ && now >= farewell_until_) return std::nullopt;
          return off;
        }
        if (stopping_) continue;
        if (entry.next_event <= now) {
          publish_(ai_typing(entry.writer, true, clock_.wall_ms()));
          entry.next_event = now + options_.refresh;
        }
        if (entry.client != nullptr && entry.next_on <= now) {
          entry.told = true;
          entry.next_on = now + options_.refresh;
          return Call{entry.client, entry.conversation, true};
        }
        next = std::min(next, entry.next_event);
        if (entry.client != nullptr) next = std::min(next, entry.next_on);
      }
      // Scopes that are still open at stop end later and find nobody to tell; their attempts are
      // over by then in the order in which the parts are stopped.
      if (stopping_) return std::nullopt;
      sleeping_until_ = next;
      changed_.wait_until(mutex_, next);
    }
  }

  const PublishEvent publish_;
  const Clock& clock_;
  const Options options_;
  Mutex lifecycle_mutex_;
  std::thread thread_ DW_GUARDED_BY(lifecycle_mutex_);
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ DW_GUARDED_BY(mutex_) = false;
  Time farewell_until_ DW_GUARDED_BY(mutex_);
  Time sleeping_until_ DW_GUARDED_BY(mutex_);  ///< When the thread looks again by itself.
  std::size_t last_id_ DW_GUARDED_BY(mutex_) = 0;
  std::map<std::size_t, Entry> open_ DW_GUARDED_BY(mutex_);
};

TypingFeed::TypingFeed(PublishEvent publish, const Clock& clock, Options options)
    : impl_(std::make_unique<Impl>(std::move(publish), clock, options)) {}
TypingFeed::~TypingFeed() = default;
void TypingFeed::start() { impl_->start(); }
void TypingFeed::stop() { impl_->stop(); }

TypingFeed::Scope TypingFeed::begin(std::shared_ptr<HelpdeskClient> client,
                                    const ConversationRef& conversation, const std::string& persona,
                                    bool shadow) {
  return {*this, impl_->begin(std::move(client), conversation, persona, shadow)};
}

void TypingFeed::Scope::end() {
  if (feed_ != nullptr) std::exchange(feed_, nullptr)->impl_->end(id_);
}

}  // namespace deskwire::worker
