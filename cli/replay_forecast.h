#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "jobs/replay_batches.h"

namespace deskwire::cli {

/// What a replay of a dead job would come to, as far as can be told before.
struct Forecast {
  jobs::Job job;
  /// reply, hand_over, run, no_effect, closed, assigned_to_human, not_pending, answered_by_human,
  /// stale, unknown_source, unreadable, already_replayed, superseded.
  std::string would;
  /// A bulk replay leaves it alone: already_replayed, superseded.
  bool left_out = false;
};

/// Pure. Answers are given once a conversation: of several replies that a conversation would get
/// only the newest one is left in.
///
/// @param again  The replay may post a second time.
std::vector<Forecast> forecast(const std::vector<jobs::Prospect>& prospects,
                               const config::Config& config, bool again, std::int64_t now_ms);

/// The words for people: "be answered", "nothing: a human has the conversation".
std::string words_of_forecast(const std::string& would);

}  // namespace deskwire::cli
