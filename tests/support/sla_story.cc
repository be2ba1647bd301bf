#include "tests/support/sla_story.h"

#include <stdexcept>

#include "core/json.h"

namespace deskwire::testing {
namespace {

std::string moment(std::int64_t unix_ms) {
  const std::int64_t ms = unix_ms - kSlaStart;
  if (ms % kMinute == 0) return std::to_string(ms / kMinute) + "m";
  if (ms % 1000 == 0) return std::to_string(ms / 1000) + "s";
  return std::to_string(ms) + "ms";
}

std::string name(worker::SlaMetricName metric, int cycle) {
  return std::string(name_of(metric)) + "/" + std::to_string(cycle);
}

}  // namespace

config::SlaPolicy gold_policy() {
  config::SlaPolicy policy;
  policy.id = "gold";
  policy.violation_grace_s = 0;
  policy.first_response.targets_s = {{"default", 3600}, {"urgent", 900}};
  policy.first_response.warn_at = {{.percent = 75}};
  policy.next_response.targets_s = {{"default", 7200}};
  policy.next_response.warn_at = {{.percent = 75}};
  policy.resolution.targets_s = {{"default", 8 * 3600}};
  policy.resolution.warn_at = {{.percent = 75}};
  policy.resolution.pause_on = {"pending", "snoozed"};
  return policy;
}

std::shared_ptr<const worker::PolicyBook> book_of(
    const std::vector<config::SlaPolicy>& policies,
    std::map<std::string, config::Calendar> calendars) {
  config::Sla settings;
  settings.policies = policies;
  settings.calendars = std::move(calendars);
  auto book = worker::PolicyBook::make(settings);
  if (!book) throw std::runtime_error(book.error().message);
  return *book;
}

SlaStory& SlaStory::fact(std::int64_t at_ms, const std::string& fields) {
  const std::int64_t at = kSlaStart + at_ms;
  std::string text = R"({"v":1,"at":)" + std::to_string(at) + R"(,"source":)" +
                     json_quote(source_) + "," + fields + "}";
  auto decoded = worker::decode_fact(text, at);
  if (!decoded) throw std::runtime_error(decoded.error().message + ": " + text);
  facts_.push_back(std::move(*decoded));
  texts_.emplace_back(at, std::move(text));
  return *this;
}

SlaStory& SlaStory::received(std::int64_t at_ms) {
  texts_.back().first = kSlaStart + at_ms;
  facts_.back() = *worker::decode_fact(texts_.back().second, kSlaStart + at_ms);
  return *this;
}

SlaStory& SlaStory::created(std::int64_t at_ms, const std::string& status) {
  const std::string at = std::to_string(kSlaStart + at_ms);
  return fact(at_ms, R"("kind":"conversation_created","status":")" + status + R"(","created_at":)" +
                         at + R"(,"updated_at":)" + at);
}

SlaStory& SlaStory::customer(std::int64_t at_ms) {
  return fact(at_ms, R"("kind":"message_created","by":"contact","message":")" +
                         std::to_string(++messages_) + R"(","created_at":)" +
                         std::to_string(kSlaStart + at_ms));
}
SlaStory& SlaStory::agent(std::int64_t at_ms) {
  return fact(at_ms, R"("kind":"message_created","by":"user","message":")" +
                         std::to_string(++messages_) + R"(","created_at":)" +
                         std::to_string(kSlaStart + at_ms));
}
SlaStory& SlaStory::bot(std::int64_t at_ms) {
  return fact(at_ms, R"("kind":"message_created","by":"bot","message":")" +
                         std::to_string(++messages_) + R"(","created_at":)" +
                         std::to_string(kSlaStart + at_ms));
}
SlaStory& SlaStory::macro(std::int64_t at_ms) {
  return fact(at_ms, R"("kind":"message_created","by":"system","message":")" +
                         std::to_string(++messages_) + R"(","created_at":)" +
                         std::to_string(kSlaStart + at_ms));
}
SlaStory& SlaStory::note(std::int64_t at_ms) {
  return fact(at_ms, R"("kind":"message_created","by":"user","private":true,"message":")" +
                         std::to_string(++messages_) + R"(","created_at":)" +
                         std::to_string(kSlaStart + at_ms));
}
SlaStory& SlaStory::status(std::int64_t at_ms, const std::string& status) {
  return fact(at_ms, R"("kind":"conversation_status","status":")" + status + R"(","updated_at":)" +
                         std::to_string(kSlaStart + at_ms));
}
SlaStory& SlaStory::priority(std::int64_t at_ms, const std::string& priority) {
  return fact(at_ms, R"("kind":"conversation_updated","priority":")" + priority +
                         R"(","updated_at":)" + std::to_string(kSlaStart + at_ms));
}
SlaStory& SlaStory::labels(std::int64_t at_ms, const std::string& labels_json) {
  return fact(at_ms, R"("kind":"conversation_updated","labels":)" + labels_json +
                         R"(,"updated_at":)" + std::to_string(kSlaStart + at_ms));
}
SlaStory& SlaStory::merged(std::int64_t at_ms) {
  return fact(at_ms, R"("kind":"conversation_deleted","merged":true)");
}
SlaStory& SlaStory::deleted(std::int64_t at_ms) {
  return fact(at_ms, R"("kind":"conversation_deleted")");
}

worker::SlaFold SlaStory::fold(const worker::PolicyBook& book, std::int64_t now_ms) const {
  return worker::fold_facts(facts_, book, kSlaStart + now_ms);
}

std::vector<std::string> told(const worker::SlaFold& fold) {
  std::vector<std::string> lines;
  for (const worker::SlaOccurrence& o : fold.occurrences) {
    std::string line = moment(o.at_ms) + " " + std::string(name_of(o.kind)) + " " +
                       name(o.metric, o.cycle) + " " + std::to_string(o.threshold_s) + "/" +
                       std::to_string(o.actual_s);
    if (o.late) line += " late";
    if (o.silent) line += " silent";
    if (!o.reason.empty()) line += " " + o.reason;
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> stand(const worker::SlaFold& fold) {
  std::vector<std::string> lines;
  for (const worker::SlaClock& clock : fold.clocks) {
    std::string line = name(clock.metric, clock.cycle) + " " + std::string(name_of(clock.state));
    if (!clock.ended() && clock.due_ms) line += " due " + moment(*clock.due_ms);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace deskwire::testing
