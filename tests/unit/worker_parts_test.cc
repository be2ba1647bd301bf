#include <string>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/manual_clock.h"
#include "worker/attempt_cancellation.h"
#include "worker/handlers/reply_guards.h"
#include "worker/helpdesks/circuit_breaker.h"
#include "worker/helpdesks/generic_client.h"
#include "worker/helpdesks/http_status.h"
#include "worker/helpdesks/liquid.h"
#include "worker/helpdesks/message_age.h"
#include "worker/helpdesks/sandbox_client.h"
#include "worker/hot_shards.h"
#include "worker/responders/sandbox_responder.h"
#include "worker/responders/template_responder.h"

namespace deskwire::worker {

using testing::ManualClock;

namespace {

class NoDraft final : public DraftSink {
 public:
  void begin() override {}
  void add(std::string_view /*text*/) override {}
};

config::ReplyRule rule(const std::string& contains, const std::string& reply) {
  config::ReplyRule made;
  made.contains = contains;
  made.reply = reply;
  return made;
}

ReplyContext asked(const std::string& content, const std::string& name) {
  ReplyContext context;
  context.conversation = "1";
  context.content = content;
  context.contact_name = name;
  return context;
}

}  // namespace

TEST_CASE("Liquid in a reply is neutralised and stays the same to the eye", "[worker][liquid]") {
  const std::string joiner = "\xE2\x81\xA0";
  const std::vector<std::pair<std::string, std::string>> rows{
      {"", ""},
      {"plain { text } 100 %", "plain { text } 100 %"},
      {"{{ contact.email }}", "{" + joiner + "{ contact.email }}"},
      {"{% raw %}", "{" + joiner + "% raw %}"},
      {"{{{x}}}", "{" + joiner + "{" + joiner + "{x}}}"},
      {"a{{b{%c", "a{" + joiner + "{b{" + joiner + "%c"},
      {"ends with {", "ends with {"},
      {"{\n{", "{\n{"},
      {"`{% endraw %}{{ agent.name }}`",
       "`{" + joiner + "% endraw %}{" + joiner + "{ agent.name }}`"},
      {"\xF0\x9F\x98\x80{{", "\xF0\x9F\x98\x80{" + joiner + "{"},
  };
  for (const auto& [text, safe] : rows) {
    CAPTURE(text);
    const std::string result = neutralise_liquid(text);
    CHECK(result == safe);
    CHECK(result.find("{{") == std::string::npos);
    CHECK(result.find("{%") == std::string::npos);
    CHECK(neutralise_liquid(result) == result);
  }
  // Two harmless halves become a tag only when they are joined before the post.
  CHECK(neutralise_liquid(std::string("half {") + "{ name }}") == "half {" + joiner + "{ name }}");
}

TEST_CASE("the first rule that fits answers, in whatever case the customer writes",
          "[worker][template]") {
  AttemptCancellation cancellation;
  NoDraft draft;
  TemplateResponder responder({rule("refund", "About refunds, {name}."),
                               rule("\xC3\x84RGER", "Oh."), rule("", "Anything: {content}")});
  const auto answer = [&](const std::string& content, const std::string& name = "Ann") {
    return responder.reply(asked(content, name), draft, cancellation).value().text;
  };
  CHECK(answer("Where is my REFUND?") == "About refunds, Ann.");
  CHECK(answer("refund", "") == "About refunds, there.");
  CHECK(answer("nur \xC3\xA4rger") == "Oh.");
  CHECK(answer("hi {name}") == "Anything: hi {name}");
  CHECK(answer("") == "Anything: ");
  CHECK(answer("broken \xC3") == "Anything: broken \xC3");
}

TEST_CASE("without rules the customer is greeted and quoted, long texts in part",
          "[worker][template]") {
  AttemptCancellation cancellation;
  NoDraft draft;
  TemplateResponder responder({});
  const auto answer = responder.reply(asked("my parcel is late", "Ann"), draft, cancellation);
  REQUIRE(answer);
  CHECK(answer->text.find("Ann") != std::string::npos);
  CHECK(answer->text.find("my parcel is late") != std::string::npos);

  std::string umlauts;
  for (int i = 0; i < 2000; ++i) umlauts += "\xC3\xBC";
  const auto cut = responder.reply(asked(umlauts, ""), draft, cancellation);
  REQUIRE(cut);
  CHECK(cut->text.find("\xC3\xBC\xE2\x80\xA6") != std::string::npos);
  CHECK(cut->text.size() < 2300);
}

TEST_CASE("an empty rule is an error of the config, not a silent reply", "[worker][template]") {
  AttemptCancellation cancellation;
  NoDraft draft;
  TemplateResponder responder({rule("", "")});
  const auto answer = responder.reply({}, draft, cancellation);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == ErrorCode::kInvalid);
}

TEST_CASE("a slow model is played only as long as nobody cancels", "[worker][sandbox]") {
  TemplateResponder inner({});
  SandboxResponder responder(inner);
  AttemptCancellation cancelled;
  cancelled.cancel();
  NoDraft draft;
  ReplyContext slow = asked("x", "");
  slow.simulate = {{"think_ms", "30000"}};
  const auto stopped = responder.reply(slow, draft, cancelled);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::kCancelled);

  AttemptCancellation free;
  for (const char* think : {"1", "", "x", "-5"}) {
    ReplyContext context = slow;
    context.simulate["think_ms"] = think;
    CHECK(responder.reply(context, draft, free));
  }
}

