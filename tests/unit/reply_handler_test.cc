#include <nlohmann/json.hpp>

#include "jobs/helpdesk_event.h"
#include "tests/support/catch.h"
#include "tests/support/reply_bench.h"
#include "worker/handlers/reply.h"

namespace deskwire::testing {
namespace {

using jobs::FailureClass;
using jobs::JobState;
using nlohmann::json;
using Story = std::vector<std::string>;

config::Source sandbox_source() {
  config::Source source = ReplyBench::chatwoot_source();
  source.type = config::SourceType::kSandbox;
  return source;
}

jobs::ConversationState status(const std::string& value) {
  jobs::ConversationState state;
  state.status = value;
  state.updated_at_ms = 1;
  return state;
}

jobs::ConversationState last_message(const std::string& sender, const std::string& id) {
  jobs::ConversationState state;
  state.last_sender = sender;
  state.last_message_id = id;
  return state;
}

}  // namespace

TEST_CASE("a message is answered, shown and posted once, in the order people expect",
          "[worker][reply]") {
  ReplyBench bench;
  const JobId id = bench.enqueue("100");
  CHECK(bench.attempt() == "replied");

  CHECK(bench.story() == Story{"typing:start", "message:ai", "typing:stop", "message:status sent"});
  const auto messages = bench.helpdesk->messages();
  REQUIRE(messages.size() == 1);
  const std::string our_id = jobs::our_message_id(id.str(), 1);
  CHECK(messages[0].request.content == "You wrote: hello");
  CHECK(messages[0].request.source_id == our_id);
  CHECK(messages[0].request.in_reply_to == "100");
  CHECK(bench.job(id).state == JobState::kCompleted);
  CHECK(bench.store.mapped_message("42", messages[0].id).value() == our_id);

  const json sent = json::parse(bench.events_named("message:status").at(0));
  CHECK(sent.at("messageId") == our_id);
  CHECK(sent.at("helpdeskId") == messages[0].id);
}

TEST_CASE("message:ai says who wrote it, to which message, and how long it took",
          "[worker][reply]") {
  config::Replies replies;
  replies.persona = "Robo";
  ReplyBench bench(ReplyBench::chatwoot_source(), replies);
  bench.responder.answer = [&bench](const worker::ReplyContext& context) {
    bench.clock.advance(Milliseconds(120));
    return "Dear " + context.contact_name;
  };
  const JobId id = bench.enqueue("100");
  bench.clock.advance(Milliseconds(70));
  CHECK(bench.attempt() == "replied");

  const json data = json::parse(bench.events_named("message:ai").at(0));
  CHECK(data.at("messageId") == jobs::our_message_id(id.str(), 1));
  CHECK(data.at("content") == "Dear Ann");
  CHECK(data.at("contentType") == "text");
  CHECK(data.at("attachments") == json::array());
  CHECK(data.at("sender") == json{{"id", "ai"}, {"name", "Robo"}, {"type", "bot"}});
  CHECK(data.at("inReplyTo") == "100");
  CHECK(data.at("persona") == "Robo");
  CHECK(data.at("timing") == json{{"queue_duration_ms", 70}, {"ai_duration_ms", 120}});
  CHECK(data.at("timestamp").is_number_integer());
}

TEST_CASE("a burst is answered once, as one message", "[worker][reply]") {
  ReplyBench bench;
  bench.debounce = jobs::Debounce{Milliseconds(50), Milliseconds(60000), 10};
  std::string asked;
  bench.responder.answer = [&](const worker::ReplyContext& context) {
    asked = context.content;
    return "answer";
  };
  const JobId id = bench.enqueue("100");
  bench.clock.advance(Milliseconds(20));
  CHECK(bench.enqueue("101") == id);
  CHECK(bench.attempt() == "no job");
  bench.pass(Milliseconds(50));
  CHECK(bench.attempt() == "replied");
  CHECK(asked == "hello\nhello");
  const auto messages = bench.helpdesk->messages();
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].request.in_reply_to == "101");
  // Since the first message was accepted.
  const json data = json::parse(bench.events_named("message:ai").at(0));
  CHECK(data.at("timing").at("queue_duration_ms") == 70);
  CHECK(data.at("inReplyTo") == "101");
}

