#include "publishers/rest_suggestions.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/channel.h"
#include "core/json.h"

namespace deskwire::publishers {
namespace {

using nlohmann::json;

constexpr std::string_view kBefore = "/v1/conversations/";
constexpr std::string_view kAfter = "/suggestions";
constexpr std::size_t kLookedAt = 200;

/// The newest `ui:suggestions` of the persona, or of nobody in particular; null: none.
json offered(const ChannelLogPage& page, const std::string& persona) {
  for (auto entry = page.entries.rbegin(); entry != page.entries.rend(); ++entry) {
    const auto envelope = parse_json(entry->envelope);
    if (!envelope || string_at(*envelope, "event") != "ui:suggestions") continue;
    const json& data = object_at(*envelope, "data");
    const auto texts = data.find("suggestions");
    const bool fits = string_at(data, "persona", persona) == persona;
    if (fits && texts != data.end() && texts->is_array()) return *texts;
  }
  return nullptr;
}

}  // namespace

bool is_suggestions_path(std::string_view path) {
  return path.starts_with(kBefore) && path.ends_with(kAfter) &&
         path.size() > kBefore.size() + kAfter.size();
}

void get_suggestions(const Rest::Context& context, const net::HttpRequest& request,
                     const Principal& principal, const Exchange& exchange) {
  std::string_view id = request.path();
  id.remove_prefix(kBefore.size());
  id.remove_suffix(kAfter.size());
  const auto conversation = decode_segment(id);
  const std::string channel = conversation ? conversation_channel(*conversation) : std::string();
  if (!conversation || !validate_channel(channel)) {
    return exchange.refuse({ReplyCode::kBadField, "not a conversation's id", "id"});
  }
  const auto config = context.live.read();
  const config::Replies& replies = config->replies;
  std::string persona = request.query("persona");
  if (persona.empty()) persona = replies.persona;
  json configured = json::array();
  if (const auto found = replies.personas.find(persona); found != replies.personas.end()) {
    configured = found->second.suggestions;
  } else if (persona != replies.persona) {
    return exchange.refuse({ReplyCode::kNotFound, "no such persona", "persona"});
  }
  context.operations.history(
      principal, channel, {.limit = kLookedAt}, context.hub.gate(),
      [exchange, persona, configured](const Answer<ChannelLogPage>& page) {
        if (!page) return exchange.refuse(page.error());
        json texts = offered(*page, persona);
        if (texts.is_null()) texts = configured;
        exchange.send(200, dump_json({{"suggestions", std::move(texts)}, {"persona", persona}}));
      });
}

}  // namespace deskwire::publishers
