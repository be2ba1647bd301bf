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

constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kWords = {{
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
    {"answered_instead", "left out: a reply of its conversation is replayed"},
    {"under_way", "nothing more: a replay of it is under way"},
    {"unfinished", "refused: it has not ended"},
    {"payload_gone", "refused: what it was about is gone"},
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

std::string would_of(const Prospect& prospect, const config::Config& config, ReplayWish wish,
                     std::int64_t now_ms) {
  if (!jobs::is_finished(prospect.job.state)) return "unfinished";
  if (prospect.payload_gone) return "payload_gone";
  if (prospect.replay && !wish.by_name) return "already_replayed";
  if (prospect.replay && !jobs::is_finished(*prospect.replay)) return "under_way";
  if (prospect.job.kind == "reply") return would_of_reply(prospect, config, wish.again, now_ms);
  return prospect.job.kind == "handoff" ? "hand_over" : "run";
}

void leave_out(Forecast& one, const char* because) {
  one.would = because;
  one.left_out = true;
}

/// One answer a conversation. One that was replayed before counts as such.
void leave_out_older(std::vector<Forecast>& forecasts) {
  std::map<std::string, std::size_t> newest;  // lane -> index of its newest reply
  for (std::size_t i = 0; i < forecasts.size(); ++i) {
    const Forecast& one = forecasts[i];
    if (one.job.kind != "reply" || (one.left_out && one.would != "already_replayed")) continue;
    const auto [known, first] = newest.emplace(one.job.lane, i);
    if (first) continue;
    // Ids sort by time.
    const bool newer = forecasts[known->second].job.id < one.job.id;
    Forecast& older = forecasts[newer ? known->second : i];
    if (!older.left_out) leave_out(older, "superseded");
    if (newer) known->second = i;
  }
  for (Forecast& one : forecasts) {
    if (one.left_out || one.would != "hand_over") continue;
    const auto reply = newest.find(one.job.lane);
    if (reply == newest.end()) continue;
    const std::string& answer = forecasts[reply->second].would;
    if (answer == "reply" || answer == "no_effect" || answer == "already_replayed") {
      leave_out(one, "answered_instead");
    }
  }
}

}  // namespace

std::vector<Forecast> forecast(const std::vector<Prospect>& prospects, const config::Config& config,
                               ReplayWish wish, std::int64_t now_ms) {
  std::vector<Forecast> forecasts;
  forecasts.reserve(prospects.size());
  for (const Prospect& prospect : prospects) {
    Forecast one{prospect.job, would_of(prospect, config, wish, now_ms), false};
    const bool impossible = one.would == "unfinished" || one.would == "payload_gone";
    one.left_out = one.would == "already_replayed" || (impossible && !wish.by_name);
    forecasts.push_back(std::move(one));
  }
  if (!wish.by_name) leave_out_older(forecasts);
  return forecasts;
}

std::string words_of_forecast(const std::string& would) {
  for (const auto& [key, words] : kWords) {
    if (key == would) return std::string(words);
  }
  return would;
}

}  // namespace deskwire::cli