TEST_CASE(
    "a message that comes while the responder works is answered with the first, and nothing "
    "is shown twice",
    "[worker][reply]") {
  ReplyBench bench;
  bench.debounce = jobs::Debounce{Milliseconds(50), Milliseconds(60000), 10};
  bench.responder.answer = [&](const worker::ReplyContext& context) {
    if (bench.responder.asked == 1) bench.enqueue("101");
    return "You wrote: " + context.content;
  };
  const JobId id = bench.enqueue("100");
  bench.pass(Milliseconds(50));
  const auto leased = bench.lease();
  REQUIRE(leased);
  const auto result = bench.run(*leased);
  CHECK_FALSE(result.completed);
  CHECK_FALSE(result.failed);
  CHECK(bench.story() == Story{"typing:start", "typing:stop"});
  REQUIRE(bench.store.release(*leased));

  bench.pass(Milliseconds(50));
  CHECK(bench.attempt() == "replied");
  CHECK(bench.job(id).attempt == 1);
  CHECK(bench.helpdesk->messages().at(0).request.content == "You wrote: hello\nhello");
  CHECK(bench.story() == Story{"typing:start", "typing:stop", "typing:start", "message:ai",
                               "typing:stop", "message:status sent"});
}

TEST_CASE("conversations that are not the bot's are left alone", "[worker][reply]") {
  struct Row {
    jobs::ConversationState state;
    std::string outcome;
  };
  jobs::ConversationState with_human = status("open");
  with_human.assignee_type = "user";
  with_human.assignee_id = "7";
  jobs::ConversationState with_bot = status("open");
  with_bot.assignee_type = "bot";
  with_bot.assignee_id = "3";
  const std::vector<Row> rows{
      {status("pending"), "replied"},
      {status("open"), "skipped:not_pending"},
      {status("snoozed"), "skipped:not_pending"},
      {status("resolved"), "skipped:closed"},
      {with_human, "skipped:assigned_to_human"},
      {with_bot, "replied"},
      {last_message("user", "101"), "skipped:answered_by_human"},
      {last_message("bot", "101"), "skipped:answered_by_human"},
      {last_message("user", "99"), "replied"},
      {last_message("system", "101"), "replied"},
      {last_message("contact", "101"), "replied"},
  };
  for (const Row& row : rows) {
    ReplyBench bench;
    bench.set_state(row.state);
    const JobId id = bench.enqueue("100");
    CAPTURE(row.state.status, row.state.assignee_type, row.state.last_sender);
    CHECK(bench.attempt() == row.outcome);
    const bool replied = row.outcome == "replied";
    CHECK(bench.helpdesk->messages().size() == (replied ? 1 : 0));
    CHECK(bench.responder.asked == (replied ? 1 : 0));
    CHECK(bench.job(id).state == JobState::kCompleted);
    if (!replied) CHECK(bench.story().empty());
  }
}

TEST_CASE("our own reply to an earlier message does not count as an answer to this one",
          "[worker][reply]") {
  ReplyBench bench;
  bench.enqueue("100");
  bench.enqueue("101");
  CHECK(bench.attempt() == "replied");
  // The echo of the first reply, with an id above that of the second question.
  bench.set_state(last_message("bot", bench.helpdesk->messages().at(0).id));
  CHECK(bench.attempt() == "replied");
  CHECK(bench.helpdesk->messages().size() == 2);
}

TEST_CASE("a message that waited too long is not answered, unless an operator replays it",
          "[worker][reply]") {
  config::Replies replies;
  replies.max_age_s = 600;
  ReplyBench bench(ReplyBench::chatwoot_source(), replies);
  const JobId id = bench.enqueue();
  bench.pass(std::chrono::seconds(601));
  CHECK(bench.attempt() == "skipped:stale");
  REQUIRE(bench.store.replay(id, false, "op", "late is better than never"));
  CHECK(bench.attempt() == "replied");
}

