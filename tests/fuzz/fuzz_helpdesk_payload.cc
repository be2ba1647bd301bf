// A signed body of the wrong kind: read as every source would, and taken through the event table.

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "core/json.h"
#include "jobs/event_table.h"
#include "jobs/reply_payload.h"
#include "tests/fuzz/check.h"
#include "webhooks/source_parser.h"

namespace {

using namespace deskwire;

void check(config::SourceType type, const std::string& body) {
  const auto event = webhooks::parser_for(type).parse(body);
  if (!event) return;
  jobs::EventContext context;
  context.source = "support";
  context.receipt = "01J0000000000000000000000";
  context.delivery_id = "d-1";
  context.body_sha256 = std::string(32, 'x');
  context.now_ms = 1781081200000;
  DW_CHECK(!jobs::lane_of(*event, context.source, context.name_space).empty());
  const jobs::EnqueueRequest request = jobs::to_enqueue(*event, context);
  for (const Event& one : request.events) {
    DW_CHECK(!one.channel.empty() && !one.name.empty());
    DW_CHECK(parse_json(one.data).has_value());
  }
  if (request.kind == "reply") DW_CHECK(jobs::decode_reply(request.payload).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array kTypes = {config::SourceType::kChatwoot,  config::SourceType::kGeneric,
                                 config::SourceType::kSandbox,   config::SourceType::kZendesk,
                                 config::SourceType::kIntercom,  config::SourceType::kFront,
                                 config::SourceType::kHelpScout, config::SourceType::kZammad,
                                 config::SourceType::kFreshdesk};
  const std::string body(data, data + size);
  for (const auto type : kTypes) check(type, body);
  return 0;
}