TEST_CASE("the sandbox plays the failures it is asked for and else invents stable ids",
          "[worker][sandbox]") {
  SandboxClient client;
  PostRequest request{.conversation = {"1", "2", "2"},
                      .content = "x",
                      .source_id = "dw-1",
                      .in_reply_to = "",
                      .attempt = 1,
                      .simulate = {}};
  const auto first = client.create_message(request);
  REQUIRE(first);
  CHECK(client.create_message(request).value() == *first);
  request.simulate = {{"post", "fail"}};
  CHECK(client.create_message(request).error().code == ErrorCode::kInvalid);
  request.simulate = {{"post", "fail_once"}};
  CHECK(client.create_message(request).error().code == ErrorCode::kUnavailable);
  request.attempt = 2;
  CHECK(client.create_message(request));
  CHECK(client.find_message(request.conversation, "dw-1", "").value() == std::nullopt);
  client.stop();
  CHECK(client.create_message(request).error().code == ErrorCode::kCancelled);
}

TEST_CASE("a generic source without an API keeps replies on the channel", "[worker][generic]") {
  config::Source source;
  source.type = config::SourceType::kGeneric;
  GenericClient client(source);
  const PostRequest request{.conversation = {"", "2", "2"},
                            .content = "x",
                            .source_id = "dw-1",
                            .in_reply_to = "",
                            .attempt = 1,
                            .simulate = {}};
  const auto first = client.create_message(request);
  REQUIRE(first);
  CHECK(client.create_message(request).value() == *first);
  CHECK(client.find_message(request.conversation, "dw-1", "").value() == std::nullopt);
  CHECK(client.hand_off(request.conversation));
}

TEST_CASE("the circuit opens after failures in a row and lets one trial through at a time",
          "[worker][circuit]") {
  ManualClock clock;
  CircuitBreaker breaker(clock, {.failures_to_open = 3, .open_for = Milliseconds(1000)});
  breaker.failed();
  breaker.failed();
  breaker.succeeded();
  breaker.failed();
  breaker.failed();
  CHECK_FALSE(breaker.admit());
  breaker.failed();
  CHECK(breaker.open());
  CHECK(breaker.held() == Milliseconds(1000));
  clock.advance(Milliseconds(1000));
  CHECK_FALSE(breaker.held());
  CHECK_FALSE(breaker.admit());  // The trial.
  CHECK(breaker.admit() == Milliseconds(1000));
  breaker.failed();
  clock.advance(Milliseconds(400));
  CHECK(breaker.held() == Milliseconds(600));
  clock.advance(Milliseconds(600));
  CHECK_FALSE(breaker.admit());
  breaker.succeeded();
  CHECK_FALSE(breaker.open());
  CHECK_FALSE(breaker.admit());
  CHECK_FALSE(breaker.admit());
}

TEST_CASE("a newer message is told by its id where ids can be compared", "[worker][guards]") {
  CHECK(is_newer_message("101", "100"));
  CHECK(is_newer_message("1000", "999"));
  CHECK_FALSE(is_newer_message("999", "1000"));
  CHECK_FALSE(is_newer_message("100", "100"));
  CHECK_FALSE(is_newer_message("", "100"));
  CHECK_FALSE(is_newer_message("100", ""));
  CHECK(is_newer_message("01B", "01A"));
  CHECK_FALSE(is_newer_message("abc", "100000"));
  CHECK(is_newer_message("9007199254740993", "9007199254740992"));
}

TEST_CASE("only the bot that is configured as ours counts as ours", "[worker][guards]") {
  config::Source source;
  source.type = config::SourceType::kChatwoot;
  source.bot_id = "3";
  jobs::ReplyPayload payload;
  GuardFacts facts;
  facts.state.status = "open";
  facts.state.assignee_type = "bot";
  facts.state.assignee_id = "4";
  CHECK(reason_to_skip(payload, facts, source, {}) == "not_pending");
  facts.state.assignee_id = "3";
  CHECK_FALSE(reason_to_skip(payload, facts, source, {}));
}

TEST_CASE("a replay takes back what was handed over, unless people have taken it up",
          "[worker][guards]") {
  config::Source source;
  source.type = config::SourceType::kChatwoot;
  jobs::ReplyPayload payload;
  payload.message_id = "100";
  GuardFacts facts;
  facts.state.status = "open";
  facts.state.handed_off = "unauthorized";
  CHECK(reason_to_skip(payload, facts, source, {}) == "handed_off");
  facts.taken_back = true;
  CHECK_FALSE(reason_to_skip(payload, facts, source, {}));
  facts.state.assignee_type = "user";
  CHECK(reason_to_skip(payload, facts, source, {}) == "assigned_to_human");
  facts.state.assignee_type.clear();
  facts.state.last_sender = "user";
  facts.state.last_message_id = "101";
  CHECK(reason_to_skip(payload, facts, source, {}) == "answered_by_human");
  facts.state.last_sender.clear();
  facts.state.handed_off.clear();
  CHECK(reason_to_skip(payload, facts, source, {}) == "not_pending");
}