TEST_CASE("a human who answers while the responder thinks is not talked over", "[worker][reply]") {
  ReplyBench bench;
  bench.responder.answer = [&bench](const worker::ReplyContext&) {
    bench.clock.advance(Milliseconds(3000));
    bench.set_state(last_message("user", "101"));
    return std::string("too late");
  };
  bench.enqueue("100");
  CHECK(bench.attempt() == "skipped:answered_by_human");
  CHECK(bench.helpdesk->messages().empty());
  CHECK(bench.story() == Story{"typing:start", "typing:stop"});
}

TEST_CASE("a human who answers before a repeated post is not talked over", "[worker][reply]") {
  ReplyBench bench;
  bench.helpdesk->fail_posts({{ErrorCode::kUnavailable}});
  const JobId id = bench.enqueue("100");
  CHECK(bench.attempt() == "unavailable");
  bench.set_state(last_message("user", "101"));
  bench.pass(Milliseconds(10));
  CHECK(bench.attempt() == "skipped:answered_by_human");
  CHECK(bench.helpdesk->messages().empty());
  CHECK(bench.job(id).state == JobState::kCompleted);
  CHECK(bench.story() ==
        Story{"typing:start", "message:ai", "typing:stop", "message:status failed"});
}

TEST_CASE("each error of a post ends its attempt in its own way", "[worker][reply]") {
  struct Row {
    ErrorCode code;
    FailureClass failure;
    bool voided;
  };
  const std::vector<Row> rows{
      {ErrorCode::kRateLimited, FailureClass::kDeferred, true},
      {ErrorCode::kUnavailable, FailureClass::kRetryable, true},
      {ErrorCode::kTimeout, FailureClass::kRetryable, false},
      {ErrorCode::kUnknownOutcome, FailureClass::kRetryable, false},
      {ErrorCode::kCancelled, FailureClass::kRetryable, false},
      {ErrorCode::kInternal, FailureClass::kRetryable, false},
      {ErrorCode::kInvalid, FailureClass::kPermanent, true},
      {ErrorCode::kUnauthorized, FailureClass::kPermanent, true},
      {ErrorCode::kDenied, FailureClass::kPermanent, true},
      {ErrorCode::kNotFound, FailureClass::kPermanent, true},
      {ErrorCode::kTooLarge, FailureClass::kPermanent, true},
  };
  for (const Row& row : rows) {
    CAPTURE(name_of(row.code));
    ReplyBench bench;
    bench.helpdesk->fail_posts({{row.code, false, Milliseconds(7000)}});
    bench.enqueue();
    const auto lease = bench.lease();
    REQUIRE(lease);
    const auto result = bench.run(*lease);
    REQUIRE(result.failed);
    CHECK(result.failed->error_code == name_of(row.code));
    CHECK(result.failed->failure == row.failure);
    CHECK(!result.failed->void_effect.empty() == row.voided);
    if (row.code == ErrorCode::kRateLimited) CHECK(result.failed->delay == Milliseconds(7000));
    // Whatever happens, typing ends.
    CHECK(bench.story().back() == "typing:stop");
  }
}

TEST_CASE("a refused post shows the message as failed and brings in a human", "[worker][reply]") {
  ReplyBench bench;
  bench.helpdesk->fail_posts({{ErrorCode::kInvalid}});
  const JobId id = bench.enqueue();
  CHECK(bench.attempt() == "invalid");
  CHECK(bench.job(id).state == JobState::kDead);
  CHECK(json::parse(bench.events_named("message:status").at(0)).at("reason") == "invalid");
  CHECK(bench.attempt() == "handed_off");
  CHECK(bench.helpdesk->hand_offs() == Story{"42"});
  CHECK(bench.story() == Story{"typing:start", "message:ai", "typing:stop", "message:status failed",
                               "conversation:handoff"});
  const json handoff = json::parse(bench.events_named("conversation:handoff").at(0));
  CHECK(handoff.at("reason") == "invalid");
}

