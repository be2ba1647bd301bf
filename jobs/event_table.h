#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "config/config.h"
#include "jobs/helpdesk_event.h"
#include "jobs/job_store.h"

namespace deskwire::jobs {

/// What the event table needs to know besides the event.
struct EventContext {
  std::string source;       ///< config sources[].name
  std::string name_space;   ///< config sources[].namespace
  std::string receipt;      ///< Minted job id (its shard must be the lane's; see lane_of).
  std::string delivery_id;  ///< The sender's; empty: it has none.
  std::string body_sha256;  ///< Raw digest of the raw body, where needs_body_digest() says so
                            ///< and for to_unparsable; empty for local messages.
  /// What is known of event.object_id: our id, when it is one of our posts; or kPrivateNote.
  std::string mapped_message_id;
  std::string mapped_in_reply_to;  ///< The same of event.in_reply_to.
  std::int64_t now_ms = 0;
  int max_attempts = 8;
  std::optional<Debounce> debounce;  ///< Of the reply jobs.
  /// Custom attributes that SLA policies look at ("contact.plan"): no others get into facts.
  std::shared_ptr<const std::set<std::string>> sla_attributes;

  // Messages that came through our own gateway instead of a webhook; else empty.
  std::string client_id;          ///< Of the token; becomes the envelope's clientId.
  std::string client_message_id;  ///< Idempotent by (client_id, client_message_id).
  std::string connection;         ///< The session it came from.
};

/// Stands in the place of our id for the helpdesk's id of a private note, so that later news of it
/// stay with the agents whatever they say of privacy.
inline constexpr std::string_view kPrivateNote = "private";

/// The rule for reply jobs of config replies.debounce; nullopt while that is off.
std::optional<Debounce> debounce_of(const config::Debounce& settings);

/// The custom attributes ("contact.plan") that policies look at.
std::set<std::string> sla_attributes_of(const config::Sla& settings);

/// The lane of an event: its conversation's key, or `contact-…`/`other-…` for events without one
/// (they only need a place to be deduplicated in: no job, no fact, no channel event).
std::string lane_of(const HelpdeskEvent& event, std::string_view source,
                    std::string_view name_space);

/// The event table of contract §1 as one pure function: what a helpdesk event means for jobs,
/// channels, dedupe, the conversation's state and the SLA facts.
///
/// Dedupe keys are 12 bytes of SHA-256, hashed with the source: the delivery id; the logical key
/// (event, object id) for created messages, conversations and contacts; the same plus the body's
/// digest for other events; (message, choice) for a submitted choice, because every later update of
/// that message repeats it. Typing has none.
EnqueueRequest to_enqueue(const HelpdeskEvent& event, const EventContext& context);

/// Whether to_enqueue wants `body_sha256` filled: nothing else tells two such events apart.
bool needs_body_digest(const HelpdeskEvent& event);

/// True when to_enqueue wants `mapped_message_id` filled: message_updated of an outgoing message,
/// and message_created where only the helpdesk's id tells our own posts (HelpdeskEvent::own_by_id).
bool needs_mapping(const HelpdeskEvent& event);

/// True when to_enqueue wants `mapped_in_reply_to` filled.
bool needs_reply_mapping(const HelpdeskEvent& event);

/// Kind of the jobs made by to_unparsable.
inline constexpr std::string_view kDeliveryKind = "delivery";

/// The request for a delivery that was signed but could not be understood: straight to the dead
/// letters as `unparsable`, replayable after an upgrade. Its payload is
/// `{"v":1,"source":…,"delivery":…,"body":…}` with the raw body as a string.
EnqueueRequest to_unparsable(std::string_view raw_body, std::string_view reason,
                             const EventContext& context);

}  // namespace deskwire::jobs
