#include "publishers/dialects/plain_protocol.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/channel.h"
#include "core/json.h"

namespace deskwire::publishers::plain {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxDepth = 32;
constexpr std::int64_t kMaxId = 9'007'199'254'740'991;  // JavaScript's largest exact integer.
constexpr std::size_t kMaxEpoch = 64;
constexpr std::size_t kMaxClientMessageId = 128;
constexpr std::size_t kMaxHistory = 200;

using Parsed = Answer<Verb>;

Answer<std::string> text_field(const json& object, const char* name, std::size_t max_bytes) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) {
    return refuse(ReplyCode::kBadField, std::string(name) + " must be a text", name);
  }
  const auto& text = found->get_ref<const std::string&>();
  if (text.empty() || text.size() > max_bytes) {
    return refuse(ReplyCode::kBadField,
                  std::string(name) + " must have 1.." + std::to_string(max_bytes) + " bytes",
                  name);
  }
  return text;
}

Answer<std::string> channel_field(const json& object) {
  auto channel = text_field(object, "channel", 200);
  if (!channel) return channel;
  if (auto valid = validate_channel(*channel); !valid) {
    return refuse(ReplyCode::kBadField, valid.error().message, "channel");
  }
  return channel;
}

/// An offset of 0 or more, if the field is there.
Answer<std::optional<std::uint64_t>> offset_field(const json& object, const char* name) {
  if (!object.contains(name)) return std::optional<std::uint64_t>();
  const auto value = integer_at(object, name);
  if (!value || *value < 0) {
    return refuse(ReplyCode::kBadField, std::string(name) + " must be an integer of 0 or more",
                  name);
  }
  return static_cast<std::uint64_t>(*value);
}

/// An object; absent: an empty one.
Answer<ObjectPtr> data_field(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return std::make_shared<const json>(json::object());
  if (!found->is_object()) {
    return refuse(ReplyCode::kBadField, std::string(name) + " must be an object", name);
  }
  return std::make_shared<const json>(*found);
}

Parsed parse_connect(const json& object) {
  auto token = text_field(object, "token", 16384);
  if (!token) return tl::unexpected(token.error());
  return Connect{std::move(*token)};
}

Parsed parse_refresh(const json& object) {
  auto token = text_field(object, "token", 16384);
  if (!token) return tl::unexpected(token.error());
  return Refresh{std::move(*token)};
}

Parsed parse_subscribe(const json& object) {
  auto channel = channel_field(object);
  if (!channel) return tl::unexpected(channel.error());
  Subscribe subscribe{std::move(*channel), std::nullopt};
  if (object.contains("recover")) {
    const json& recover = object_at(object, "recover");
    const auto offset = integer_at(recover, "offset");
    const std::string epoch = string_at(recover, "epoch");
    if (epoch.empty() || epoch.size() > kMaxEpoch || !offset || *offset < 0) {
      return refuse(ReplyCode::kBadField, R"(recover must be {"epoch":text,"offset":integer})",
                    "recover");
    }
    subscribe.recover = StreamPosition{epoch, static_cast<std::uint64_t>(*offset)};
  }
  return subscribe;
}

Parsed parse_publish(const json& object) {
  auto channel = channel_field(object);
  if (!channel) return tl::unexpected(channel.error());
  auto event = text_field(object, "event", 64);
  if (!event) return tl::unexpected(event.error());
  auto data = data_field(object, "data");
  if (!data) return tl::unexpected(data.error());
  return Publish{std::move(*channel), std::move(*event), std::move(*data)};
}

Parsed parse_history(const json& object) {
  auto channel = channel_field(object);
  if (!channel) return tl::unexpected(channel.error());
  History history{std::move(*channel)};
  if (object.contains("limit")) {
    const auto limit = integer_at(object, "limit");
    if (!limit || *limit < 1 || *limit > static_cast<std::int64_t>(kMaxHistory)) {
      return refuse(ReplyCode::kBadField, "limit must be an integer from 1 to 200", "limit");
    }
    history.range.limit = static_cast<std::size_t>(*limit);
  }
  auto before = offset_field(object, "before");
  if (!before) return tl::unexpected(before.error());
  auto after = offset_field(object, "after");
  if (!after) return tl::unexpected(after.error());
  if (*before && *after) {
    return refuse(ReplyCode::kBadField, "before and after exclude each other", "after");
  }
  history.range.before = *before;
  history.range.after = *after;
  return history;
}

Parsed parse_enter(const json& object, bool update) {
  auto channel = channel_field(object);
  if (!channel) return tl::unexpected(channel.error());
  auto data = data_field(object, "data");
  if (!data) return tl::unexpected(data.error());
  return Enter{std::move(*channel), std::move(*data), update};
}

