#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "publishers/access.h"
#include "publishers/codes.h"

namespace deskwire::publishers {

/// What somebody wants to publish.
struct Publication {
  std::string channel;
  std::string event;
  std::string event_id;
  std::string connection;  ///< The session; empty over REST.
  std::int64_t now_ms = 0;
};

/// Who may publish what (contract §2): clients only `read`, `delivered`, `reaction:*`,
/// `ui:suggestionSelected` and `typing:*`, whose data is rebuilt here field by field, with actor
/// and sender from the token; names that are not the server's on channels under an open prefix;
/// server keys anything. `data.timestamp` is always ours.
///
/// @param data  The object that came with it.
/// @return The event to append, or 40160, 40001 (with the field) or 41300.
Answer<Event> prepare_publication(const Principal& principal, const Publication& publication,
                                  const nlohmann::json& data,
                                  const std::vector<std::string>& open_prefixes);

/// Whether a name belongs to the server: clients may publish it nowhere.
bool is_server_event(std::string_view name);

}  // namespace deskwire::publishers