TEST_CASE("a post that surely failed is repeated word for word, and message:ai is shown once",
          "[worker][reply]") {
  ReplyBench bench;
  int version = 0;
  bench.responder.answer = [&version](const worker::ReplyContext&) {
    return "version " + std::to_string(++version);
  };
  bench.helpdesk->fail_posts({{ErrorCode::kUnavailable}, {ErrorCode::kRateLimited}});
  bench.enqueue();
  CHECK(bench.attempt() == "unavailable");
  bench.pass(Milliseconds(10));
  CHECK(bench.attempt() == "rate_limited");
  bench.pass(std::chrono::seconds(6));
  CHECK(bench.attempt() == "replied");

  REQUIRE(bench.helpdesk->messages().size() == 1);
  CHECK(bench.helpdesk->messages()[0].request.content == "version 1");
  CHECK(bench.responder.asked == 1);
  CHECK(bench.events_named("message:ai").size() == 1);
  CHECK(bench.helpdesk->finds() == 0);
}

TEST_CASE("case 2: a crash after the post is found out by our source_id and not repeated",
          "[worker][reply]") {
  ReplyBench bench;
  bench.enqueue();
  const auto lease = bench.lease();
  REQUIRE(lease);
  bench.run(*lease);  // Posts; then the process dies before it can say so.
  bench.crash();
  CHECK(bench.attempt() == "replied");
  CHECK(bench.helpdesk->messages().size() == 1);
  CHECK(bench.helpdesk->finds() == 1);
  CHECK(bench.events_named("message:ai").size() == 1);
  CHECK(bench.events_named("message:status").size() == 1);
}

TEST_CASE("a crash between intent and post is looked up, then posted as it was shown",
          "[worker][reply]") {
  ReplyBench bench;
  int version = 0;
  bench.responder.answer = [&version](const worker::ReplyContext&) {
    return "version " + std::to_string(++version);
  };
  // The answer is lost and nothing was done: for the ledger the same as a crash before the post.
  bench.helpdesk->fail_posts({{ErrorCode::kTimeout}});
  bench.enqueue();
  const auto lease = bench.lease();
  REQUIRE(lease);
  bench.run(*lease);
  bench.crash();
  CHECK(bench.attempt() == "replied");
  REQUIRE(bench.helpdesk->messages().size() == 1);
  CHECK(bench.helpdesk->messages()[0].request.content == "version 1");
  CHECK(bench.events_named("message:ai").size() == 1);
  CHECK(bench.helpdesk->finds() == 1);
}

TEST_CASE("a post whose answer was lost is not repeated while it may still be on its way",
          "[worker][reply]") {
  ReplyBench bench;
  bench.helpdesk->fail_posts({{ErrorCode::kTimeout}});
  bench.enqueue();
  CHECK(bench.attempt() == "timeout");
  bench.pass(Milliseconds(500));
  CHECK(bench.attempt() == "awaiting_echo");
  CHECK(bench.helpdesk->messages().empty());
  bench.pass(std::chrono::seconds(10));
  CHECK(bench.attempt() == "replied");
  CHECK(bench.helpdesk->messages().size() == 1);
}

TEST_CASE("a post that was done although its answer says otherwise is found at once",
          "[worker][reply]") {
  for (const ErrorCode code : {ErrorCode::kTimeout, ErrorCode::kUnknownOutcome}) {
    ReplyBench bench;
    bench.helpdesk->fail_posts({{code, true}});
    const JobId id = bench.enqueue();
    CHECK(bench.attempt() == name_of(code));
    bench.pass(Milliseconds(10));
    CHECK(bench.attempt() == "replied");
    CHECK(bench.helpdesk->messages().size() == 1);
    CHECK(bench.job(id).outcome == "replied");
  }
}

