#include "worker/redis_reply_ledger.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "core/channel.h"
#include "core/hash.h"
#include "worker/guards/words.h"
#include "worker_scripts.h"

namespace deskwire::worker {
namespace {

constexpr std::int64_t kDayMs = 86400000;
constexpr const char* kKeptSeconds = "2678400";  // 31 days, like effects.
constexpr std::size_t kDigestBytes = 10;

std::string key_of(const std::string& lane) {
  return "dw:{" + std::to_string(shard_of_lane(lane)) + "}:rp:" + lane;
}

/// One for all conversations, in the first shard.
std::string day_key(std::int64_t now_ms) {
  return "dw:{0}:spent:" + std::to_string(now_ms / kDayMs);
}

const redis::Script& script() {
  static const redis::Script note_answer("note_answer.lua",
                                         std::string(worker_scripts::kNoteAnswerLua));
  return note_answer;
}

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<PastAnswer> read_answers(std::string_view lines) {
  std::vector<PastAnswer> answers;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || last == first) continue;
    answers.push_back({number(line.substr(0, first)), std::string(line.substr(last + 1))});
  }
  return answers;
}

}  // namespace

std::string answer_digest(std::string_view text) {
  std::string plain;
  for (const char c : lower_case(text)) {
    const bool space = c == ' ' || c == '\n' || c == '\t';
    if (!space) plain += c;
  }
  return base32_encode(sha256(plain).substr(0, kDigestBytes));
}

Result<ReplyRecord> RedisReplyLedger::read(const std::string& lane, std::int64_t now_ms) {
  const auto record = client_.call({"HMGET", key_of(lane), "t", "a"});
  if (!record) return fail(Error(record.error()).prefixed("reply record " + lane));
  ReplyRecord read{.answers = read_answers(record->at(1).as_string()),
                   .conversation_tokens = record->at(0).as_integer()};
  if (!reads_day_) return read;
  const auto day = client_.call({"GET", day_key(now_ms)});
  if (!day) return fail(Error(day.error()).prefixed("spent tokens"));
  read.day_tokens = day->as_integer();
  return read;
}

void RedisReplyLedger::note_answer(const std::string& lane, const std::string& key,
                                   const std::string& digest, std::int64_t now_ms) {
  client_.submit(
      script(), {key_of(lane)},
      {"0", key, digest, std::to_string(now_ms), std::to_string(kMaxAnswers), kKeptSeconds},
      [](const auto&) {});
}

void RedisReplyLedger::spend(const std::string& lane, std::int64_t tokens, std::int64_t now_ms) {
  client_.submit(script(), {key_of(lane)},
                 {std::to_string(tokens), "", "", std::to_string(now_ms),
                  std::to_string(kMaxAnswers), kKeptSeconds},
                 [](const auto&) {});
  client_.submit({"INCRBY", day_key(now_ms), std::to_string(tokens)}, [](const auto&) {});
  client_.submit({"EXPIRE", day_key(now_ms), "172800"}, [](const auto&) {});
}

}  // namespace deskwire::worker
