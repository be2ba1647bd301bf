#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/sla.h"
#include "worker/sla/fact.h"
#include "worker/sla/fold.h"
#include "worker/sla/policy_book.h"

namespace deskwire::testing {

/// 2026-06-01T08:00:00Z, a Monday: 10:00 in Berlin.
inline constexpr std::int64_t kSlaStart = 1780300800000;
inline constexpr std::int64_t kMinute = 60000;
inline constexpr std::int64_t kHour = 60 * kMinute;

/// A policy "gold" for everybody: first response in 1 h, next in 2 h, resolution in 8 h, around the
/// clock, warnings at 75 %, grace 0.
config::SlaPolicy gold_policy();
std::shared_ptr<const worker::PolicyBook> book_of(
    const std::vector<config::SlaPolicy>& policies,
    std::map<std::string, config::Calendar> calendars = {});

/// Writes the facts of one conversation as the receiver would.
///
/// Times are ms after kSlaStart; each fact is received when it happens unless told otherwise.
class SlaStory {
 public:
  explicit SlaStory(std::string source = "support") : source_(std::move(source)) {}

  SlaStory& created(std::int64_t at_ms, const std::string& status = "open");
  SlaStory& customer(std::int64_t at_ms);
  SlaStory& agent(std::int64_t at_ms);
  SlaStory& bot(std::int64_t at_ms);
  SlaStory& note(std::int64_t at_ms);
  SlaStory& macro(std::int64_t at_ms);
  SlaStory& status(std::int64_t at_ms, const std::string& status);
  SlaStory& priority(std::int64_t at_ms, const std::string& priority);
  SlaStory& labels(std::int64_t at_ms, const std::string& labels_json);
  SlaStory& merged(std::int64_t at_ms);
  SlaStory& deleted(std::int64_t at_ms);
  /// Any fact: its fields as JSON without the braces.
  SlaStory& fact(std::int64_t at_ms, const std::string& fields);
  /// The newest fact came so much later than it happened.
  SlaStory& received(std::int64_t at_ms);

  worker::SlaFold fold(const worker::PolicyBook& book, std::int64_t now_ms) const;
  const std::vector<worker::Fact>& facts() const { return facts_; }
  /// (received, text) as the log has them.
  const std::vector<std::pair<std::int64_t, std::string>>& texts() const { return texts_; }

 private:
  std::string source_;
  int messages_ = 0;
  std::vector<worker::Fact> facts_;
  std::vector<std::pair<std::int64_t, std::string>> texts_;
};

/// "10m warning first_response/1 2700/3600": what was told, with minutes (or seconds) after the
/// start.
std::vector<std::string> told(const worker::SlaFold& fold);
/// "first_response/1 running due 60m".
std::vector<std::string> stand(const worker::SlaFold& fold);

}  // namespace deskwire::testing
