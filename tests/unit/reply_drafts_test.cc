#include <nlohmann/json.hpp>

#include "core/channel.h"
#include "tests/support/catch.h"
#include "tests/support/reply_bench.h"
#include "worker/handlers/draft.h"

namespace deskwire::testing {
namespace {

using nlohmann::json;

/// A model that says these pieces.
auto writing(const std::vector<std::string>& pieces) {
  return [pieces](const worker::ReplyContext&, worker::DraftSink& draft,
                  worker::Cancellation&) -> Result<worker::Answer> {
    draft.begin();
    worker::Answer answer;
    for (const std::string& piece : pieces) {
      draft.add(piece);
      answer.text += piece;
    }
    return answer;
  };
}

std::vector<json> named(const std::vector<Event>& events, const std::string& name) {
  std::vector<json> data;
  for (const Event& event : events) {
    if (event.name == name) data.push_back(json::parse(event.data));
  }
  return data;
}

std::string text_of(const std::vector<json>& deltas) {
  std::string text;
  for (const json& delta : deltas) text += delta.at("text").get<std::string>();
  return text;
}

config::Replies with_model() {
  config::Replies replies;
  replies.responder = "openai";
  return replies;
}

}  // namespace

TEST_CASE("a draft shows what the answer will hold: masked, and without Liquid",
          "[worker][drafts]") {
  ReplyBench bench(ReplyBench::chatwoot_source(), with_model());
  bench.responder.write =
      writing({"Card 4111 11", "11 1111 1111 and {", "{ contact.email }}", " {% x %}. Bye"});
  bench.enqueue("100");
  CHECK(bench.attempt() == "replied");
  const std::string posted = bench.helpdesk->messages().at(0).request.content;
  CHECK(posted.find("4111") == std::string::npos);
  CHECK(posted.find("{{") == std::string::npos);
  CHECK(text_of(named(bench.published, "message:delta")) == posted);
  CHECK(json::parse(bench.events_named("message:ai").at(0)).at("content") == posted);
  for (const Event& event : bench.published) {
    if (event.name == "message:delta") CHECK(event.channel == internal_channel("42"));
  }
}

TEST_CASE("a draft that becomes no answer is taken back", "[worker][drafts]") {
  ReplyBench bench(ReplyBench::chatwoot_source(), with_model());
  bench.responder.write = [](const auto&, worker::DraftSink& draft,
                             auto&) -> Result<worker::Answer> {
    draft.begin();
    draft.add("Well, let me ");
    return fail(ErrorCode::kUnavailable, "dropped");
  };
  bench.enqueue("100");
  CHECK(bench.attempt() == "unavailable");
  const auto deleted = named(bench.published, "message:deleted");
  REQUIRE(deleted.size() == 1);
  CHECK(deleted[0].at("reason") == "unavailable");
  CHECK(deleted[0].at("messageId") ==
        named(bench.published, "message:delta").at(0).at("messageId"));
  // The next attempt writes another one, from the beginning.
  bench.responder.write = writing({"Here it is. "});
  bench.pass(Milliseconds(10));
  CHECK(bench.attempt() == "replied");
  CHECK(named(bench.published, "message:delta").back().at("index") == 0);
  CHECK(named(bench.published, "message:deleted").size() == 1);
}

TEST_CASE("after so many failures of the responder people are called", "[worker][handoff]") {
  config::Replies replies = with_model();
  replies.hand_off.after_failures = 2;
  ReplyBench bench(ReplyBench::chatwoot_source(), replies);
  bench.responder.answer = [](const auto&) -> Result<std::string> {
    return fail(ErrorCode::kTimeout, "scripted");
  };
  const JobId id = bench.enqueue("100");
  CHECK(bench.attempt() == "timeout");
  bench.pass(Milliseconds(10));
  CHECK(bench.attempt() == "timeout");
  CHECK(bench.job(id).state == jobs::JobState::kDead);
  CHECK(bench.attempt() == "handed_off");
  CHECK(json::parse(bench.events_named("conversation:handoff").at(0)).at("reason") == "timeout");
}

TEST_CASE("an answer that its writer does not trust goes to people", "[worker][handoff]") {
  ReplyBench bench(ReplyBench::chatwoot_source(), with_model());
  bench.responder.write = [](const auto&, auto&, auto&) -> Result<worker::Answer> {
    worker::Answer answer;
    answer.text = "Perhaps.";
    answer.confidence = 0.2;
    return answer;
  };
  bench.history.turns = {{worker::Turn::Who::kCustomer, "99", "My card is 4111111111111111"}};
  bench.enqueue("100");
  CHECK(bench.attempt() == "handed_off:low_confidence");
  const auto posts = bench.helpdesk->messages();
  REQUIRE(posts.size() == 1);
  CHECK(posts[0].request.is_private);
  CHECK(posts[0].request.content.find("Customer: hello") != std::string::npos);
  CHECK(posts[0].request.content.find("4111") == std::string::npos);
  CHECK(bench.events_named("message:ai").empty());
}

TEST_CASE("a spent budget of tokens calls people", "[worker][handoff]") {
  config::Replies replies = with_model();
  replies.guards.tokens_per_conversation = 100;
  ReplyBench bench(ReplyBench::chatwoot_source(), replies);
  bench.responder.write = [](const worker::ReplyContext& context, auto&,
                             auto&) -> Result<worker::Answer> {
    if (!context.may_spend) return fail(ErrorCode::kFull, "spent");
    worker::Answer answer;
    answer.text = "Answer to " + context.content;
    answer.tokens = 60;
    return answer;
  };
  for (const char* id : {"100", "101"}) {
    bench.enqueue(id);
    CHECK(bench.attempt() == "replied");
  }
  bench.enqueue("102");
  CHECK(bench.attempt() == "handed_off:budget");
}

TEST_CASE("in shadow an answer is a private note, and only agents see it", "[worker][rollout]") {
  config::Replies replies = with_model();
  replies.shadow = true;
  replies.stream_to_customer = true;
  ReplyBench bench(ReplyBench::chatwoot_source(), replies);
  bench.responder.write = writing({"I would say this. "});
  bench.enqueue("100");
  CHECK(bench.attempt() == "shadowed");
  const auto posts = bench.helpdesk->messages();
  REQUIRE(posts.size() == 1);
  CHECK(posts[0].request.is_private);
  for (const Event& event : bench.store.appended_events()) {
    CHECK(event.channel == internal_channel("42"));
  }
  for (const Event& event : bench.published) CHECK(event.channel == internal_channel("42"));
  // Nor does a shadow call people.
  bench.enqueue("101", [](auto& payload) { payload.content = "human!"; });
  CHECK(bench.attempt() == "skipped:shadow_handoff");
  CHECK(bench.helpdesk->hand_offs().empty());
}

TEST_CASE("where answers are not switched on nothing is written", "[worker][rollout]") {
  config::Replies replies;
  replies.percent = 0;
  ReplyBench bench(ReplyBench::chatwoot_source(), replies);
  bench.enqueue("100");
  CHECK(bench.attempt() == "skipped:not_enabled");
  CHECK(bench.responder.asked == 0);
}

TEST_CASE("quick replies of the persona follow an answer", "[worker][suggestions]") {
  config::Replies replies;
  config::Persona ada;
  ada.suggestions = {"Track my order", "Talk to someone"};
  ada.sources = {"shop"};
  replies.personas["Ada"] = ada;
  ReplyBench bench(ReplyBench::chatwoot_source(), replies);
  bench.enqueue("100");
  CHECK(bench.attempt() == "replied");
  const json data = json::parse(bench.events_named("ui:suggestions").at(0));
  CHECK(data.at("suggestions") == json{"Track my order", "Talk to someone"});
  CHECK(data.at("persona") == "Ada");
  CHECK(json::parse(bench.events_named("message:ai").at(0)).at("persona") == "Ada");
}

}  // namespace deskwire::testing
