#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/event.h"
#include "jobs/job.h"
#include "jobs/reply_payload.h"

namespace deskwire::worker {

struct ReplyTiming {
  std::int64_t queue_ms = 0;  ///< Accepted → lease of the attempt that answered.
  std::int64_t ai_ms = 0;     ///< The responder's call.
};

/// Who writes, and where it is seen.
struct Writer {
  std::string lane;
  std::string persona;
  bool shadow = false;  ///< On `…:internal` only.
};

/// `message:ai`: the same id for every attempt and replay of the root job, appended once.
Event message_ai(const jobs::Lease& lease, const jobs::ReplyPayload& payload,
                 const std::string& content, const Writer& writer, const ReplyTiming& timing,
                 std::int64_t now_ms);

/// `message:status` sent, with the helpdesk's id of the message.
Event message_sent(const jobs::Lease& lease, const Writer& writer, const std::string& helpdesk_id,
                   std::int64_t now_ms);

/// `message:status` failed, for the script that closes the job without the effect: it fills in the
/// time and the reason. One a job: a replay that fails again says so again.
Event message_unfinished(const jobs::Lease& lease, const Writer& writer);

/// `typing:start` or `typing:stop` of the assistant.
Event ai_typing(const Writer& writer, bool on, std::int64_t now_ms);

/// `ui:suggestions`: what the customer may answer next.
Event suggestions(const jobs::Lease& lease, const Writer& writer,
                  const std::vector<std::string>& texts, std::int64_t now_ms);

/// `conversation:handoff` from the assistant to people.
Event handed_off(const jobs::Lease& lease, const std::string& reason, std::int64_t now_ms);

}  // namespace deskwire::worker
