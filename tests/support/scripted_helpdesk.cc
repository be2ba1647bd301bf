#include "tests/support/scripted_helpdesk.h"

#include <optional>

namespace deskwire::testing {
namespace {

tl::unexpected<Error> error_of(const ScriptedHelpdesk::Answer& answer) {
  return fail(Error{answer.code, "scripted", answer.retry_after});
}

}  // namespace

std::optional<ScriptedHelpdesk::Answer> ScriptedHelpdesk::next(std::deque<Answer>& answers) {
  if (answers.empty()) return std::nullopt;
  const Answer answer = answers.front();
  answers.pop_front();
  return answer;
}

void ScriptedHelpdesk::fail_posts(std::deque<Answer> answers) {
  const MutexLock lock(mutex_);
  posts_ = std::move(answers);
}
void ScriptedHelpdesk::fail_finds(std::deque<Answer> answers) {
  const MutexLock lock(mutex_);
  finds_to_fail_ = std::move(answers);
}
void ScriptedHelpdesk::fail_hand_offs(std::deque<Answer> answers) {
  const MutexLock lock(mutex_);
  hand_offs_to_fail_ = std::move(answers);
}
void ScriptedHelpdesk::before_post(std::function<void()> hook) {
  const MutexLock lock(mutex_);
  before_post_ = std::move(hook);
}

std::vector<ScriptedHelpdesk::Message> ScriptedHelpdesk::messages() const {
  const MutexLock lock(mutex_);
  return messages_;
}
std::vector<std::pair<std::string, bool>> ScriptedHelpdesk::typing() const {
  const MutexLock lock(mutex_);
  return typing_;
}
std::vector<std::string> ScriptedHelpdesk::hand_offs() const {
  const MutexLock lock(mutex_);
  return hand_offs_;
}
int ScriptedHelpdesk::finds() const {
  const MutexLock lock(mutex_);
  return finds_;
}
bool ScriptedHelpdesk::stopped() const {
  const MutexLock lock(mutex_);
  return stopped_;
}

Result<std::string> ScriptedHelpdesk::create_message(const worker::PostRequest& request) {
  std::function<void()> hook;
  {
    const MutexLock lock(mutex_);
    hook = before_post_;
  }
  if (hook) hook();
  const MutexLock lock(mutex_);
  const auto answer = next(posts_);
  if (answer && !answer->done_all_the_same) return error_of(*answer);
  messages_.push_back({std::to_string(9000 + messages_.size()), request});
  if (answer) return error_of(*answer);
  return messages_.back().id;
}

Status ScriptedHelpdesk::set_typing(const worker::ConversationRef& conversation, bool on) {
  const MutexLock lock(mutex_);
  typing_.emplace_back(conversation.conversation_id, on);
  return {};
}

Result<std::optional<std::string>> ScriptedHelpdesk::find_message(
    const worker::ConversationRef& /*conversation*/, const std::string& source_id,
    const std::string& /*in_reply_to*/) {
  const MutexLock lock(mutex_);
  ++finds_;
  if (const auto answer = next(finds_to_fail_)) return error_of(*answer);
  for (const Message& message : messages_) {
    if (message.request.source_id == source_id) return message.id;
  }
  return std::nullopt;
}

Status ScriptedHelpdesk::hand_off(const worker::ConversationRef& conversation) {
  const MutexLock lock(mutex_);
  const auto answer = next(hand_offs_to_fail_);
  if (answer && !answer->done_all_the_same) return error_of(*answer);
  hand_offs_.push_back(conversation.conversation_id);
  if (answer) return error_of(*answer);
  return {};
}

Result<std::vector<worker::AccessFinding>> ScriptedHelpdesk::check_access() {
  return std::vector<worker::AccessFinding>{{worker::AccessFinding::Level::kGood, "scripted"}};
}

void ScriptedHelpdesk::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
}

}  // namespace deskwire::testing
