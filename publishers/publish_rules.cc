#include "publishers/publish_rules.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "jobs/plain_content.h"
#include "publishers/outgoing.h"

namespace deskwire::publishers {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxId = 200;
constexpr std::size_t kMaxEmoji = 64;
constexpr std::size_t kMaxSuggestion = 4000;
constexpr std::size_t kMaxData = 65536;

constexpr std::array<std::string_view, 7> kServerPrefixes = {
    "message:", "presence:", "conversation:", "sla:", "alert:", "ui:", "deskwire:"};
constexpr std::array<std::string_view, 7> kClientEvents = {
    "read",         "delivered",   "reaction:add",         "reaction:remove",
    "typing:start", "typing:stop", "ui:suggestionSelected"};

bool is_client_event(std::string_view name) {
  return std::find(kClientEvents.begin(), kClientEvents.end(), name) != kClientEvents.end();
}

bool is_event_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
           c == '_' || c == '-' || c == '.';
  });
}

bool under_prefix(std::string_view channel, std::string_view prefix) {
  if (prefix.ends_with(':')) return channel.starts_with(prefix);
  return channel == prefix || (channel.starts_with(prefix) && channel.size() > prefix.size() &&
                               channel[prefix.size()] == ':');
}

Answer<std::string> data_text(const json& data, const char* name, std::size_t max_bytes) {
  const std::string text = string_at(data, name);
  if (text.empty() || text.size() > max_bytes) {
    const std::string field = std::string("data.") + name;
    return refuse(ReplyCode::kBadField,
                  field + " must be a text of 1.." + std::to_string(max_bytes) + " bytes", field);
  }
  return text;
}

/// The data of an event that clients may publish: known fields only, so that nothing can be slipped
/// in that readers take for the server's word.
Answer<json> client_data(const Claims& claims, const Publication& publication, const json& data) {
  const std::string& event = publication.event;
  if (event.starts_with("typing:")) {
    return json{{"actor", claims.role == "agent" ? "agent" : "customer"},
                {"sender", {{"id", claims.client_id}, {"name", claims.name}}}};
  }
  if (event == "ui:suggestionSelected") {
    auto suggestion = data_text(data, "suggestion", kMaxSuggestion);
    if (!suggestion) return tl::unexpected(suggestion.error());
    json out = {{"suggestion", std::move(*suggestion)}};
    if (data.contains("persona")) {
      auto persona = data_text(data, "persona", kMaxId);
      if (!persona) return tl::unexpected(persona.error());
      out["persona"] = std::move(*persona);
    }
    return out;
  }
  auto message_id = data_text(data, "messageId", kMaxId);
  if (!message_id) return tl::unexpected(message_id.error());
  json out = {{"messageId", std::move(*message_id)}};
  if (event.starts_with("reaction:")) {
    auto emoji = data_text(data, "emoji", kMaxEmoji);
    if (!emoji) return tl::unexpected(emoji.error());
    out["emoji"] = std::move(*emoji);
  } else {
    const auto read_at = integer_at(data, "readAt");
    if (data.contains("readAt") && (!read_at || *read_at < 0)) {
      return refuse(ReplyCode::kBadField, "data.readAt must be a time in ms, 0 or more",
                    "data.readAt");
    }
    // A reader's clock may be wrong, but not ahead of ours.
    out["readAt"] = std::min(read_at.value_or(publication.now_ms), publication.now_ms);
  }
  return out;
}

/// A server key's words are its own, but readers show `content` as it is.
Answer<json> server_data(const Publication& publication, const json& data) {
  const auto content = data.find("content");
  if (!publication.event.starts_with("message:") || content == data.end()) return data;
  if (!content->is_string()) {
    return refuse(ReplyCode::kBadField, "data.content must be a text", "data.content");
  }
  const auto& text = content->get_ref<const std::string&>();
  if (count_characters(text) > jobs::kMaxContentCharacters) {
    return refuse(ReplyCode::kTooLarge, "data.content is over 150000 characters", "data.content");
  }
  json clean = data;
  clean["content"] = jobs::plain_content(text);
  return clean;
}

Answer<json> allowed_data(const Principal& principal, const Publication& publication,
                          const json& data, const std::vector<std::string>& open_prefixes) {
  if (principal.server) return server_data(publication, data);
  if (is_client_event(publication.event)) return client_data(principal.claims, publication, data);
  if (is_server_event(publication.event)) {
    return refuse(ReplyCode::kCapabilityDenied,
                  "capability denied: " + publication.event + " is published by the server only");
  }
  const bool open = std::any_of(
      open_prefixes.begin(), open_prefixes.end(),
      [&](const std::string& prefix) { return under_prefix(publication.channel, prefix); });
  if (!open) {
    return refuse(ReplyCode::kCapabilityDenied,
                  "capability denied: clients cannot publish this event on " + publication.channel);
  }
  return data;
}

}  // namespace

bool is_server_event(std::string_view name) {
  if (is_client_event(name)) return false;
  return name.starts_with("typing:") || name.starts_with("reaction:") ||
         std::any_of(kServerPrefixes.begin(), kServerPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

Answer<Event> prepare_publication(const Principal& principal, const Publication& publication,
                                  const json& data, const std::vector<std::string>& open_prefixes) {
  if (!is_event_name(publication.event)) {
    return refuse(ReplyCode::kBadField, "event must be 1..64 letters, digits, ':', '_', '-' or '.'",
                  "event");
  }
  if (!principal.can(publication.channel, "publish")) {
    return tl::unexpected(denied("publish", publication.channel));
  }
  auto allowed = allowed_data(principal, publication, data, open_prefixes);
  if (!allowed) return tl::unexpected(std::move(allowed.error()));
  (*allowed)["timestamp"] = publication.now_ms;
  Event event;
  event.channel = publication.channel;
  event.id = publication.event_id;
  event.name = publication.event;
  event.client_id = principal.server ? std::string() : principal.claims.client_id;
  event.connection = publication.connection;
  event.timestamp = publication.now_ms;
  event.data = dump_json(*allowed);
  if (!principal.server && event.data.size() > kMaxData) {
    return refuse(ReplyCode::kTooLarge, "data is over 65536 bytes", "data");
  }
  return event;
}

}  // namespace deskwire::publishers