TEST_CASE("age counts from acceptance, and from the helpdesk's creation only if asked for",
          "[worker][guards]") {
  config::Source source;
  jobs::ReplyPayload payload;
  payload.created_at_ms = 1'000'000;
  payload.accepted_at_ms = 2'000'000;
  config::Replies replies;
  replies.max_age_s = 100;
  GuardFacts facts;
  facts.now_ms = 2'100'000;
  CHECK_FALSE(reason_to_skip(payload, facts, source, replies));
  facts.now_ms = 2'100'001;
  CHECK(reason_to_skip(payload, facts, source, replies) == "stale");
  facts.replayed = true;
  CHECK_FALSE(reason_to_skip(payload, facts, source, replies));
  facts.replayed = false;
  facts.now_ms = 2'000'001;
  replies.max_message_age_s = 1000;
  CHECK(reason_to_skip(payload, facts, source, replies) == "stale");
}

TEST_CASE("a status code says what is known about the effect", "[worker][http]") {
  const auto code = [](int status, const std::string& body = "") {
    return body_or_error({.status = status, .body = body, .retry_after = ""}, "POST messages")
        .error()
        .code;
  };
  CHECK(body_or_error({.status = 200, .body = "{}", .retry_after = ""}, "x").value() == "{}");
  CHECK(code(301) == ErrorCode::kInvalid);
  CHECK(code(400) == ErrorCode::kInvalid);
  CHECK(code(401) == ErrorCode::kUnauthorized);
  CHECK(code(403) == ErrorCode::kDenied);
  CHECK(code(404) == ErrorCode::kNotFound);
  CHECK(code(408) == ErrorCode::kUnknownOutcome);
  CHECK(code(413) == ErrorCode::kTooLarge);
  CHECK(code(422, R"({"error":"Content is too long"})") == ErrorCode::kInvalid);
  CHECK(code(422, R"({"error":"Too many messages"})") == ErrorCode::kRateLimited);
  CHECK(code(422, "<html>") == ErrorCode::kInvalid);
  CHECK(code(500) == ErrorCode::kUnknownOutcome);
  CHECK(code(503) == ErrorCode::kUnknownOutcome);
  const auto limited = body_or_error({.status = 429, .body = "", .retry_after = "12"}, "x").error();
  CHECK(limited.code == ErrorCode::kRateLimited);
  CHECK(limited.retry_after == std::chrono::seconds(12));
  CHECK(retry_after_of("Wed, 21 Oct 2026 07:28:00 GMT") == std::chrono::seconds(5));
  CHECK(retry_after_of("999999") == std::chrono::seconds(300));
  CHECK(retry_after_of("-1") == std::chrono::seconds(1));
}

TEST_CASE("our source_id tells when its job was made", "[worker][chatwoot]") {
  CHECK(minted_at_ms("dw-01ARZ3NDEKTSV4RRFFQ69G5FAV-1") == 1469922850259);
  CHECK(minted_at_ms("something else") == 0);
  CHECK(minted_at_ms("dw-") == 0);
}

TEST_CASE("hot shards are taken in order, once, and never lost", "[worker][pool]") {
  HotShards hot;
  hot.offer(3);
  hot.offer(5);
  hot.offer(3);
  hot.offer(-1);
  hot.offer(16);
  CHECK(hot.take() == 3);
  hot.offer(3);  // Came while shard 3 is being asked for work.
  CHECK(hot.take() == 5);
  CHECK(hot.any_other());
  CHECK(hot.take() == 3);
  CHECK_FALSE(hot.any_other());
  hot.offer(7);
  hot.close();
  CHECK(hot.take() == std::nullopt);
  hot.open();
  CHECK(hot.take() == 7);
}

TEST_CASE("more shards are wanted only by a thread that has nothing to do, or one for too long",
          "[worker][pool]") {
  HotShards hot;
  testing::EventProbe<std::string> probe;
  const auto listen = [&](const std::string& name) {
    return std::thread([&hot, &probe, name] {
      hot.wait_until_wanted();
      probe.push(name);
    });
  };
  std::thread first = listen("wanted by an idle thread");
  CHECK(probe.size() == 0);  // Nobody is in take() yet.
  std::thread idle([&] { probe.push("took " + std::to_string(hot.take().value_or(-1))); });
  CHECK(probe.next() == "wanted by an idle thread");
  first.join();
  hot.offer(4);
  CHECK(probe.next() == "took 4");
  idle.join();

  std::thread second = listen("wanted by a busy thread");
  CHECK_FALSE(hot.any_other());
  CHECK(probe.next() == "wanted by a busy thread");
  second.join();
  hot.offer(5);  // Now there is one: no more are wanted.
  std::thread third = listen("closed");
  CHECK(hot.any_other());
  CHECK(probe.size() == 0);
  hot.close();
  CHECK(probe.next() == "closed");
  third.join();
}

}  // namespace deskwire::worker
