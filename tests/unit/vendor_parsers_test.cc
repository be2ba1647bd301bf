// Every payload of tests/fixtures/<vendor>: what it is read as, whether a reply is due, and what
// appears on the conversation's channels.

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "jobs/event_table.h"
#include "tests/support/catch.h"
#include "tests/support/vendor_bodies.h"
#include "webhooks/source_parser.h"

using namespace deskwire;
using config::SourceType;
using jobs::HelpdeskEvent;
using jobs::SenderType;
using nlohmann::json;

namespace {

jobs::EventContext context_for(const HelpdeskEvent& event) {
  jobs::EventContext context;
  context.source = "support";
  context.receipt = "01J0000000000000000000000";
  context.delivery_id = event.delivery_id;
  context.body_sha256 = std::string(32, 'x');
  context.now_ms = 1781081200000;
  return context;
}

/// "message:agent!" is message:agent on the internal channel.
std::string events_of(const jobs::EnqueueRequest& request) {
  std::string text;
  for (const Event& event : request.events) {
    text += (text.empty() ? "" : " ") + event.name;
    if (event.channel.ends_with(":internal")) text += '!';
  }
  return text;
}

struct Row {
  SourceType type;
  const char* fixture;
  const char* kind;
  const char* object_id;
  const char* events;
  const char* job = "";
  const char* sender = "";
  const char* content = "";
  const char* status = "";
};

const std::vector<Row>& rows() {
  constexpr auto kZd = SourceType::kZendesk;
  constexpr auto kIc = SourceType::kIntercom;
  constexpr auto kFr = SourceType::kFront;
  constexpr auto kHs = SourceType::kHelpScout;
  constexpr auto kZm = SourceType::kZammad;
  constexpr auto kFd = SourceType::kFreshdesk;
  constexpr auto kUpdated = "conversation:updated!";
  constexpr auto kAssigned = "conversation:assigned conversation:updated!";
  static const std::vector<Row> table{
      {kZd, "ticket.created", "conversation_created", "5158", "conversation:status", "", "", "",
       "open"},
      {kZd, "ticket.comment_added.customer", "message_created", "70001", "message:user", "reply",
       "contact 9001 Emily Adams", "Where is my parcel?", "open"},
      {kZd, "ticket.comment_added.agent", "message_created", "70002", "message:agent", "",
       "user 8001 Tom Agent", "It arrives tomorrow.", "open"},
      {kZd, "ticket.comment_added.note", "message_created", "70003", "message:agent!", "",
       "user 8001 Tom Agent", "Ask the depot.", "open"},
      {kZd, "ticket.status_changed", "conversation_status", "5158", "conversation:status", "", "",
       "", "resolved"},
      {kZd, "ticket.priority_changed", "conversation_updated", "5158", kUpdated, "", "", "",
       "open"},
      {kZd, "ticket.agent_assignment_changed", "conversation_updated", "5158", kAssigned, "", "",
       "", "open"},
      {kZd, "ticket.tags_changed", "conversation_updated", "5158", kUpdated, "", "", "", "open"},
      {kZd, "ticket.subject_changed", "other", "", ""},
      {kZd, "user.created", "other", "", ""},

      {kIc, "ping", "other", "", ""},
      {kIc, "conversation.user.created", "message_created", "403918330", "message:user", "reply",
       "contact 6762f0d51bb69f9f2193bb7c Emily Adams", "Where is my parcel?", "open"},
      {kIc, "conversation.user.replied", "message_created", "90002", "message:user", "reply",
       "contact 6762f0d51bb69f9f2193bb7c Emily Adams", "The blue one.", "open"},
      {kIc, "conversation.admin.replied", "message_created", "90003", "message:agent", "",
       "user 991267 Tom Agent", "It arrives tomorrow.", "open"},
      {kIc, "conversation.operator.replied", "message_created", "90007", "message:agent", "",
       "bot 27 Operator", "Hi!", "open"},
      {kIc, "conversation.admin.noted", "message_created", "90004", "message:agent!", "",
       "user 991267 Tom Agent", "Ask the depot.", "open"},
      {kIc, "conversation.admin.closed", "conversation_status", "215469", "conversation:status", "",
       "", "", "resolved"},
      {kIc, "conversation.admin.snoozed", "conversation_status", "215469", "conversation:status",
       "", "", "", "snoozed"},
      {kIc, "conversation.admin.assigned", "conversation_updated", "215469", kAssigned, "", "", "",
       "open"},
      {kIc, "conversation.priority.updated", "conversation_updated", "215469", kUpdated, "", "", "",
       "open"},
      {kIc, "contact.user.created", "other", "", ""},

      {kFr, "sync", "other", "", ""},
      {kFr, "inbound", "message_created", "msg_1a", "message:user", "reply",
       "contact emily@example.com Emily Adams", "Where is my parcel?", "open"},
      {kFr, "rule.inbound", "message_created", "msg_1d", "message:user", "reply",
       "contact emily@example.com Emily Adams", "From a rule.", "open"},
      {kFr, "out_reply", "message_created", "msg_1b", "message:agent", "", "user tea_1f Tom Agent",
       "It arrives tomorrow.", "open"},
      {kFr, "comment", "message_created", "com_1c", "message:agent!", "", "user tea_1f Tom Agent",
       "Ask the depot.", "open"},
      {kFr, "archive", "conversation_status", "cnv_a1b2", "conversation:status", "", "", "",
       "resolved"},
      {kFr, "reopen", "conversation_status", "cnv_a1b2", "conversation:status", "", "", "", "open"},
      {kFr, "assign", "conversation_updated", "cnv_a1b2", kAssigned, "", "", "", "open"},
      {kFr, "unassign", "conversation_updated", "cnv_a1b2", kAssigned, "", "", "", "open"},
      {kFr, "tag", "conversation_updated", "cnv_a1b2", kUpdated, "", "", "", "open"},
      {kFr, "sending_error", "message_updated", "msg_1b", "message:status", "", "", "", "open"},
      {kFr, "mention", "other", "", ""},

      {kHs, "convo.created", "message_created", "88171881", "message:user", "reply",
       "contact 238604 Emily Adams", "Where is my parcel?", "open"},
      {kHs, "convo.customer.reply.created", "message_created", "88171883", "message:user", "reply",
       "contact 238604 Emily Adams", "The blue one.", "open"},
      {kHs, "convo.agent.reply.created", "message_created", "88171882", "message:agent", "",
       "user 256 Tom Agent", "Which one?", "open"},
      {kHs, "convo.note.created", "message_created", "88171884", "message:agent!", "",
       "user 256 Tom Agent", "Ask the depot.", "open"},
      {kHs, "convo.status", "conversation_status", "10", "conversation:status", "", "", "",
       "resolved"},
      {kHs, "convo.assigned", "conversation_updated", "10", kAssigned, "", "", "", "open"},
      {kHs, "convo.tags", "conversation_updated", "10", kUpdated, "", "", "", "open"},
      {kHs, "convo.moved", "other", "10", "", "", "", "", "open"},
      {kHs, "customer.created", "other", "", ""},

      {kZm, "article.customer", "message_created", "104", "message:user", "reply",
       "contact 8 Emily Adams", "Where is my parcel?", "open"},
      {kZm, "article.phone", "message_created", "105", "message:user", "reply",
       "contact 8 Emily Adams", "She called.", "open"},
      {kZm, "article.agent", "message_created", "106", "message:agent", "", "user 5 Emma Taylor",
       "It arrives tomorrow.", "open"},
      {kZm, "article.note", "message_created", "107", "message:agent!", "", "user 5 Emma Taylor",
       "Ask the depot.", "open"},
      {kZm, "article.system", "message_created", "108", "message:agent", "", "system 1 -",
       "We got your mail.", "open"},
      {kZm, "article.ours", "message_created", "109", "", "", "user 9 Desk Wire", "Hello!", "open"},
      {kZm, "ticket.closed", "conversation_status", "81", "conversation:status", "", "", "",
       "resolved"},
      {kZm, "ticket.pending", "conversation_status", "81", "conversation:status", "", "", "",
       "snoozed"},
      {kZm, "ticket.own_state", "conversation_updated", "81", ""},

      {kFd, "ticket_created", "message_created", "*", "message:user", "reply",
       "contact emily@example.com Emily Adams", "Where is my parcel?", "open"},
      {kFd, "customer_replied", "message_created", "*", "message:user", "reply",
       "contact emily@example.com Emily Adams", "The blue one.", "open"},
      {kFd, "agent_replied", "message_created", "*", "message:agent", "",
       "user tom@example.com Tom Agent", "It arrives tomorrow.", "open"},
      {kFd, "note_added", "message_created", "*", "message:agent!", "", "user  No Agent",
       "Ask the depot.", "open"},
      {kFd, "status_changed", "conversation_status", "21", "conversation:status", "", "", "",
       "resolved"},
      {kFd, "agent_assigned", "conversation_updated", "21", kAssigned, "", "", "", "open"},
      {kFd, "priority_changed", "conversation_updated", "21", kUpdated, "", "", "", "open"},
      {kFd, "flat", "message_created", "c-9", "message:user", "reply",
       "contact emily@example.com Emily Adams", "Hello", "open"},
      {kFd, "other", "other", "", ""},
  };
  return table;
}

const char* type_key(SourceType type) {
  switch (type) {
    case SourceType::kZendesk:
    case SourceType::kIntercom:
      return type == SourceType::kZendesk ? "type" : "topic";
    case SourceType::kFront:
      return "type";
    case SourceType::kFreshdesk:
      return "event";
    default:
      return "deskwire_event";
  }
}

}  // namespace