TEST_CASE("without a right to read, the echo webhook settles what became of a post",
          "[worker][reply]") {
  ReplyBench bench;
  bench.helpdesk->fail_posts({{ErrorCode::kTimeout, true}});
  bench.helpdesk->fail_finds({{ErrorCode::kUnsupported}, {ErrorCode::kUnsupported}});
  const JobId id = bench.enqueue();
  CHECK(bench.attempt() == "timeout");
  bench.pass(Milliseconds(10));
  CHECK(bench.attempt() == "awaiting_echo");
  CHECK(bench.job(id).attempt == 1);  // Waiting consumes no attempt.

  jobs::EnqueueRequest echo;
  echo.lane = "42";
  echo.receipt = new_job_id(bench.clock.wall_ms(), 0).str();
  echo.echo = std::pair(bench.helpdesk->messages().at(0).id, jobs::our_message_id(id.str(), 1));
  REQUIRE(bench.store.enqueue(echo));
  bench.pass(std::chrono::seconds(2));
  CHECK(bench.attempt() == "replied");
  CHECK(bench.helpdesk->messages().size() == 1);
}

TEST_CASE("an outcome that stays unknown goes to a human, or is posted again if so configured",
          "[worker][reply]") {
  const bool hand_off = GENERATE(true, false);
  config::Source source = ReplyBench::chatwoot_source();
  source.hand_off_unknown_outcome = hand_off;
  ReplyBench bench(source);
  bench.helpdesk->fail_posts({{ErrorCode::kTimeout}});
  bench.helpdesk->fail_finds({{ErrorCode::kUnsupported}, {ErrorCode::kUnsupported}});
  const JobId id = bench.enqueue();
  CHECK(bench.attempt() == "timeout");
  bench.pass(std::chrono::seconds(11));
  if (hand_off) {
    CHECK(bench.attempt() == "unknown_outcome");
    CHECK(bench.job(id).state == JobState::kDead);
    CHECK(bench.attempt() == "handed_off");
    for (const auto& message : bench.helpdesk->messages()) CHECK(message.request.is_private);
  } else {
    CHECK(bench.attempt() == "replied");
    CHECK(bench.helpdesk->messages().size() == 1);
  }
}

TEST_CASE("a replay of a posted reply posts nothing, unless it is told to", "[worker][reply]") {
  ReplyBench bench;
  const JobId id = bench.enqueue();
  CHECK(bench.attempt() == "replied");
  REQUIRE(bench.store.replay(id, false, "op", "try"));
  CHECK(bench.attempt() == "replied");
  CHECK(bench.helpdesk->messages().size() == 1);
  REQUIRE(bench.store.replay(id, true, "op", "again"));
  CHECK(bench.attempt() == "replied");
  CHECK(bench.helpdesk->messages().size() == 2);
}

TEST_CASE("a worker that lost its lease has no effect", "[worker][reply]") {
  ReplyBench bench;
  bench.responder.answer = [&bench](const worker::ReplyContext&) {
    bench.crash();  // Frozen beyond the lease: somebody else may have it.
    return std::string("late");
  };
  bench.enqueue();
  CHECK(bench.attempt() == "stale");
  CHECK(bench.helpdesk->messages().empty());
  CHECK(bench.events_named("message:ai").empty());
  bench.responder.answer = [](const worker::ReplyContext&) { return std::string("in time"); };
  CHECK(bench.attempt() == "replied");
  CHECK(bench.helpdesk->messages().size() == 1);
}

