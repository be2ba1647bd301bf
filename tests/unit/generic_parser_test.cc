#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "jobs/event_table.h"
#include "places.h"
#include "tests/support/catch.h"
#include "webhooks/sources/generic.h"
#include "webhooks/sources/sandbox.h"

using namespace deskwire;
using namespace deskwire::jobs;
using nlohmann::json;
using Kind = HelpdeskEvent::Kind;

namespace {

HelpdeskEvent parsed(const std::string& body) {
  const auto event = webhooks::GenericParser().parse(body);
  REQUIRE(event);
  return *event;
}

ErrorCode refusal(const std::string& body) {
  const auto event = webhooks::GenericParser().parse(body);
  return event ? ErrorCode::kInternal : event.error().code;
}

/// The JSON blocks of the documentation: what it shows must work.
std::vector<std::string> documented_examples() {
  std::ifstream file(DESKWIRE_SOURCE_DIR "/docs/generic-source.md");
  std::vector<std::string> examples;
  std::string line;
  bool inside = false;
  while (std::getline(file, line)) {
    if (line == "```json") {
      inside = true;
      examples.emplace_back();
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      examples.back() += line + "\n";
    }
  }
  return examples;
}

}  // namespace

TEST_CASE("every example of the documentation is understood", "[webhooks][generic]") {
  const auto examples = documented_examples();
  CHECK(examples.size() >= 5);
  for (const std::string& example : examples) {
    CAPTURE(example);
    CHECK(parsed(example).kind != Kind::kOther);
  }
}

TEST_CASE("a generic message is read whole", "[webhooks][generic]") {
  const HelpdeskEvent event = parsed(R"({
    "event":"message_created","account_id":7,
    "conversation":{"id":"c-1","status":"pending","updated_at":1795168800123,
      "contact":{"id":"u-1","name":"Ann"},"assignee":{"id":3,"name":"Bot","type":"bot"}},
    "message":{"id":9007199254740993,"type":"incoming","content":"<b>Hello</b>",
      "created_at":"2026-11-20T10:00:00Z","sender":{"id":"u-1","name":"Ann"},
      "attachments":[{"type":"image","url":"https://x.test/a.png","name":"a.png","size":12}],
      "in_reply_to":"m-0"}})");
  CHECK(event.kind == Kind::kMessageCreated);
  CHECK(event.account_id == "7");
  CHECK(event.conversation_id == "c-1");
  CHECK(event.object_id == "9007199254740993");
  CHECK(event.content == "Hello");
  CHECK(event.incoming);
  CHECK(event.sender.type == SenderType::kContact);
  CHECK(event.status == "pending");
  CHECK(event.assignee_type == "bot");
  CHECK(event.assignee_id == "3");
  CHECK(event.updated_at_ms == 1795168800123);
  CHECK(event.created_at_ms == 1795168800000);
  CHECK(event.in_reply_to == "m-0");
  REQUIRE(event.attachments.size() == 1);
  CHECK(event.attachments[0].name == "a.png");
}

TEST_CASE("a generic update holds only what changed", "[webhooks][generic]") {
  const auto update = [](const std::string& fields) {
    return parsed(R"({"event":"message_updated","conversation":{"id":"1"},)"
                  R"("message":{"id":"5","type":"outgoing",)" +
                  fields + "}}");
  };
  CHECK(update(R"("content":"new")").edited);
  CHECK_FALSE(update(R"("status":"read")").edited);
  CHECK(update(R"("status":"read")").message_status == "read");
  CHECK(update(R"("status":"vanished")").message_status.empty());
  CHECK(update(R"("deleted":true,"content":"x")").deleted);
  CHECK_FALSE(update(R"("deleted":true,"content":"x")").edited);
  CHECK(update(R"("choice":"Talk to a human")").submitted_choice == "Talk to a human");
}

TEST_CASE("generic changes and typing are read", "[webhooks][generic]") {
  const HelpdeskEvent changed = parsed(
      R"({"event":"conversation_updated","conversation":{"id":"1"},
          "changes":{"priority":{"from":null,"to":"high"},"secret":{"from":1,"to":2}}})");
  CHECK(changed.changes.size() == 1);
  CHECK(changed.changes.at("priority") == std::pair<std::string, std::string>("null", "\"high\""));
  const HelpdeskEvent typing = parsed(
      R"({"event":"typing_on","conversation":{"id":"1"},"private":true,
          "sender":{"id":"5","name":"Ravi","type":"user"}})");
  CHECK(typing.kind == Kind::kTypingOn);
  CHECK(typing.is_private);
  CHECK(typing.sender.type == SenderType::kUser);
}

TEST_CASE("generic objects of another shape are kept, other JSON is refused",
          "[webhooks][generic]") {
  CHECK(refusal("[]") == ErrorCode::kInvalid);
  CHECK(refusal("{") == ErrorCode::kInvalid);
  CHECK(refusal("{}") == ErrorCode::kCorrupt);
  CHECK(refusal(R"({"event":"message_created"})") == ErrorCode::kCorrupt);
  CHECK(refusal(R"({"event":"message_created","message":{"id":"1","type":"incoming"}})") ==
        ErrorCode::kCorrupt);
  CHECK(refusal(R"({"event":"message_created","conversation":{"id":"1"},"message":{"id":"1"}})") ==
        ErrorCode::kCorrupt);
  CHECK(refusal(R"({"event":"typing_on"})") == ErrorCode::kCorrupt);
  CHECK(refusal(R"({"event":"conversation_status_changed","conversation":{"id":"1"}})") ==
        ErrorCode::kCorrupt);
  CHECK(parsed(R"({"event":"invoice.paid"})").kind == Kind::kOther);
}

TEST_CASE("only the sandbox is told what to simulate", "[webhooks][sandbox]") {
  const std::string body =
      R"({"event":"message_created","conversation":{"id":"1"},
          "message":{"id":"1","type":"incoming","content":"hello"},
          "simulate":{"post":"fail","think_ms":3000,"slow":true,"list":[1],"x":null}})";
  CHECK(parsed(body).simulate.empty());
  const auto event = webhooks::SandboxParser().parse(body);
  REQUIRE(event);
  CHECK(event->simulate == std::map<std::string, std::string>{
                               {"post", "fail"}, {"slow", "true"}, {"think_ms", "3000"}});
  EventContext context;
  context.source = "sandbox";
  CHECK(to_enqueue(*event, context).payload.find(R"("simulate":{"post":"fail")") !=
        std::string::npos);
}
