// Incidents that bots in helpdesks had, by the number under which they were reported to the makers
// of Chatwoot (or of the named other product). Each is something that must not happen here.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/channel.h"
#include "jobs/event_table.h"
#include "jobs/helpdesk_event.h"
#include "tests/support/catch.h"
#include "tests/support/reply_bench.h"

namespace deskwire::testing {
namespace {

using Kind = jobs::HelpdeskEvent::Kind;
using nlohmann::json;

jobs::HelpdeskEvent event_of(Kind kind, jobs::SenderType sender) {
  jobs::HelpdeskEvent event;
  event.kind = kind;
  event.vendor_event = name_of(kind);
  event.conversation_id = "42";
  event.object_id = "100";
  event.content = "hello";
  event.status = "pending";
  event.sender.type = sender;
  event.incoming = sender == jobs::SenderType::kContact;
  return event;
}

jobs::EnqueueRequest taken_in(const jobs::HelpdeskEvent& event, const std::string& delivery = "d") {
  jobs::EventContext context;
  context.source = "shop";
  context.receipt = new_job_id(1, shard_of_lane("42")).str();
  context.delivery_id = delivery;
  context.body_sha256 = std::string(32, 'x');
  context.now_ms = 1;
  return jobs::to_enqueue(event, context);
}

config::Replies with_model() {
  config::Replies replies;
  replies.responder = "openai";
  return replies;
}

jobs::ConversationState newest(const std::string& sender, const std::string& id,
                               const std::string& status) {
  jobs::ConversationState state;
  state.last_sender = sender;
  state.last_message_id = id;
  state.status = status;
  state.updated_at_ms = 5;
  return state;
}

/// Asks and answers `count` times; the last outcome.
std::string answered(ReplyBench& bench, int count, int first_id = 100) {
  std::string outcome;
  for (int i = 0; i < count; ++i) {
    bench.enqueue(std::to_string(first_id + i));
    outcome = bench.attempt();
  }
  return outcome;
}

}  // namespace

TEST_CASE("12608, 13608: a new conversation carries a message, and is no reason to answer it",
          "[incidents]") {
  CHECK(taken_in(event_of(Kind::kConversationCreated, jobs::SenderType::kContact)).kind.empty());
}

TEST_CASE("11901, 5966, 1747: an event that comes under two delivery ids is answered once",
          "[incidents]") {
  const auto event = event_of(Kind::kMessageCreated, jobs::SenderType::kContact);
  const auto first = taken_in(event, "one").dedupe_keys;
  const auto second = taken_in(event, "two").dedupe_keys;
  const bool share = std::any_of(first.begin(), first.end(), [&](const std::string& key) {
    return std::find(second.begin(), second.end(), key) != second.end();
  });
  CHECK(share);
}

TEST_CASE("15914, 15953, 10632: own posts, other bots and notes are never answered",
          "[incidents]") {
  for (const auto sender :
       {jobs::SenderType::kBot, jobs::SenderType::kUser, jobs::SenderType::kSystem}) {
    CHECK(taken_in(event_of(Kind::kMessageCreated, sender)).kind.empty());
  }
  auto note = event_of(Kind::kMessageCreated, jobs::SenderType::kContact);
  note.is_private = true;
  CHECK(taken_in(note).kind.empty());
  auto echo = event_of(Kind::kMessageCreated, jobs::SenderType::kSystem);
  echo.source_id = jobs::our_message_id("01ARZ3NDEKTSV4RRFFQ69G5FAV", 1);
  CHECK(taken_in(echo).kind.empty());
}

TEST_CASE("10632: answers that follow each other too fast are a loop, and people get it",
          "[incidents]") {
  config::Replies replies = with_model();
  replies.guards.max_per_window = 3;
  replies.guards.max_repeats = 0;
  ReplyBench bench(ReplyBench::chatwoot_source(), replies);
  CHECK(answered(bench, 3) == "replied");
  CHECK(answered(bench, 1, 200) == "handed_off:loop");
  CHECK(bench.helpdesk->hand_offs().size() == 1);
  const json handoff = json::parse(bench.events_named("conversation:handoff").at(0));
  CHECK(handoff.at("reason") == "loop");
  // After a while it is no loop, but the conversation is theirs until they give it back.
  bench.clock.advance(Milliseconds(120000));
  CHECK(answered(bench, 1, 300) == "skipped:handed_off");
}

TEST_CASE("15914: the same answer again and again is given a few times, then people get it",
          "[incidents]") {
  config::Replies replies = with_model();
  replies.guards.max_repeats = 2;
  ReplyBench bench(ReplyBench::chatwoot_source(), replies);
  bench.responder.answer = [](const auto&) { return std::string("I do not understand."); };
  CHECK(answered(bench, 2) == "replied");
  bench.responder.answer = [](const auto&) { return std::string("I do NOT understand. "); };
  CHECK(answered(bench, 1, 200) == "handed_off:repeated_answer");
  CHECK(bench.events_named("message:ai").size() == 2);
}

TEST_CASE("15743, 6446: a post that was answered 500 and came through all the same is not repeated",
          "[incidents]") {
  ReplyBench bench;
  bench.helpdesk->fail_posts({{ErrorCode::kUnknownOutcome, true}});
  bench.enqueue("100");
  CHECK(bench.attempt() == "unknown_outcome");
  bench.pass(Milliseconds(20));
  CHECK(bench.attempt() == "replied");
  CHECK(bench.helpdesk->messages().size() == 1);
}

TEST_CASE("15908: an update of a message is no new question", "[incidents]") {
  auto update = event_of(Kind::kMessageUpdated, jobs::SenderType::kContact);
  CHECK(taken_in(update).kind.empty());
  update.edited = true;
  CHECK(taken_in(update).kind.empty());
  update.submitted_choice = "Yes";
  CHECK(taken_in(update).kind == "reply");
}

TEST_CASE(
    "6884, 8928, 14296: typing ends after a reply, after none, and after a crash of the model",
    "[incidents]") {
  const auto last_typing = [](ReplyBench& bench) {
    std::string last;
    for (const std::string& name : bench.story()) {
      if (name.starts_with("typing:")) last = name;
    }
    return last;
  };
  ReplyBench replied;
  answered(replied, 1);
  CHECK(last_typing(replied) == "typing:stop");

  ReplyBench failed;
  failed.responder.answer = [](const auto&) -> Result<std::string> {
    return fail(ErrorCode::kTimeout, "scripted");
  };
  CHECK(answered(failed, 1) == "timeout");
  CHECK(last_typing(failed) == "typing:stop");

  ReplyBench thrown;
  thrown.responder.answer = [](const auto&) -> Result<std::string> {
    throw std::runtime_error("scripted");
  };
  thrown.enqueue("100");
  const auto lease = thrown.lease();
  CHECK_THROWS(thrown.run(*lease));
  CHECK(last_typing(thrown) == "typing:stop");

  ReplyBench nothing;
  nothing.enqueue("100", [](auto& payload) { payload.content = "a human, please"; });
  CHECK(nothing.attempt() == "handed_off:customer_asked");
  CHECK(last_typing(nothing) == "typing:stop");
}

TEST_CASE("9277: a status that only a message tells is known to the guards", "[incidents]") {
  ReplyBench bench;
  bench.enqueue("100", [](auto& payload) { payload.status = "open"; });
  CHECK(bench.attempt() == "skipped:not_pending");
}

TEST_CASE("15204, 15857: a message that waited too long is not answered", "[incidents]") {
  config::Replies replies;
  replies.max_message_age_s = 600;
  ReplyBench bench(ReplyBench::chatwoot_source(), replies);
  bench.clock.advance(Milliseconds(3600000));
  bench.enqueue("100", [&](auto& payload) { payload.created_at_ms -= 601000; });
  CHECK(bench.attempt() == "skipped:stale");
}

TEST_CASE("fazer-ai/agents#433: the assistant does not answer over a person who was faster",
          "[incidents]") {
  // While it writes, and between the showing and the post.
  ReplyBench writing;
  writing.responder.answer = [&](const auto&) {
    writing.clock.advance(Milliseconds(1000));
    writing.set_state(newest("user", "101", "open"));
    return std::string("too late");
  };
  writing.enqueue("100");
  CHECK(writing.attempt().starts_with("skipped:"));
  CHECK(writing.helpdesk->messages().empty());
  CHECK(writing.events_named("message:ai").empty());
}

TEST_CASE("fazer-ai/agents#158: a hand-over says its word once, and then the assistant is silent",
          "[incidents]") {
  config::Replies replies;
  replies.hand_off.message = "A colleague takes over.";
  ReplyBench bench(ReplyBench::chatwoot_source(), replies);
  bench.enqueue("100", [](auto& payload) { payload.content = "human!"; });
  CHECK(bench.attempt() == "handed_off:customer_asked");
  const auto posts = bench.helpdesk->messages();
  REQUIRE(posts.size() == 2);  // The note for people and the word for the customer.
  CHECK(posts[0].request.is_private);
  CHECK(posts[0].request.content.find("customer_asked") != std::string::npos);
  CHECK(posts[1].request.content == "A colleague takes over.");
  CHECK_FALSE(posts[1].request.is_private);
  CHECK(bench.helpdesk->hand_offs().size() == 1);

  bench.enqueue("101", [](auto& payload) { payload.content = "human, hello?"; });
  CHECK(bench.attempt() == "skipped:handed_off");
  CHECK(bench.helpdesk->messages().size() == 2);
}

TEST_CASE("413: a conversation that people give back is answered again", "[incidents]") {
  ReplyBench bench;
  bench.enqueue("100", [](auto& payload) { payload.content = "human!"; });
  CHECK(bench.attempt() == "handed_off:customer_asked");
  bench.enqueue("101");
  CHECK(bench.attempt() == "skipped:handed_off");
  jobs::ConversationState back;
  back.status = "pending";
  back.updated_at_ms = bench.clock.wall_ms() + 1000;
  bench.set_state(back);
  bench.enqueue("102");
  CHECK(bench.attempt() == "replied");
}

TEST_CASE("12661, 3608: a conversation's messages are answered one after the other",
          "[incidents]") {
  ReplyBench bench;
  bench.enqueue("100");
  bench.enqueue("101");
  const auto first = bench.lease();
  REQUIRE(first);
  CHECK_FALSE(bench.lease());
  bench.close(bench.run(*first));
  CHECK(bench.attempt() == "replied");
  CHECK(bench.helpdesk->messages().at(1).request.in_reply_to == "101");
}

TEST_CASE("botpress#12707 (Intercom): topics that nobody asked for make no job", "[incidents]") {
  CHECK(taken_in(event_of(Kind::kOther, jobs::SenderType::kSystem)).kind.empty());
  CHECK(taken_in(event_of(Kind::kConversationUpdated, jobs::SenderType::kSystem)).kind.empty());
  CHECK(taken_in(event_of(Kind::kTypingOn, jobs::SenderType::kContact)).kind.empty());
}

}  // namespace deskwire::testing
