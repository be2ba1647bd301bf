#include "jobs/effects.h"

#include "core/ids.h"
#include "jobs/helpdesk_event.h"
#include "jobs/job_store.h"

namespace deskwire::jobs {
namespace {

constexpr std::size_t kJobIdLength = 26;
// Only the envelope's own member has unescaped quotes around it: inside a JSON string they would
// be escaped, so customers' texts are never touched.
constexpr std::string_view kUnsetTimestamp = R"("timestamp":-1)";

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

std::string plain_reason(std::string_view reason) {
  std::string plain;
  for (const char c : reason) {
    const bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '.' || c == ':' || c == '-';
    plain += safe ? c : '_';
  }
  return plain;
}

}  // namespace

std::string effect_key(std::string_view root_job, std::string_view step) {
  return derived_id("effect", root_job, step);
}

std::string_view root_of_message(std::string_view our_message_id) {
  if (!our_message_id.starts_with(kOurSourcePrefix)) return {};
  our_message_id.remove_prefix(kOurSourcePrefix.size());
  if (our_message_id.size() < kJobIdLength + 2 || our_message_id[kJobIdLength] != '-') return {};
  return our_message_id.substr(0, kJobIdLength);
}

Event filled_event(const Event& unfinished, std::int64_t now_ms, std::string_view reason) {
  Event event = unfinished;
  const std::string now = std::to_string(now_ms);
  const std::string placeholder(kNowPlaceholder);
  replace_all(event.data, '"' + placeholder + '"', now);
  replace_all(event.data, placeholder, now);
  replace_all(event.data, kUnsetTimestamp, R"("timestamp":)" + now);
  replace_all(event.data, kReasonPlaceholder, plain_reason(reason));
  if (event.timestamp < 0) event.timestamp = now_ms;
  return event;
}

std::string unfinished_record(const Event& unfinished) {
  Event event = unfinished;
  if (event.timestamp < 0) event.timestamp = -1;
  std::string tail = encode_envelope_tail(event);
  const std::string placeholder(kNowPlaceholder);
  replace_all(tail, '"' + placeholder + '"', placeholder);
  replace_all(tail, kUnsetTimestamp, R"("timestamp":)" + placeholder);
  return event.channel + '\n' + event.id + '\n' + (event.kept() ? "1" : "0") + '\n' +
         (event.once ? "1" : "0") + '\n' + tail;
}

std::string_view reason_of_outcome(std::string_view outcome) {
  const std::size_t colon = outcome.find(':');
  return colon == std::string_view::npos ? outcome : outcome.substr(colon + 1);
}

}  // namespace deskwire::jobs