TEST_CASE("each vendor's payloads are read as what they are", "[webhooks][vendors]") {
  for (const Row& row : rows()) {
    INFO(testing::folder_of(row.type) << "/" << row.fixture);
    const auto event =
        webhooks::parser_for(row.type).parse(testing::body_for_parser(row.type, row.fixture));
    REQUIRE(event);
    CHECK(std::string(name_of(event->kind)) == row.kind);
    if (std::string(row.object_id) != "*") CHECK(event->object_id == row.object_id);
    CHECK(event->content == row.content);
    CHECK(event->status == row.status);
    const auto request = jobs::to_enqueue(*event, context_for(*event));
    CHECK(events_of(request) == row.events);
    CHECK(request.kind == row.job);
    if (event->kind == HelpdeskEvent::Kind::kMessageCreated) {
      CHECK(std::string(name_of(event->sender.type)) + " " + event->sender.id + " " +
                event->sender.name ==
            row.sender);
      CHECK_FALSE(request.dedupe_keys.empty());
      CHECK(event->incoming == (event->sender.type == SenderType::kContact));
    }
  }
}

TEST_CASE("changes say what became what, as far as the vendor does", "[webhooks][vendors]") {
  const auto changes = [](SourceType type, const char* fixture) {
    const auto event = webhooks::parser_for(type).parse(testing::body_for_parser(type, fixture));
    REQUIRE(event);
    std::string text;
    for (const auto& [name, change] : event->changes) {
      text += name + " " + change.first + " " + change.second;
    }
    return text;
  };
  CHECK(changes(SourceType::kZendesk, "ticket.status_changed") == R"(status "open" "resolved")");
  CHECK(changes(SourceType::kZendesk, "ticket.priority_changed") ==
        R"(priority "medium" "urgent")");
  CHECK(changes(SourceType::kZendesk, "ticket.agent_assignment_changed") ==
        R"(assignee null "8001")");
  CHECK(changes(SourceType::kZendesk, "ticket.tags_changed") ==
        R"(labels ["parcel","new"] ["parcel","vip"])");
  CHECK(changes(SourceType::kIntercom, "conversation.admin.assigned") ==
        R"(assignee null "991267")");
  CHECK(changes(SourceType::kIntercom, "conversation.priority.updated") ==
        R"(priority null "high")");
  CHECK(changes(SourceType::kFront, "assign") == R"(assignee null "tea_1f")");
  CHECK(changes(SourceType::kFront, "unassign") == "assignee null null");
  CHECK(changes(SourceType::kFront, "tag") == R"(labels null ["vip"])");
  CHECK(changes(SourceType::kHelpScout, "convo.assigned") == R"(assignee null "256")");
  CHECK(changes(SourceType::kHelpScout, "convo.tags") == R"(labels null ["vip"])");
  CHECK(changes(SourceType::kFreshdesk, "priority_changed") == R"(priority null "urgent")");
}