template <typename T>
Parsed parse_channel_only(const json& object) {
  auto channel = channel_field(object);
  if (!channel) return tl::unexpected(channel.error());
  return T{std::move(*channel)};
}

using VerbParser = Parsed (*)(const json&);
constexpr std::array<std::pair<std::string_view, VerbParser>, 12> kVerbs = {{
    {"connect", parse_connect},
    {"subscribe", parse_subscribe},
    {"unsubscribe", parse_channel_only<Unsubscribe>},
    {"publish", parse_publish},
    {"send",
     [](const json& object) -> Parsed {
       auto send = parse_send(object);
       if (!send) return tl::unexpected(std::move(send.error()));
       return std::move(*send);
     }},
    {"history", parse_history},
    {"presence", parse_channel_only<Presence>},
    {"enter", [](const json& object) { return parse_enter(object, false); }},
    {"update", [](const json& object) { return parse_enter(object, true); }},
    {"leave", parse_channel_only<Leave>},
    {"refresh", parse_refresh},
    {"ping", [](const json&) -> Parsed { return Ping{}; }},
}};

tl::unexpected<BadCommand> not_understood(std::string why) {
  return tl::unexpected<BadCommand>(
      BadCommand{std::nullopt, Refusal{ReplyCode::kWrongShape, std::move(why)}});
}

tl::unexpected<BadCommand> answered(std::int64_t id, Refusal refusal) {
  return tl::unexpected<BadCommand>(BadCommand{id, std::move(refusal)});
}

}  // namespace

Answer<Send> parse_send(const json& object) {
  auto channel = channel_field(object);
  if (!channel) return tl::unexpected(channel.error());
  // Four bytes a character at most; operations.cc counts the characters.
  auto content = text_field(object, "content", 600'000);
  if (!content) return tl::unexpected(content.error());
  Send send{std::move(*channel), std::move(*content), {}, nullptr};
  if (object.contains("clientMessageId")) {
    auto id = text_field(object, "clientMessageId", kMaxClientMessageId);
    if (!id) return tl::unexpected(id.error());
    send.client_message_id = std::move(*id);
  }
  if (object.contains("simulate")) {
    auto simulate = data_field(object, "simulate");
    if (!simulate) return tl::unexpected(simulate.error());
    send.simulate = std::move(*simulate);
  }
  return send;
}

tl::expected<Command, BadCommand> parse_command(std::string_view text) {
  auto parsed = parse_json(text, JsonLimits{1U << 20U, kMaxDepth, false, false});
  if (!parsed) return not_understood("not JSON");
  if (!parsed->is_object()) return not_understood("not a JSON object");
  const auto id = integer_at(*parsed, "id");
  if (!id || *id < 1 || *id > kMaxId) return not_understood("id must be a positive integer");
  if (parsed->size() != 2) {
    return answered(*id, {ReplyCode::kWrongShape, "a command has an id and exactly one verb"});
  }
  const auto begin = parsed->begin();
  const auto& entry = begin.key() == "id" ? std::next(begin) : begin;
  for (const auto& [name, parse] : kVerbs) {
    if (entry.key() != name) continue;
    if (!entry.value().is_object()) {
      return answered(*id, {ReplyCode::kWrongShape, std::string(name) + " must be an object"});
    }
    auto verb = parse(entry.value());
    if (!verb) return answered(*id, std::move(verb.error()));
    return Command{*id, std::move(*verb)};
  }
  return answered(*id, {ReplyCode::kUnknownVerb, "unknown verb"});
}

std::string encode_ok(std::int64_t id, std::string_view result_json) {
  std::string out = R"({"id":)" + std::to_string(id) + R"(,"ok":)";
  out.append(result_json).append("}");
  return out;
}

std::string encode_error(std::int64_t id, const Refusal& refusal) {
  json error = {{"code", static_cast<int>(refusal.code)}, {"message", refusal.message}};
  if (!refusal.field.empty()) error["field"] = refusal.field;
  if (refusal.retry_after) error["retry_after_ms"] = refusal.retry_after->count();
  return R"({"id":)" + std::to_string(id) + R"(,"error":)" + dump_json(error) + "}";
}

std::string encode_disconnect(CloseCode code, std::string_view reason,
                              std::optional<Milliseconds> retry_after) {
  std::string out = R"({"disconnect":{"code":)" + std::to_string(static_cast<int>(code)) +
                    R"(,"reason":)" + json_quote(reason) + R"(,"reconnect":)" +
                    (should_reconnect(code) ? "true" : "false");
  if (retry_after) out += R"(,"retry_after_ms":)" + std::to_string(retry_after->count());
  return out + "}}";
}

std::string encode_push(std::string_view envelope) {
  std::string out;
  out.reserve(envelope.size() + 10);
  out.append(R"({"push":)").append(envelope).append("}");
  return out;
}

}  // namespace deskwire::publishers::plain
