#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/channel_log.h"
#include "publishers/codes.h"

/// The plain JSON dialect (contract §4, docs/protocol.md) as pure functions.
namespace deskwire::publishers::plain {

/// A JSON object of a client, parsed once.
using ObjectPtr = std::shared_ptr<const nlohmann::json>;

struct Connect {
  std::string token;
};
struct Subscribe {
  std::string channel;
  std::optional<StreamPosition> recover;
};
struct Unsubscribe {
  std::string channel;
};
struct Publish {
  std::string channel;
  std::string event;
  ObjectPtr data;
};
struct Send {
  std::string channel;
  std::string content;
  std::string client_message_id;
  ObjectPtr simulate;  ///< Null when absent.
};
struct History {
  std::string channel;
  LogRange range{};
};
struct Presence {
  std::string channel;
};
/// `enter` and `update`.
struct Enter {
  std::string channel;
  ObjectPtr data;
  bool update = false;
};
struct Leave {
  std::string channel;
};
struct Refresh {
  std::string token;
};
struct Ping {};

using Verb = std::variant<Connect, Subscribe, Unsubscribe, Publish, Send, History, Presence, Enter,
                          Leave, Refresh, Ping>;

struct Command {
  std::int64_t id = 0;
  Verb verb;
};

/// A command that cannot be obeyed. Without an id nobody can be answered: the connection ends with
/// 4002.
struct BadCommand {
  std::optional<std::int64_t> id;
  Refusal refusal;
};

/// Reads one object. Unknown fields inside a verb are ignored, so that newer clients work.
tl::expected<Command, BadCommand> parse_command(std::string_view text);

/// The value of the verb `send`, also where it comes by REST.
Answer<Send> parse_send(const nlohmann::json& object);

std::string encode_ok(std::int64_t id, std::string_view result_json);
std::string encode_error(std::int64_t id, const Refusal& refusal);
/// @param retry_after  How long the client should wait before it comes back, where we know better.
std::string encode_disconnect(CloseCode code, std::string_view reason,
                              std::optional<Milliseconds> retry_after = std::nullopt);
/// The whole push text around an envelope.
std::string encode_push(std::string_view envelope);
inline constexpr std::string_view kPing = R"({"ping":{}})";

}  // namespace deskwire::publishers::plain