TEST_CASE("a repeated message is known by its id, whatever else came along",
          "[webhooks][vendors]") {
  for (const Row& row : rows()) {
    if (std::string(row.kind) != "message_created") continue;
    INFO(testing::folder_of(row.type) << "/" << row.fixture);
    const std::string body = testing::body_for_parser(row.type, row.fixture);
    auto first = webhooks::parser_for(row.type).parse(body);
    REQUIRE(first);
    const auto keys = jobs::to_enqueue(*first, context_for(*first)).dedupe_keys;
    first->delivery_id = "another";
    const auto again = jobs::to_enqueue(*first, context_for(*first)).dedupe_keys;
    CHECK(std::find_first_of(keys.begin(), keys.end(), again.begin(), again.end()) != keys.end());
  }
}

TEST_CASE("Zendesk's echo of our own comment is known by its id", "[webhooks][vendors]") {
  const auto event =
      webhooks::parser_for(SourceType::kZendesk)
          .parse(testing::body_for_parser(SourceType::kZendesk, "ticket.comment_added.agent"));
  REQUIRE(event);
  CHECK(jobs::needs_mapping(*event));
  auto context = context_for(*event);
  context.mapped_message_id = "dw-01ARZ3NDEKTSV4RRFFQ69G5FAV-1";
  CHECK(jobs::to_enqueue(*event, context).events.empty());
}

