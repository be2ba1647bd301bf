#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "jobs/event_table.h"
#include "places.h"
#include "tests/support/catch.h"
#include "webhooks/sources/chatwoot.h"

using namespace deskwire;
using namespace deskwire::jobs;
using nlohmann::json;
using Kind = HelpdeskEvent::Kind;

namespace {

const std::string kWire = DESKWIRE_FIXTURES "/chatwoot/wire/";

std::string wire_body(const std::string& name) {
  std::ifstream file(kWire + name + ".body", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Result<HelpdeskEvent> parse(const std::string& body) {
  return webhooks::ChatwootParser().parse(body);
}

HelpdeskEvent parsed(const std::string& body) {
  const auto event = parse(body);
  REQUIRE(event);
  return *event;
}

json fixture(const std::string& name) { return json::parse(wire_body(name)); }

/// The channel events of an event as "name" or "name internal", where nothing is remembered.
std::vector<std::string> shown(const HelpdeskEvent& event) {
  EventContext context;
  context.source = "support";
  context.now_ms = 1;
  std::vector<std::string> names;
  const auto request = to_enqueue(event, context);
  const auto add = [&](const Event& shown) {
    const bool internal = shown.channel.ends_with(":internal");
    names.push_back(shown.name + (internal ? " internal" : ""));
  };
  for (const Event& shown : request.events) add(shown);
  if (request.text && request.text->assume_edit) add(*request.text->edited);
  return names;
}

struct Row {
  const char* fixture;
  Kind kind;
  const char* job;  ///< "" none
  std::vector<std::string> events;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table{
      {"message_created.incoming", Kind::kMessageCreated, "reply", {"message:user"}},
      {"message_created.incoming.unicode_emoji", Kind::kMessageCreated, "reply", {"message:user"}},
      {"message_created.incoming.attachments_no_content",
       Kind::kMessageCreated,
       "reply",
       {"message:user"}},
      {"message_created.incoming.huge_content", Kind::kMessageCreated, "reply", {"message:user"}},
      {"message_created.incoming.contact_without_email",
       Kind::kMessageCreated,
       "reply",
       {"message:user"}},
      {"message_created.outgoing.user", Kind::kMessageCreated, "", {"message:agent"}},
      {"message_created.outgoing.agent_bot", Kind::kMessageCreated, "", {"message:agent"}},
      {"message_created.outgoing.bot_input_select", Kind::kMessageCreated, "", {"message:agent"}},
      {"message_created.outgoing.private_note",
       Kind::kMessageCreated,
       "",
       {"message:agent internal"}},
      {"message_created.template.greeting", Kind::kMessageCreated, "", {"message:agent"}},
      {"message_created.template.input_csat", Kind::kMessageCreated, "", {"message:agent"}},
      {"synthetic.message_created.activity_never_sent", Kind::kMessageCreated, "", {}},
      {"message_updated.input_select_submitted", Kind::kMessageUpdated, "reply", {"message:user"}},
      {"message_updated.status_read", Kind::kMessageUpdated, "", {"message:status"}},
      {"message_updated.deleted", Kind::kMessageUpdated, "", {"message:deleted"}},
      {"conversation_created", Kind::kConversationCreated, "", {"conversation:status"}},
      {"conversation_created.empty_messages",
       Kind::kConversationCreated,
       "",
       {"conversation:status"}},
      {"conversation_status_changed.pending_to_open",
       Kind::kConversationStatus,
       "",
       {"conversation:status"}},
      {"conversation_status_changed.resolved",
       Kind::kConversationStatus,
       "",
       {"conversation:status"}},
      {"conversation_status_changed.snoozed",
       Kind::kConversationStatus,
       "",
       {"conversation:status"}},
      {"conversation_opened", Kind::kConversationStatus, "", {"conversation:status"}},
      {"conversation_resolved", Kind::kConversationStatus, "", {"conversation:status"}},
      {"conversation_updated.assignee_and_status",
       Kind::kConversationUpdated,
       "",
       {"conversation:status", "conversation:assigned", "conversation:updated internal"}},
      {"conversation_updated.labels",
       Kind::kConversationUpdated,
       "",
       {"conversation:updated internal"}},
      {"conversation_updated.assigned_to_agent_bot",
       Kind::kConversationUpdated,
       "",
       {"conversation:assigned", "conversation:updated internal"}},
      {"conversation_updated.sla_first_miss", Kind::kConversationUpdated, "", {}},
      {"conversation_typing_on.user", Kind::kTypingOn, "", {"typing:start"}},
      {"conversation_typing_on.user_private", Kind::kTypingOn, "", {"typing:start internal"}},
      {"conversation_typing_off.contact", Kind::kTypingOff, "", {"typing:stop"}},
      {"contact_created", Kind::kContactCreated, "", {}},
      {"contact_updated", Kind::kOther, "", {}},
      {"webwidget_triggered", Kind::kOther, "", {}},
      {"webwidget_triggered.existing_conversation", Kind::kOther, "", {}},
      {"inbox_created", Kind::kOther, "", {}},
      {"inbox_updated", Kind::kOther, "", {}},
      {"automation_event.message_created", Kind::kOther, "", {}},
  };
  return table;
}

}  // namespace

TEST_CASE("every Chatwoot delivery has the kind, the job and the events of the table",
          "[webhooks][chatwoot]") {
  for (const Row& row : rows()) {
    CAPTURE(row.fixture);
    const HelpdeskEvent event = parsed(wire_body(row.fixture));
    CHECK(event.kind == row.kind);
    CHECK(event.account_id == "1");
    EventContext context;
    context.source = "support";
    CHECK(to_enqueue(event, context).kind == row.job);
    CHECK(shown(event) == row.events);
  }
}

TEST_CASE("no fixture is left out of the table", "[webhooks][chatwoot]") {
  std::set<std::string> expected;
  for (const Row& row : rows()) expected.insert(std::string(row.fixture) + ".body");
  for (const auto& file : std::filesystem::directory_iterator(kWire)) {
    if (file.path().extension() != ".body") continue;
    CAPTURE(file.path().filename().string());
    CHECK(expected.contains(file.path().filename().string()));
  }
}

TEST_CASE("an incoming message is read whole", "[webhooks][chatwoot]") {
  const HelpdeskEvent event = parsed(wire_body("message_created.incoming"));
  CHECK(event.vendor_event == "message_created");
  CHECK(event.incoming);
  CHECK_FALSE(event.is_private);
  CHECK(event.object_id == "5001");
  CHECK(event.conversation_id == "1001");
  CHECK(event.content == "Hi, where is my order #8841?");
  CHECK(event.content_type == "text");
  CHECK(event.created_at_ms == 1781081002431);
  CHECK(event.updated_at_ms == 1781081002431);
  CHECK(event.sender.id == "42");
  CHECK(event.sender.name == "Jane Doe");
  CHECK(event.sender.type == SenderType::kContact);
  CHECK(event.status == "pending");
  CHECK(event.assignee_known);
  CHECK(event.assignee_id.empty());
  CHECK(event.inbox_kind == "Channel::WebWidget");
  CHECK(event.contact_id == "42");
  CHECK(event.contact_name == "Jane Doe");
}

TEST_CASE("the sender's type follows the record", "[webhooks][chatwoot]") {
  const auto type = [](const char* name) { return parsed(wire_body(name)).sender.type; };
  CHECK(type("message_created.outgoing.user") == SenderType::kUser);
  CHECK(type("message_created.outgoing.agent_bot") == SenderType::kBot);
  CHECK(type("message_created.template.greeting") == SenderType::kSystem);
  CHECK(type("conversation_typing_on.user") == SenderType::kUser);
  CHECK(type("conversation_typing_off.contact") == SenderType::kContact);
  json captain = fixture("message_created.outgoing.agent_bot");
  captain["sender"]["type"] = "captain_assistant";
  CHECK(parsed(captain.dump()).sender.type == SenderType::kBot);
}

TEST_CASE("attachments come without content", "[webhooks][chatwoot]") {
  const HelpdeskEvent event = parsed(wire_body("message_created.incoming.attachments_no_content"));
  CHECK(event.content.empty());
  REQUIRE(event.attachments.size() == 3);
  CHECK(event.attachments[0].kind == "image");
  CHECK(event.attachments[0].url.starts_with("https://chat.acme.test/"));
  CHECK(event.attachments[0].size == 182733);
  CHECK(event.attachments[2].kind == "location");
  CHECK(event.attachments[2].name == "Praça do Comércio");
  json bad = fixture("message_created.incoming.attachments_no_content");
  bad["attachments"][0]["data_url"] = "javascript:alert(1)";
  bad["attachments"][1] = 7;
  const HelpdeskEvent cleaned = parsed(bad.dump());
  CHECK(cleaned.attachments[0].url.empty());
  CHECK(cleaned.attachments[1].kind.empty());
}

TEST_CASE("ids beyond 2^53 keep every digit", "[webhooks][chatwoot]") {
  json body = fixture("message_created.incoming");
  body["id"] = 9007199254740993;
  body["conversation"]["id"] = std::uint64_t{18446744073709551615U};
  const HelpdeskEvent event = parsed(body.dump());
  CHECK(event.object_id == "9007199254740993");
  CHECK(event.conversation_id == "18446744073709551615");
}

TEST_CASE("a conversation that does not name its account is known by its newest message",
          "[webhooks][chatwoot]") {
  json body = fixture("conversation_opened");
  body.erase("account");
  CHECK(parsed(body.dump()).account_id == "1");
  body["messages"] = json::array();
  CHECK(parsed(body.dump()).account_id.empty());
}

TEST_CASE("a message's status is only believed about itself", "[webhooks][chatwoot]") {
  CHECK(parsed(wire_body("message_updated.status_read")).message_status == "read");
  json body = fixture("message_updated.status_read");
  body["conversation"]["messages"][0]["id"] = 5009;
  const HelpdeskEvent older = parsed(body.dump());
  CHECK(older.message_status.empty());
  CHECK_FALSE(older.surely_edited);
  body = fixture("message_updated.status_read");
  body["conversation"]["messages"][0]["status"] = "exploded";
  CHECK(parsed(body.dump()).message_status.empty());
}

TEST_CASE("a failed message says why, where the channel has told", "[webhooks][chatwoot]") {
  json body = fixture("message_updated.status_read");
  body["conversation"]["messages"][0]["status"] = "failed";
  body["content_attributes"]["external_error"] = "131047: re-engagement message";
  CHECK(parsed(body.dump()).failure == "131047: re-engagement message");
  body["conversation"]["messages"][0]["status"] = "read";
  CHECK(parsed(body.dump()).failure.empty());
}

TEST_CASE("content that is no text is corrupt, a flag of another type is rather private",
          "[webhooks][chatwoot]") {
  json body = fixture("message_created.incoming");
  for (const json& odd : {json(5), json::object(), json::array(), json(true)}) {
    body["content"] = odd;
    const auto event = parse(body.dump());
    REQUIRE_FALSE(event);
    CHECK(event.error().code == ErrorCode::kCorrupt);
  }
  body["content"] = nullptr;
  CHECK(parsed(body.dump()).content.empty());
  for (const json& flag : {json("true"), json(1), json("yes"), json::object()}) {
    body["private"] = flag;
    CHECK(parsed(body.dump()).is_private);
  }
  for (const json& flag : {json("false"), json(0), json(""), json(nullptr), json(false)}) {
    body["private"] = flag;
    CHECK_FALSE(parsed(body.dump()).is_private);
  }
}

TEST_CASE("an edit is told from a receipt and from the channel's own id arriving",
          "[webhooks][chatwoot]") {
  json outgoing = fixture("message_updated.status_read");
  outgoing["conversation"]["messages"][0]["status"] = "sent";
  outgoing["content"] = "Your parcel left Porto.";
  CHECK(shown(parsed(outgoing.dump())) == std::vector<std::string>{"message:edited"});
  outgoing["source_id"] = "wamid.HBgL";
  CHECK(shown(parsed(outgoing.dump())).empty());

  json incoming = fixture("message_created.incoming");
  incoming["event"] = "message_updated";
  incoming["content"] = "Hi, where is my order #8842?";
  CHECK(shown(parsed(incoming.dump())) == std::vector<std::string>{"message:edited"});
}

TEST_CASE("a submitted choice is what the visitor saw, a survey's answer is none",
          "[webhooks][chatwoot]") {
  json body = fixture("message_updated.input_select_submitted");
  CHECK(parsed(body.dump()).submitted_choice == "Talk to a human");
  body["content_type"] = "form";
  body["content_attributes"]["submitted_values"] = json::parse(
      R"([{"name":"order","value":"8841"},{"name":"why","value":"<b>late</b>"},{"name":"x"}])");
  CHECK(parsed(body.dump()).submitted_choice == "order: 8841\nwhy: late");
  body["content_type"] = "input_csat";
  body["content_attributes"]["submitted_values"] =
      json::parse(R"({"csat_survey_response":{"rating":5,"feedback_message":"fine"}})");
  CHECK_FALSE(parsed(body.dump()).submitted_choice);
  body["content_attributes"]["submitted_values"] = json::parse(R"([null, 1, "a", [], {}])");
  CHECK_FALSE(parsed(body.dump()).submitted_choice);
}

TEST_CASE("changed attributes are a list of one-key objects", "[webhooks][chatwoot]") {
  const HelpdeskEvent both = parsed(wire_body("conversation_updated.assignee_and_status"));
  CHECK(both.changes.size() == 2);
  CHECK(both.changes.at("status") ==
        std::pair<std::string, std::string>("\"pending\"", "\"open\""));
  CHECK(both.changes.at("assignee") == std::pair<std::string, std::string>("null", "5"));
  CHECK(both.assignee_type == "user");
  const HelpdeskEvent labels = parsed(wire_body("conversation_updated.labels"));
  CHECK(labels.changes.size() == 1);
  CHECK(labels.changes.at("labels").second == R"(["billing","vip"])");
  CHECK(parsed(wire_body("conversation_updated.assigned_to_agent_bot")).assignee_type == "bot");
  CHECK(parsed(wire_body("conversation_updated.sla_first_miss")).changes.empty());

  json handed = fixture("conversation_updated.assigned_to_agent_bot");
  handed["changed_attributes"] = json::parse(
      R"([{"assignee_agent_bot_id":{"previous_value":11,"current_value":null}},
          {"assignee_id":{"previous_value":null,"current_value":5}}])");
  CHECK(parsed(handed.dump()).changes.at("assignee") ==
        std::pair<std::string, std::string>("11", "5"));
  for (const char* odd : {"null", "{}", "7", "[null, 7, [], {\"status\":7}]"}) {
    CAPTURE(odd);
    handed["changed_attributes"] = json::parse(odd);
    CHECK(parsed(handed.dump()).changes.empty());
  }
}

TEST_CASE("content from e-mails is cleaned and cut", "[webhooks][chatwoot]") {
  json body = fixture("message_created.incoming");
  body["content"] = "<p>Hi <b>there</b></p><script>x</script><p>a &lt; b</p>";
  CHECK(parsed(body.dump()).content == "Hi there\n\na < b");
  body["sender"]["name"] = "<img src=x>Jane";
  CHECK(parsed(body.dump()).sender.name == "Jane");
  body["content"] = std::string(200'000, 'x');
  CHECK(parsed(body.dump()).content.size() == 150'000);
  CHECK(parsed(wire_body("message_created.incoming.huge_content")).content.size() > 100'000);
}

TEST_CASE("an unknown event is known to have no effect", "[webhooks][chatwoot]") {
  CHECK(parsed(R"({"event":"portal_created","id":1})").kind == Kind::kOther);
  CHECK(parsed(R"({"event":"macro.executed"})").kind == Kind::kOther);
  CHECK(parsed(R"({"event":"automation_event.foo","id":5,"messages":7})").conversation_id == "5");
}

TEST_CASE("what is no JSON object is invalid", "[webhooks][chatwoot]") {
  const auto code = [](const std::string& body) {
    const auto event = parse(body);
    return event ? ErrorCode::kInternal : event.error().code;
  };
  for (const char* body : {"", " ", "null", "7", "\"text\"", "[]", "{", "{\"event\":}", "\xFF",
                           "{\"event\":\"\xC3\x28\"}", "{} x"}) {
    CAPTURE(body);
    CHECK(code(body) == ErrorCode::kInvalid);
  }
  // However deep: an unfinished text is no JSON, and a list is no event.
  const std::string open(100'000, '[');
  CHECK(code(open) == ErrorCode::kInvalid);
  CHECK(code(open + std::string(100'000, ']')) == ErrorCode::kInvalid);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(code(objects) == ErrorCode::kInvalid);
}

TEST_CASE("an object of another shape is corrupt, so that it is kept", "[webhooks][chatwoot]") {
  const auto code = [](const json& body) {
    const auto event = parse(body.dump());
    return event ? ErrorCode::kInternal : event.error().code;
  };
  CHECK(code(json::object()) == ErrorCode::kCorrupt);
  for (const char* event : {"7", "null", "\"\"", "\"Message Created\"", "\"a\\nb\"", "[]"}) {
    CAPTURE(event);
    CHECK(code({{"event", json::parse(event)}}) == ErrorCode::kCorrupt);
  }
  for (const char* event :
       {"message_created", "message_updated", "conversation_created", "conversation_updated",
        "conversation_status_changed", "conversation_opened", "conversation_typing_on",
        "contact_created", "contact_updated"}) {
    CAPTURE(event);
    CHECK(code({{"event", event}}) == ErrorCode::kCorrupt);
    CHECK(code({{"event", event}, {"id", json::object()}, {"conversation", 7}}) ==
          ErrorCode::kCorrupt);
  }
  json body = fixture("message_created.incoming");
  body["message_type"] = 0;
  CHECK(code(body) == ErrorCode::kCorrupt);
  body = fixture("message_created.incoming");
  body["conversation"].erase("id");
  CHECK(code(body) == ErrorCode::kCorrupt);
}

TEST_CASE("every field may be missing or of another type without harm", "[webhooks][chatwoot]") {
  const std::vector<json> strange{
      nullptr, -1, "\xF0\x9F\x91\x8B", json::array({nullptr, 7}), json{{"a", 1}}, 1e300, true};
  std::size_t turn = 0;
  const auto survives = [](const json& body) {
    const auto event = parse(body.dump());
    if (event) (void)shown(*event);
  };
  for (const char* name :
       {"message_created.incoming.attachments_no_content", "message_updated.input_select_submitted",
        "conversation_updated.assignee_and_status", "conversation_typing_off.contact",
        "webwidget_triggered.existing_conversation", "contact_updated"}) {
    const json whole = fixture(name);
    const json flat = whole.flatten();
    for (const auto& [path, value] : flat.items()) {
      json bent = whole;
      bent[json::json_pointer(path)] = strange[turn++ % strange.size()];
      survives(bent);
    }
    for (const auto& [key, value] : whole.items()) {
      json bent = whole;
      bent.erase(key);
      survives(bent);
      for (const json& other : strange) {
        bent[key] = other;
        survives(bent);
      }
    }
  }
  SUCCEED("nothing threw or crashed");
}

TEST_CASE("of a repeated key the last one counts", "[webhooks][chatwoot]") {
  CHECK(parsed(R"({"event":"message_created","event":"portal_created"})").vendor_event ==
        "portal_created");
}
