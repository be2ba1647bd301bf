#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/clock.h"
#include "core/event.h"
#include "worker/handlers/draft.h"
#include "worker/helpdesk_client.h"

namespace deskwire::worker {

/// Shows that the assistant is writing: at once on the channel, and after a moment at the helpdesk,
/// where that does not delay the reply. One thread ("typing-0") talks to the helpdesks; what it has
/// not come to say before the reply is ready is never said. Whoever was told "on" is told "off".
///
/// Both are repeated every `refresh` while a scope is open, because clients let typing end by
/// itself after 6 s.
///
/// Thread safety: every method may be called concurrently.
class TypingFeed {
 public:
  struct Options {
    Milliseconds refresh{4000};
    /// A reply that is ready sooner is not announced at the helpdesk: two requests for a line that
    /// nobody has time to see.
    Milliseconds patience{150};
    Milliseconds farewell{2000};  ///< Longest time that stop() spends on saying "off".
    std::size_t max_open = 1024;  ///< More than these are not shown at the helpdesk.
  };
  TypingFeed(PublishEvent publish, const Clock& clock, Options options);
  TypingFeed(PublishEvent publish, const Clock& clock)
      : TypingFeed(std::move(publish), clock, Options{}) {}
  ~TypingFeed();  ///< Calls stop().
  TypingFeed(const TypingFeed&) = delete;
  TypingFeed& operator=(const TypingFeed&) = delete;

  void start();  ///< Twice: fine.
  void stop();   ///< Twice, unstarted: fine.

  /// The assistant is writing for as long as this lives, or until end().
  class Scope {
   public:
    Scope() = default;
    Scope(TypingFeed& feed, std::size_t id) : feed_(&feed), id_(id) {}
    ~Scope() { end(); }
    Scope(Scope&& other) noexcept : feed_(std::exchange(other.feed_, nullptr)), id_(other.id_) {}
    Scope& operator=(Scope&& other) noexcept {
      std::swap(feed_, other.feed_);
      std::swap(id_, other.id_);
      return *this;
    }
    /// Publishes `typing:stop` now. Twice: fine.
    void end();

   private:
    TypingFeed* feed_ = nullptr;
    std::size_t id_ = 0;
  };
  /// Publishes `typing:start` on the conversation's channel.
  /// @param client  Kept until the helpdesk has heard the end.
  /// @param shadow  On `…:internal` only, and not at the helpdesk.
  [[nodiscard]] Scope begin(std::shared_ptr<HelpdeskClient> client,
                            const ConversationRef& conversation, const std::string& persona,
                            bool shadow = false);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::worker
