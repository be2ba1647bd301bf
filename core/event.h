#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deskwire {

/// One event on its way to a channel: what the publisher knows. Epoch and offset are added by
/// `scripts/channel_log.lua` at the moment it is appended. Shape outside: contract §2 "Envelope".
struct Event {
  std::string channel;
  std::string id;          ///< Unique; derived for job events, so that a repeat is recognised.
  std::string name;        ///< "message:user"
  std::string client_id;   ///< Only where a client published; else empty.
  std::string connection;  ///< The session it came from ("s-…"); else empty. Not sent to clients.
  std::int64_t timestamp = 0;  ///< Unix ms; also inside data as data.timestamp.
  std::string data;            ///< A JSON object's text, already with "timestamp" in it.
  /// Append only when no event with this id was appended to the channel within a day.
  bool once = false;

  /// False for typing:*, message:delta and presence:*: pushed, never stored, without an offset.
  bool kept() const;
};

/// Whether events of this name are kept in the channel's log.
bool is_kept_event(std::string_view name);

/// The envelope's tail that is the same for every reader: `"id":…,"event":…,…,"data":{…}}`.
/// The script puts `{"channel":…,"epoch":…,"offset":…,` in front of it, by concatenation only: Lua
/// never parses the JSON (cjson would round integers beyond 2^53).
std::string encode_envelope_tail(const Event& event);

}  // namespace deskwire
