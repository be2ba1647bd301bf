#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "jobs/replay_batches.h"

namespace deskwire::cli {

/// What a replay of a job would come to, as far as can be told before.
struct Forecast {
  jobs::Job job;
  /// reply, hand_over, run, no_effect, closed, assigned_to_human, not_pending, answered_by_human,
  /// stale, only_listened_to, unknown_source, unreadable, under_way; refused: unfinished,
  /// payload_gone; of a bulk replay only: already_replayed, superseded, answered_instead.
  std::string would;
  /// The replay leaves it alone.
  bool left_out = false;
};

struct ReplayWish {
  bool again = false;    ///< The replay may post a second time.
  bool by_name = false;  ///< Who names jobs means them: nothing is left out that can be done.
};

/// Pure. In bulk answers are given once a conversation, also when the same bulk replay is asked for
/// again: of its replies only the newest counts, and hand-offs of a conversation that is answered
/// are left out.
std::vector<Forecast> forecast(const std::vector<jobs::Prospect>& prospects,
                               const config::Config& config, ReplayWish wish, std::int64_t now_ms);

/// The words for people: "be answered", "nothing: a human has the conversation".
std::string words_of_forecast(const std::string& would);

}  // namespace deskwire::cli
