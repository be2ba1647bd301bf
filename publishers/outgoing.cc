#include "publishers/outgoing.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "core/json.h"
#include "jobs/event_table.h"
#include "jobs/helpdesk_event.h"
#include "jobs/plain_content.h"
#include "jobs/send_payload.h"

namespace deskwire::publishers {

namespace {

constexpr std::size_t kMaxCharacters = 150'000;
constexpr std::size_t kMaxSimulations = 16;
constexpr std::size_t kMaxSimulationText = 64;

using Simulate = std::map<std::string, std::string>;

Answer<Simulate> read_simulate(const Outgoing& message, const config::Source& source) {
  Simulate simulate;
  if (!message.simulate) return simulate;
  if (source.type != config::SourceType::kSandbox) {
    return refuse(ReplyCode::kBadField, "simulate is for sandbox sources only", "simulate");
  }
  for (const auto& [name, value] : message.simulate->items()) {
    const bool plain = value.is_string() || value.is_number() || value.is_boolean();
    std::string text = value.is_string() ? value.get<std::string>() : dump_json(value);
    if (!plain || name.size() > kMaxSimulationText || text.size() > kMaxSimulationText ||
        simulate.size() == kMaxSimulations) {
      return refuse(ReplyCode::kBadField, "simulate holds at most 16 short plain values",
                    "simulate");
    }
    simulate[name] = std::move(text);
  }
  return simulate;
}

/// Nobody but us has its conversations.
bool is_local(const config::Source& source) {
  return source.type == config::SourceType::kSandbox || source.type == config::SourceType::kGeneric;
}

/// Makes of the request for a local message one that brings the message into the helpdesk. Its
/// webhook then brings fact, state and the job that answers.
void into_send_job(jobs::EnqueueRequest& request, const jobs::HelpdeskEvent& event,
                   const config::Source& source) {
  request.kind = jobs::kSendKind;
  request.payload = jobs::encode(jobs::SendPayload{.source = source.name,
                                                   .conversation_id = event.conversation_id,
                                                   .account_id = event.account_id,
                                                   .content = event.content,
                                                   .from_agent = !event.incoming});
  request.debounce.reset();
  request.state.reset();
  request.fact.clear();
}

Answer<const config::Source*> check_target(const Principal& principal, const Outgoing& message,
                                           const config::Config& config) {
  if (!principal.can(message.channel, "publish")) {
    return tl::unexpected(denied("publish", message.channel));
  }
  const std::string_view key = conversation_of(message.channel);
  if (key.empty() || is_restricted_channel(message.channel)) {
    return refuse(ReplyCode::kBadField, "messages are sent to conversation:… only", "channel");
  }
  if (count_characters(message.content) > kMaxCharacters) {
    return refuse(ReplyCode::kTooLarge, "content is over 150000 characters", "content");
  }
  const config::Source* source = source_of_conversation(config, key);
  if (source == nullptr) {
    return refuse(ReplyCode::kNotFound, "no source has this conversation", "channel");
  }
  if (!is_local(*source) && source->type != config::SourceType::kChatwoot) {
    return refuse(ReplyCode::kNotPossibleHere,
                  "this conversation lives in the helpdesk; write there");
  }
  if (source->type != config::SourceType::kChatwoot) return source;
  if (source->account_id.empty()) {
    return refuse(ReplyCode::kNotPossibleHere,
                  "the server does not know the account to write into (config account_id)");
  }
  if (principal.claims.role == "agent" && source->user_token.empty()) {
    return refuse(ReplyCode::kNotPossibleHere,
                  "agents write in the helpdesk; there is no user token to write with");
  }
  return source;
}

}  // namespace

std::optional<Refusal> check_inbox(const jobs::ConversationState& state) {
  constexpr std::string_view kApiInbox = "Channel::Api";
  if (state.inbox_kind == kApiInbox) return std::nullopt;
  return Refusal{ReplyCode::kNotPossibleHere,
                 state.inbox_kind.empty()
                     ? "nothing is known of this conversation yet; its helpdesk has to tell first"
                     : "only conversations of API inboxes take messages from here",
                 {}};
}

std::string repeated_message_id(const std::string& first_receipt, bool into_helpdesk) {
  return into_helpdesk ? jobs::our_message_id(first_receipt, 1) : first_receipt;
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

const config::Source* source_of_conversation(const config::Config& config, std::string_view key) {
  const std::size_t tilde = key.find('~');
  const std::string_view name_space =
      tilde == std::string_view::npos ? std::string_view() : key.substr(0, tilde);
  const auto found =
      std::find_if(config.sources.begin(), config.sources.end(),
                   [&](const config::Source& source) { return source.name_space == name_space; });
  return found == config.sources.end() ? nullptr : &*found;
}

Answer<PreparedMessage> prepare_message(const Principal& principal, const Outgoing& message,
                                        const config::Config& config, std::int64_t now_ms) {
  auto source = check_target(principal, message, config);
  if (!source) return tl::unexpected(std::move(source.error()));
  auto simulate = read_simulate(message, **source);
  if (!simulate) return tl::unexpected(std::move(simulate.error()));

  const Claims& claims = principal.claims;
  const std::string_view key = conversation_of(message.channel);
  const std::size_t tilde = key.find('~');
  const bool agent = claims.role == "agent";

  jobs::EventContext context;
  context.source = (*source)->name;
  context.name_space = (*source)->name_space;
  context.receipt = new_job_id(now_ms, shard_of_lane(key)).str();
  context.now_ms = now_ms;
  context.max_attempts = config.jobs.max_attempts;
  context.debounce = jobs::debounce_of(config.replies.debounce);
  context.client_id = claims.client_id;
  context.client_message_id = message.client_message_id;
  context.connection = message.connection;

  jobs::HelpdeskEvent event;
  event.kind = jobs::HelpdeskEvent::Kind::kMessageCreated;
  event.vendor_event = "message_created";
  event.account_id = (*source)->account_id;
  // Ids of a conversation's messages must grow, the guards compare them: a ULID does.
  event.object_id = context.receipt;
  event.conversation_id =
      std::string(tilde == std::string_view::npos ? key : key.substr(tilde + 1));
  event.created_at_ms = now_ms;
  event.incoming = !agent;
  // The one rule for whatever door content enters by: HTML goes no further.
  event.content = jobs::plain_content(message.content);
  event.sender = {claims.client_id, claims.name,
                  agent ? jobs::SenderType::kUser : jobs::SenderType::kContact};
  event.simulate = std::move(*simulate);

  PreparedMessage prepared;
  prepared.into_helpdesk = !is_local(**source);
  if (prepared.into_helpdesk) {
    // What the helpdesk will know it by.
    event.object_id = jobs::our_message_id(context.receipt, 1);
    if (event.content.empty()) {
      return refuse(ReplyCode::kBadField, "content is empty", "content");
    }
  }
  prepared.message_id = event.object_id;
  if (!prepared.into_helpdesk && agent && !message.client_message_id.empty()) {
    // An agent's message makes no job that a repeat could be told the id of, so its id is derived.
    prepared.message_id = derived_id("sent", claims.client_id, message.client_message_id);
    context.mapped_message_id = prepared.message_id;
  }
  prepared.request = jobs::to_enqueue(event, context);
  if (prepared.into_helpdesk) into_send_job(prepared.request, event, **source);
  return prepared;
}

}  // namespace deskwire::publishers
