#include "worker/responders/completion_reader.h"

#include <nlohmann/json.hpp>

#include "core/json.h"
#include "worker/responders/prompt.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxRawBytes = 4U << 20U;

const json& first_choice(const json& root) {
  static const json none = json::object();
  const auto choices = root.find("choices");
  const bool listed = choices != root.end() && choices->is_array() && !choices->empty() &&
                      choices->front().is_object();
  return listed ? choices->front() : none;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const std::size_t from = text.find_first_not_of(kSpaces);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kSpaces) - from + 1);
}

}  // namespace

CompletionReader::CompletionReader(DraftSink& draft, std::size_t max_bytes)
    : draft_(draft),
      max_bytes_(max_bytes),
      sse_([this](std::string_view data) { return take_event(data); }) {}

bool CompletionReader::add(std::string_view bytes) {
  if (!streamed_) {
    // A whole answer begins with a brace, a stream with the name of a field or a colon.
    raw_ += bytes;
    const std::string_view begun = trimmed(raw_);
    if (begun.empty()) return true;
    if (begun.front() == '{' || begun.front() == '[' || begun.front() == '<') {
      return raw_.size() <= kMaxRawBytes;
    }
    streamed_ = true;
    const std::string first = std::move(raw_);
    raw_.clear();
    return sse_.add(first) && !enough_;
  }
  return sse_.add(bytes) && !enough_;
}

bool CompletionReader::take_event(std::string_view data) {
  if (data == "[DONE]") {
    done_ = true;
    return false;
  }
  const auto root = parse_json(data);
  if (!root || !root->is_object() || root->contains("error")) {
    broken_ = true;
    return false;
  }
  const std::int64_t total = integer_at(object_at(*root, "usage"), "total_tokens").value_or(0);
  if (total > 0) tokens_ = total;
  const json& choice = first_choice(*root);
  const bool more = take_text(string_at(object_at(choice, "delta"), "content"));
  if (std::string reason = string_at(choice, "finish_reason"); !reason.empty()) {
    finish_reason_ = std::move(reason);
    done_ = true;
  }
  return more;
}

bool CompletionReader::take_text(std::string_view text) {
  text_ += text;
  // What may still be the mark for people is not shown.
  const std::string_view begun = trimmed(text_);
  const bool may_be_mark = kHandOffMark.starts_with(begun.substr(0, kHandOffMark.size()));
  if (!may_be_mark) show(text_);
  enough_ = text_.size() > max_bytes_;
  return !enough_;
}

void CompletionReader::show(std::string_view text) {
  if (text.size() <= shown_) return;
  draft_.add(text.substr(shown_));
  shown_ = text.size();
}

Result<CompletionReader::Completion> CompletionReader::finish(bool whole) {
  const auto none = [](const char* why) {
    return fail(ErrorCode::kUnavailable, std::string("model: ") + why);
  };
  if (streamed_) {
    if (whole) sse_.end();
    if (broken_ || sse_.too_large())
      return none("its stream holds something that is no completion");
    if (!done_ && !enough_) return none("the stream ended before the answer did");
  } else {
    const auto root = parse_json(raw_);
    if (!whole || !root || !root->is_object()) return none("its answer is no completion");
    const json& choice = first_choice(*root);
    tokens_ = integer_at(object_at(*root, "usage"), "total_tokens").value_or(0);
    finish_reason_ = string_at(choice, "finish_reason");
    text_ = string_at(object_at(choice, "message"), "content");
  }
  Completion completion{std::string(trimmed(text_)), false, tokens_};
  completion.wants_hand_off =
      completion.text.find(kHandOffMark) != std::string::npos || finish_reason_ == "content_filter";
  if (completion.text.empty() && !completion.wants_hand_off) return none("its answer is empty");
  return completion;
}

}  // namespace deskwire::worker