TEST_CASE("a responder's error decides what becomes of the attempt", "[worker][reply]") {
  struct Row {
    Error error;
    std::string code;
    FailureClass failure;
  };
  const std::vector<Row> rows{
      {{ErrorCode::kInvalid, "x"}, "invalid", FailureClass::kPermanent},
      {{ErrorCode::kUnavailable, "x"}, "unavailable", FailureClass::kRetryable},
      {{ErrorCode::kTimeout, "x"}, "timeout", FailureClass::kRetryable},
      {{ErrorCode::kRateLimited, "x", Milliseconds(9)}, "rate_limited", FailureClass::kDeferred},
      {{ErrorCode::kCancelled, "x"}, "cancelled", FailureClass::kRetryable}};
  for (const Row& row : rows) {
    ReplyBench bench;
    bench.responder.answer = [&row](const worker::ReplyContext&) -> Result<std::string> {
      return fail(row.error);
    };
    bench.enqueue();
    const auto result = bench.run(bench.lease().value());
    REQUIRE(result.failed);
    CHECK(result.failed->error_code == row.code);
    CHECK(result.failed->failure == row.failure);
    CHECK(bench.story() == Story{"typing:start", "typing:stop"});
  }
  ReplyBench bench;
  bench.responder.answer = [](const worker::ReplyContext&) { return std::string(); };
  bench.enqueue();
  CHECK(bench.attempt() == "empty_reply");
}

TEST_CASE("what cannot be run goes to the dead letters at once", "[worker][reply]") {
  ReplyBench bench;
  const JobId no_source = bench.enqueue("100", [](auto& payload) { payload.source = "gone"; });
  CHECK(bench.attempt() == "unknown_source");
  CHECK(bench.job(no_source).state == JobState::kDead);

  ReplyBench other;
  jobs::EnqueueRequest request;
  request.lane = "42";
  request.receipt = new_job_id(other.clock.wall_ms(), 0).str();
  request.kind = "reply";
  request.payload = "not ours";
  REQUIRE(other.store.enqueue(request));
  CHECK(other.attempt() == "unparsable");
}

TEST_CASE("a helpdesk that is down holds jobs back without consuming attempts", "[worker][reply]") {
  ReplyBench bench;
  bench.helpdesk->fail_posts({4, ScriptedHelpdesk::Answer{ErrorCode::kUnavailable}});
  bench.helpdesk->fail_hand_offs({{ErrorCode::kUnavailable}});
  bench.enqueue("100");
  for (int i = 0; i < 4; ++i) {
    CHECK(bench.attempt() == "unavailable");
    bench.pass(Milliseconds(10));
  }
  CHECK(bench.attempt() == "unavailable");  // The hand-off: the fifth failure in a row.
  bench.pass(Milliseconds(10));
  const auto held = bench.lease();
  REQUIRE(held);
  const auto result = bench.run(*held);
  CHECK(result.failed->error_code == "circuit_open");
  CHECK(result.failed->failure == FailureClass::kDeferred);
  bench.close(result);
  const JobId second = bench.enqueue("200");
  bench.pass(std::chrono::seconds(6));
  CHECK(bench.attempt() == "handed_off");
  CHECK(bench.attempt() == "skipped:handed_off");
  CHECK(bench.job(second).attempt == 1);
}

TEST_CASE("a sandbox conversation is answered until a person takes it or it is closed",
          "[worker][reply]") {
  jobs::ConversationState human = status("open");
  human.assignee_type = "user";
  human.assignee_id = "7";
  for (const auto& [state, outcome] : std::vector<std::pair<jobs::ConversationState, std::string>>{
           {{}, "replied"},
           {status("open"), "replied"},
           {human, "skipped:assigned_to_human"},
           {status("resolved"), "skipped:closed"}}) {
    ReplyBench bench(sandbox_source());
    bench.set_state(state);
    bench.enqueue("100", [](auto& payload) { payload.status.clear(); });
    CHECK(bench.attempt() == outcome);
  }
}

TEST_CASE("what the sandbox is asked to play reaches responder and helpdesk", "[worker][reply]") {
  ReplyBench bench(sandbox_source());
  std::map<std::string, std::string> seen;
  bench.responder.answer = [&seen](const worker::ReplyContext& context) {
    seen = context.simulate;
    return std::string("ok");
  };
  bench.enqueue("100", [](auto& payload) { payload.simulate = {{"post", "fail_once"}}; });
  CHECK(bench.attempt() == "replied");
  CHECK(seen.at("post") == "fail_once");
  CHECK(bench.helpdesk->messages().at(0).request.simulate.at("post") == "fail_once");
}

}  // namespace deskwire::testing
