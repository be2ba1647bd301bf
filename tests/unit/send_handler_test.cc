#include "core/channel.h"
#include "jobs/send_payload.h"
#include "tests/support/catch.h"
#include "tests/support/reply_bench.h"

namespace deskwire::testing {
namespace {

/// A customer's message on its way into the helpdesk.
JobId enqueue_message(ReplyBench& bench, bool from_agent = false, const char* source = "shop") {
  jobs::EnqueueRequest request;
  request.lane = "42";
  request.receipt = new_job_id(bench.clock.wall_ms(), shard_of_lane("42")).str();
  request.kind = jobs::kSendKind;
  request.payload = jobs::encode(jobs::SendPayload{.source = source,
                                                   .conversation_id = "42",
                                                   .account_id = "1",
                                                   .content = "Where is it?",
                                                   .from_agent = from_agent});
  request.max_attempts = 4;
  return JobId(bench.store.enqueue(request)->job);
}

using Story = std::vector<std::string>;

}  // namespace

TEST_CASE("a customer's message is written in the customer's name and told to be sent",
          "[worker][send]") {
  ReplyBench bench;
  const JobId job = enqueue_message(bench);
  CHECK(bench.attempt() == "sent");
  const auto messages = bench.helpdesk->messages();
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].request.content == "Where is it?");
  CHECK(messages[0].request.author == worker::MessageAuthor::kContact);
  CHECK(messages[0].request.source_id == jobs::our_message_id(job.str(), 1));
  CHECK(bench.story() == Story{"message:status sent"});
  CHECK(bench.store.mapped_message("42", messages[0].id).value() == messages[0].request.source_id);

  ReplyBench by_agent;
  enqueue_message(by_agent, true);
  CHECK(by_agent.attempt() == "sent");
  CHECK(by_agent.helpdesk->messages().at(0).request.author == worker::MessageAuthor::kAgent);
}

TEST_CASE("a message that may have arrived is looked up before it is written again",
          "[worker][send]") {
  ReplyBench bench;
  bench.helpdesk->fail_posts({{ErrorCode::kTimeout, true}});
  enqueue_message(bench);
  CHECK(bench.attempt() == "timeout");
  bench.pass(Milliseconds(20000));
  CHECK(bench.attempt() == "sent");
  CHECK(bench.helpdesk->messages().size() == 1);
  CHECK(bench.story() == Story{"message:status sent"});
}

TEST_CASE("a message that surely did not arrive is written again", "[worker][send]") {
  ReplyBench bench;
  bench.helpdesk->fail_posts({{ErrorCode::kUnavailable}});
  enqueue_message(bench);
  CHECK(bench.attempt() == "unavailable");
  bench.pass(Milliseconds(20000));
  CHECK(bench.attempt() == "sent");
  CHECK(bench.helpdesk->messages().size() == 1);
}

TEST_CASE("a message that the helpdesk refuses is told to have failed, and calls nobody",
          "[worker][send]") {
  ReplyBench bench;
  bench.helpdesk->fail_posts({{ErrorCode::kInvalid}});
  enqueue_message(bench);
  CHECK(bench.attempt() == "invalid");
  CHECK(bench.story() == Story{"message:status failed"});
  CHECK_FALSE(bench.lease());
  CHECK(bench.helpdesk->hand_offs().empty());
}

TEST_CASE("a post whose fate cannot be looked up ends with a failed message, never with two",
          "[worker][send]") {
  ReplyBench bench;
  bench.helpdesk->fail_posts({{ErrorCode::kTimeout, true}});
  bench.helpdesk->fail_finds({{ErrorCode::kUnsupported}, {ErrorCode::kUnsupported}});
  enqueue_message(bench);
  CHECK(bench.attempt() == "timeout");
  bench.pass(Milliseconds(5));
  CHECK(bench.attempt() == "awaiting_echo");
  bench.pass(Milliseconds(20000));
  CHECK(bench.attempt() == "unknown_outcome");
  CHECK(bench.helpdesk->messages().size() == 1);
  CHECK(bench.story() == Story{"message:status failed"});
}

TEST_CASE("a worker that dies after the post does not post again", "[worker][send]") {
  ReplyBench bench;
  enqueue_message(bench);
  const auto lease = bench.lease();
  REQUIRE(lease);
  bench.run(*lease);
  bench.crash();
  CHECK(bench.attempt() == "sent");
  CHECK(bench.helpdesk->messages().size() == 1);
}

TEST_CASE("a payload that is none, and a source that is gone, are dead letters", "[worker][send]") {
  ReplyBench bench;
  enqueue_message(bench, false, "gone");
  CHECK(bench.attempt() == "unknown_source");
  for (const char* text : {"", "[]", "{}", R"({"v":1,"source":"shop"})"}) {
    CHECK(jobs::decode_send(text).error().code == ErrorCode::kCorrupt);
  }
}

}  // namespace deskwire::testing
