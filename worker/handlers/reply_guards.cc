#include "worker/handlers/reply_guards.h"

#include <algorithm>

namespace deskwire::worker {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_assigned_to_us(const std::string& type, const std::string& id,
                       const config::Source& source) {
  return type == "bot" && (source.bot_id.empty() || source.bot_id == id);
}

std::optional<std::string> reason_in_status(const jobs::ReplyPayload& payload,
                                            const jobs::ConversationState& state,
                                            const config::Source& source) {
  const std::string& status = state.status.empty() ? payload.status : state.status;
  const bool assignee_known = !state.assignee_type.empty();
  const std::string& type = assignee_known ? state.assignee_type : payload.assignee_type;
  const std::string& id = assignee_known ? state.assignee_id : payload.assignee_id;
  if (status == "resolved") return "closed";
  if (source.type != config::SourceType::kChatwoot) {
    // Snoozed is what ticket systems make of "waits for the customer": the agent's all the same.
    const bool in_work = status == "open" || status == "snoozed";
    if (in_work && type == "user") return "assigned_to_human";
    return std::nullopt;
  }
  if (status.empty() || status == "pending" || is_assigned_to_us(type, id, source)) {
    return std::nullopt;
  }
  return type == "user" ? "assigned_to_human" : "not_pending";
}

/// Given to people and not given back. Chatwoot says so with every message too: the mark came with
/// the status open, so a newer pending means that somebody gave it back.
bool is_handed_off(const jobs::ConversationState& state, const config::Source& source) {
  if (state.handed_off.empty()) return false;
  return source.type != config::SourceType::kChatwoot || state.status != "pending";
}

bool is_stale(const jobs::ReplyPayload& payload, const GuardFacts& facts,
              const config::Replies& replies) {
  if (facts.replayed) return false;
  const auto older_than = [&facts](std::int64_t since_ms, std::int64_t limit_s) {
    return limit_s > 0 && since_ms > 0 && facts.now_ms - since_ms > limit_s * 1000;
  };
  return older_than(payload.accepted_at_ms, replies.max_age_s) ||
         older_than(payload.created_at_ms, replies.max_message_age_s);
}

}  // namespace

bool is_newer_message(std::string_view id, std::string_view than) {
  if (id.empty() || than.empty()) return false;
  if (is_number(id) && is_number(than) && id.size() != than.size()) return id.size() > than.size();
  return id.size() == than.size() && id > than;
}

std::optional<std::string> reason_to_skip(const jobs::ReplyPayload& payload,
                                          const GuardFacts& facts, const config::Source& source,
                                          const config::Replies& replies) {
  if (!source.takes_replies()) return "only_listened_to";
  const bool handed_off = is_handed_off(facts.state, source);
  if (handed_off && !facts.taken_back) return "handed_off";
  if (auto reason = reason_in_status(payload, facts.state, source)) {
    // The hand-over opened it; nothing else says that people are at work.
    if (!handed_off || *reason != "not_pending") return reason;
  }
  const bool answered = (facts.state.last_sender == "user" || facts.state.last_sender == "bot") &&
                        !facts.last_message_is_ours &&
                        is_newer_message(facts.state.last_message_id, payload.message_id);
  if (answered) return "answered_by_human";
  if (is_stale(payload, facts, replies)) return "stale";
  return std::nullopt;
}

}  // namespace deskwire::worker
