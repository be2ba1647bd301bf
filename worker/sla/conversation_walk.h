#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/sla/fold.h"
#include "worker/sla/running_clock.h"

namespace deskwire::worker {

/// Walks through a conversation's facts in the order of time and moves its clocks. A detail of
/// fold_facts().
class ConversationWalk {
 public:
  /// @param facts  Without repetitions; they outlive the walk.
  ConversationWalk(const PolicyBook& book, const std::vector<Fact>& facts);

  void run(std::int64_t now_ms);
  SlaFold result(std::int64_t now_ms) &&;

 private:
  /// What one fact says about one moment. At the same moment: first what is known of the
  /// conversation, then messages, then its status, then its end.
  struct Step {
    enum class Kind : std::uint8_t {
      kPolicies,       ///< A version of a policy takes effect.
      kKnown,          ///< Attributes.
      kHelpdeskReply,  ///< The helpdesk says that somebody answered first at that time.
      kMessage,
      kWaiting,  ///< The helpdesk says that the customer waits since then.
      kStatus,
      kEnd,
    };
    std::int64_t at_ms = 0;
    Kind kind = Kind::kKnown;
    const Fact* fact = nullptr;
  };
  struct Span {
    std::string status;
    Pause time;
  };
  struct Waiting {
    std::int64_t since_ms = 0;
    std::int64_t seen_ms = 0;
  };

  static bool before(const Step& a, const Step& b);
  void take(const Step& step);
  void take_message(const Fact& fact);
  void take_response(std::int64_t at_ms, bool human);
  void take_waiting(std::int64_t since_ms, std::int64_t seen_ms);
  void take_status(const std::string& status, std::int64_t at_ms);
  void take_reopening(std::int64_t at_ms);
  void end(std::int64_t at_ms, const std::string& reason);
  /// Starts what should run, and gives every open clock what applies from now on.
  void settle(std::int64_t at_ms, std::int64_t seen_ms);
  void start(SlaMetricName metric, std::int64_t start_ms, std::int64_t seen_ms);
  bool accepts(SlaMetricName metric, bool human) const;
  std::optional<SlaTarget> target(SlaMetricName metric) const;
  std::vector<Pause> pauses(const RunningClock& clock, const SlaTarget& target) const;
  /// The newest clock of a metric; nullptr: there was none yet.
  RunningClock* newest(SlaMetricName metric);
  RunningClock* open_clock(SlaMetricName metric);

  const PolicyBook& book_;
  std::vector<Step> steps_;
  std::array<std::vector<RunningClock>, 3> clocks_;  ///< By metric.
  SlaAttributes attributes_;
  const config::SlaPolicy* policy_ = nullptr;
  std::string status_;
  std::vector<Span> spans_;
  std::optional<Waiting> waiting_;  ///< The oldest message that nobody has answered.
  std::int64_t created_ms_ = 0;
  bool begun_ = false;
  bool answered_ = false;  ///< The first response was given.
  bool gone_ = false;
};

}  // namespace deskwire::worker
