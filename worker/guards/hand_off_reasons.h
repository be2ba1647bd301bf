#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/replies.h"

namespace deskwire::worker {

/// Why a message goes to people before a responder has seen it. Pure.
class HandOffReasons {
 public:
  HandOffReasons(const config::HandOff& settings, std::string time_zone);

  /// "customer_asked", "forbidden_topic", "office_hours"; empty: no reason.
  std::string reason_for(std::string_view message, std::int64_t now_ms) const;

 private:
  const config::HandOff settings_;
  const std::string time_zone_;
  std::vector<std::string> requests_;  ///< In lower case.
  std::vector<std::string> topics_;
};

/// A reason in words, for the note that people find.
std::string hand_off_sentence(std::string_view reason);

}  // namespace deskwire::worker