// Whatever a signed sender writes is an answer, never a crash: an object of another shape goes to
// the dead letters, anything else is refused.
TEST_CASE("bad bodies of every vendor have an answer", "[webhooks][vendors]") {
  constexpr SourceType kTypes[] = {SourceType::kZendesk, SourceType::kIntercom,
                                   SourceType::kFront,   SourceType::kHelpScout,
                                   SourceType::kZammad,  SourceType::kFreshdesk};
  for (const SourceType type : kTypes) {
    INFO(testing::folder_of(type));
    const auto& parser = webhooks::parser_for(type);
    for (const char* body : {"", "null", "[]", "\"text\"", "{", "{}}", "not json", "\xFF\xFE"}) {
      CAPTURE(body);
      REQUIRE_FALSE(parser.parse(body));
      CHECK(parser.parse(body).error().code == ErrorCode::kInvalid);
    }
    CHECK(parser.parse("{}").error().code == ErrorCode::kCorrupt);
    const std::string deep(100000, '[');
    CHECK(parser.parse("{\"x\":" + deep).error().code != ErrorCode::kCorrupt);
  }
}

TEST_CASE("fields of another type or missing leave no half-read event", "[webhooks][vendors]") {
  const std::vector<json> others{nullptr,
                                 true,
                                 -1,
                                 1e300,
                                 "x",
                                 json::array(),
                                 json::array({json::object()}),
                                 json::object(),
                                 std::string(5000, 'y'),
                                 "\xEF\xBF\xBF"};
  for (const Row& row : rows()) {
    INFO(testing::folder_of(row.type) << "/" << row.fixture);
    const json whole = json::parse(testing::body_for_parser(row.type, row.fixture));
    const json flat = whole.flatten();
    for (const auto& [pointer, value] : flat.items()) {
      for (const json& other : others) {
        json bent = whole;
        bent[json::json_pointer(pointer)] = other;
        const auto event = webhooks::parser_for(row.type).parse(bent.dump());
        if (!event) {
          CHECK(event.error().code == ErrorCode::kCorrupt);
          continue;
        }
        const auto request = jobs::to_enqueue(*event, context_for(*event));
        if (!request.events.empty()) CHECK_FALSE(event->conversation_id.empty());
        if (request.kind == "reply") CHECK_FALSE(event->object_id.empty());
      }
    }
  }
}

TEST_CASE("a body without its event's name is no event", "[webhooks][vendors]") {
  for (const Row& row : rows()) {
    if (row.type == SourceType::kZammad) continue;  // Its payloads have none.
    json body = json::parse(testing::body_for_parser(row.type, row.fixture));
    const char* const key = type_key(row.type);
    body.erase(key);
    if (body.contains("payload")) body["payload"].erase(key);
    const auto event = webhooks::parser_for(row.type).parse(body.dump());
    INFO(testing::folder_of(row.type) << "/" << row.fixture);
    REQUIRE_FALSE(event);
    CHECK(event.error().code == ErrorCode::kCorrupt);
  }
}
