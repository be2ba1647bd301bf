#include "cli/replay_forecast.h"

#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "jobs/reply_payload.h"
#include "worker/handlers/reply_guards.h"

namespace deskwire::cli {
namespace {

using jobs::Prospect;

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kWords = {{
    {"reply", "a reply is posted"},
    {"hand_over", "the conversation is handed to a human"},
    {"run", "it is read and run again"},
    {"no_effect", "nothing: the reply was posted already"},
    {"closed", "nothing: the conversation is closed"},
    {"assigned_to_human", "nothing: a human has the conversation"},
    {"not_pending", "nothing: the conversation is open and not the bot's"},
    {"answered_by_human", "nothing: it was answered by somebody else"},
    {"stale", "nothing: it is too old"},
    {"only_listened_to", "nothing: its helpdesk is only listened to"},
    {"unknown_source", "it dies again: its source is not in the config"},
    {"unreadable", "it dies again: its payload cannot be read"},
    {"already_replayed", "left out: it was replayed before"},
    {"superseded", "left out: a newer reply of its conversation is replayed"},
}};

std::string would_of_reply(const Prospect& prospect, const config::Config& config, bool again,
                           std::int64_t now_ms) {
  if (prospect.effect_done && !again) return "no_effect";
  const auto payload = jobs::decode_reply(prospect.job.payload);
  if (!payload) return "unreadable";
  const config::Source* source = config.find_source(payload->source);
  if (source == nullptr) return "unknown_source";
  worker::GuardFacts facts;
  facts.state = prospect.conversation;
  facts.last_message_is_ours = prospect.last_message_is_ours;
  facts.now_ms = now_ms;
  facts.replayed = true;
  facts.taken_back = true;
  return worker::reason_to_skip(*payload, facts, *source, config.replies).value_or("reply");
}

std::string would_of(const Prospect& prospect, const config::Config& config, bool again,
                     std::int64_t now_ms) {
  if (prospect.replay) return "already_replayed";
  if (prospect.job.kind == "reply") return would_of_reply(prospect, config, again, now_ms);
  return prospect.job.kind == "handoff" ? "hand_over" : "run";
}

}  // namespace

std::vector<Forecast> forecast(const std::vector<Prospect>& prospects, const config::Config& config,
                               bool again, std::int64_t now_ms) {
  std::vector<Forecast> forecasts;
  std::map<std::string, std::size_t> newest;  // lane -> index of the reply that is left in
  for (const Prospect& prospect : prospects) {
    Forecast one{prospect.job, would_of(prospect, config, again, now_ms), false};
    one.left_out = one.would == "already_replayed";
    forecasts.push_back(std::move(one));
    if (forecasts.back().left_out || prospect.job.kind != "reply") continue;
    const std::size_t index = forecasts.size() - 1;
    const auto [known, first] = newest.emplace(prospect.job.lane, index);
    if (first) continue;
    // Ids sort by time.
    const bool newer = forecasts[known->second].job.id < prospect.job.id;
    Forecast& older = forecasts[newer ? known->second : index];
    older.would = "superseded";
    older.left_out = true;
    if (newer) known->second = index;
  }
  return forecasts;
}

std::string words_of_forecast(const std::string& would) {
  for (const auto& [key, words] : kWords) {
    if (key == would) return std::string(words);
  }
  return would;
}

}  // namespace deskwire::cli
