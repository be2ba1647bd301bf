#include "jobs/send_payload.h"

#include <nlohmann/json.hpp>

#include "core/json.h"

namespace deskwire::jobs {
namespace {

constexpr int kVersion = 1;
constexpr JsonLimits kLimits{.max_bytes = 4U << 20U, .max_depth = 4};

}  // namespace

std::string encode(const SendPayload& payload) {
  return dump_json({{"v", kVersion},
                    {"source", payload.source},
                    {"conversation_id", payload.conversation_id},
                    {"account_id", payload.account_id},
                    {"content", payload.content},
                    {"from_agent", payload.from_agent}});
}

Result<SendPayload> decode_send(std::string_view text) {
  const Result<nlohmann::json> parsed = parse_json(text, kLimits);
  if (!parsed || !parsed->is_object() || integer_at(*parsed, "v").value_or(0) < 1) {
    return fail(ErrorCode::kCorrupt, "read send payload: not a JSON object with a version");
  }
  SendPayload payload;
  payload.source = string_at(*parsed, "source");
  payload.conversation_id = string_at(*parsed, "conversation_id");
  payload.account_id = string_at(*parsed, "account_id");
  payload.content = string_at(*parsed, "content");
  payload.from_agent = bool_at(*parsed, "from_agent");
  if (payload.source.empty() || payload.conversation_id.empty() || payload.content.empty()) {
    return fail(ErrorCode::kCorrupt,
                "read send payload: source, conversation_id or content is missing");
  }
  return payload;
}

}  // namespace deskwire::jobs
