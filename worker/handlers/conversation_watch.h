#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/clock.h"
#include "jobs/job_store.h"

namespace deskwire::worker {

/// Looks at conversations while their answers are written, so that an answer that is no longer
/// wanted (a person has answered) is stopped and not only thrown away at its end.
///
/// One thread ("watch-0") looks at all of them every `every`; it sleeps while there are none.
///
/// Thread safety: every method may be called concurrently.
class ConversationWatch {
 public:
  using Look = std::function<void(const jobs::ConversationState&)>;

  explicit ConversationWatch(jobs::JobStore& store, Milliseconds every = Milliseconds(250));
  ~ConversationWatch();  ///< Calls stop().
  ConversationWatch(const ConversationWatch&) = delete;
  ConversationWatch& operator=(const ConversationWatch&) = delete;

  void start();  ///< Twice: fine.
  void stop();   ///< Twice, unstarted: fine.

  struct Entry;
  /// `look` is called for as long as this lives, on the thread of the watch.
  class Scope {
   public:
    Scope() = default;
    explicit Scope(std::shared_ptr<Entry> entry) : entry_(std::move(entry)) {}
    ~Scope() { end(); }
    Scope(Scope&& other) noexcept = default;
    Scope& operator=(Scope&&) = delete;
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    /// When it returns, `look` is not running and will not be called.
    void end();

   private:
    std::shared_ptr<Entry> entry_;
  };
  [[nodiscard]] Scope watch(const std::string& lane, Look look);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::worker
