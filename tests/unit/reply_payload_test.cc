#include "jobs/reply_payload.h"

#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::jobs;

namespace {

ReplyPayload full_payload() {
  ReplyPayload payload;
  payload.source = "support";
  payload.conversation = "acme~1001";
  payload.conversation_id = "1001";
  payload.account_id = "1";
  payload.message_id = "9223372036854775807";
  payload.content = "olá 👋 \"quoted\"\n\\";
  payload.contact_name = "Jane Doe";
  payload.status = "pending";
  payload.assignee_type = "bot";
  payload.assignee_id = "11";
  payload.created_at_ms = 1781081002431;
  payload.accepted_at_ms = 1781081002999;
  payload.simulate = {{"post", "fail"}, {"think_ms", "3000"}};
  return payload;
}

}  // namespace

TEST_CASE("a reply payload comes back as it was written", "[jobs][reply_payload]") {
  const ReplyPayload payload = full_payload();
  const Result<ReplyPayload> read = decode_reply(encode(payload));
  REQUIRE(read);
  CHECK(read->source == payload.source);
  CHECK(read->conversation == payload.conversation);
  CHECK(read->conversation_id == payload.conversation_id);
  CHECK(read->account_id == payload.account_id);
  CHECK(read->message_id == payload.message_id);
  CHECK(read->content == payload.content);
  CHECK(read->contact_name == payload.contact_name);
  CHECK(read->status == payload.status);
  CHECK(read->assignee_type == payload.assignee_type);
  CHECK(read->assignee_id == payload.assignee_id);
  CHECK(read->created_at_ms == payload.created_at_ms);
  CHECK(read->accepted_at_ms == payload.accepted_at_ms);
  CHECK(read->simulate == payload.simulate);
}

TEST_CASE("fields of a newer version are ignored", "[jobs][reply_payload]") {
  const auto read = decode_reply(
      R"({"v":2,"source":"s","conversation":"1","message_id":"5","tone":{"warm":true}})");
  REQUIRE(read);
  CHECK(read->message_id == "5");
  CHECK(read->content.empty());
}

TEST_CASE("a payload that is not ours is corrupt, never a crash", "[jobs][reply_payload]") {
  for (const char* text :
       {"", "null", "[]", "{}", "{\"v\":1}", "not json", "{\"v\":1,\"source\":\"s\"}",
        R"({"source":"s","conversation":"1","message_id":"5"})",
        R"({"v":"1","source":"s","conversation":"1","message_id":"5"})",
        R"({"v":1,"source":"s","conversation":"","message_id":"5"})",
        R"({"v":1,"source":1,"conversation":"1","message_id":"5"})"}) {
    CAPTURE(text);
    const auto read = decode_reply(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ErrorCode::kCorrupt);
  }
}
