#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/mutex.h"
#include "worker/helpdesk_client.h"

namespace deskwire::testing {

/// A helpdesk in memory. Like Chatwoot it makes a new message for every post, however often the
/// same source_id comes; a test scripts what goes wrong and then looks at what it got.
///
/// Thread safety: every method may be called concurrently.
class ScriptedHelpdesk final : public worker::HelpdeskClient {
 public:
  /// What happens to one call: an error, and whether the effect happened all the same.
  struct Answer {
    ErrorCode code;
    bool done_all_the_same = false;
    std::optional<Milliseconds> retry_after = std::nullopt;
  };
  struct Message {
    std::string id;
    worker::PostRequest request;
  };

  /// The next calls answer these, one each, then all is well again.
  void fail_posts(std::deque<Answer> answers);
  void fail_finds(std::deque<Answer> answers);
  void fail_hand_offs(std::deque<Answer> answers);
  /// Runs at the start of each post, before anything is stored.
  void before_post(std::function<void()> hook);

  std::vector<Message> messages() const;
  /// "on"/"off" by conversation, in order.
  std::vector<std::pair<std::string, bool>> typing() const;
  std::vector<std::string> hand_offs() const;
  int finds() const;
  bool stopped() const;

  Result<std::string> create_message(const worker::PostRequest& request) override;
  Status set_typing(const worker::ConversationRef& conversation, bool on) override;
  Result<std::optional<std::string>> find_message(const worker::ConversationRef& conversation,
                                                  const std::string& source_id,
                                                  const std::string& in_reply_to) override;
  Status hand_off(const worker::ConversationRef& conversation) override;
  Result<std::vector<worker::AccessFinding>> check_access() override;
  void stop() override;

 private:
  static std::optional<Answer> next(std::deque<Answer>& answers);

  mutable Mutex mutex_;
  std::deque<Answer> posts_ DW_GUARDED_BY(mutex_);
  std::deque<Answer> finds_to_fail_ DW_GUARDED_BY(mutex_);
  std::deque<Answer> hand_offs_to_fail_ DW_GUARDED_BY(mutex_);
  std::function<void()> before_post_ DW_GUARDED_BY(mutex_);
  std::vector<Message> messages_ DW_GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, bool>> typing_ DW_GUARDED_BY(mutex_);
  std::vector<std::string> hand_offs_ DW_GUARDED_BY(mutex_);
  int finds_ DW_GUARDED_BY(mutex_) = 0;
  bool stopped_ DW_GUARDED_BY(mutex_) = false;
};

}  // namespace deskwire::testing
