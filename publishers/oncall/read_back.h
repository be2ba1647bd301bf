#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "core/clock.h"

namespace deskwire::publishers {

/// What came of asking the helpdesk whether the alerts of a page still hold.
struct ReadBack {
  std::size_t read = 0;    ///< Conversations that were read: what had been missed is taken in.
  std::size_t unread = 0;  ///< Those that could not be read in time.
  bool stopped = false;    ///< The process ends: somebody else has to ask.
  Milliseconds spent{0};
};

/// Port: reads the conversations of SLA alerts back from their helpdesks and takes in what was
/// missed, so that the clocks' keeper ends what is over. Blocks up to `limit`; with 0 it only says
/// what could have been read. Conversations that cannot be asked for are in neither count.
///
/// @param alerts  The data of `sla:warning` or `sla:violation` events.
/// Thread safety: may be called concurrently.
using ReadBackPort =
    std::function<ReadBack(const std::vector<nlohmann::json>& alerts, Milliseconds limit)>;

/// How many conversations of a notification that was read back could not be read.
std::size_t unread_of(const nlohmann::json& notification);

}  // namespace deskwire::publishers
