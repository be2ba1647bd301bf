#include "jobs/event_table.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/hash.h"
#include "core/ids.h"
#include "jobs/reply_payload.h"
#include "places.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::jobs;
using nlohmann::json;
using Kind = HelpdeskEvent::Kind;

namespace {

HelpdeskEvent incoming() {
  HelpdeskEvent event;
  event.kind = Kind::kMessageCreated;
  event.vendor_event = "message_created";
  event.account_id = "1";
  event.object_id = "5001";
  event.conversation_id = "1001";
  event.created_at_ms = 1781081002431;
  event.updated_at_ms = 1781081002500;
  event.incoming = true;
  event.content = "Hi, where is my order #8841?";
  event.attachments = {{"image", "https://chat.acme.test/a.png", "a.png", 12}};
  event.sender = {"42", "Jane Doe", SenderType::kContact};
  event.status = "pending";
  event.assignee_known = true;
  event.inbox_kind = "Channel::WebWidget";
  event.contact_id = "42";
  event.contact_name = "Jane Doe";
  return event;
}

HelpdeskEvent outgoing(SenderType type) {
  HelpdeskEvent event = incoming();
  event.incoming = false;
  event.object_id = "5008";
  event.attachments.clear();
  event.content = "On its way.";
  event.sender = {"5", "Ravi Kumar", type};
  return event;
}

HelpdeskEvent update(HelpdeskEvent event) {
  event.kind = Kind::kMessageUpdated;
  event.vendor_event = "message_updated";
  return event;
}

HelpdeskEvent conversation(Kind kind) {
  HelpdeskEvent event = incoming();
  event.kind = kind;
  event.vendor_event = name_of(kind);
  event.object_id = "1001";
  event.incoming = false;
  event.content.clear();
  event.attachments.clear();
  event.sender = {};
  event.status = "open";
  return event;
}

EventContext context() {
  EventContext made;
  made.source = "support";
  made.receipt = "01KTRQSXXZ0000000000000003";
  made.delivery_id = "d-1";
  made.body_sha256 = std::string(32, 'b');
  made.now_ms = 1781081003000;
  return made;
}

std::vector<std::string> names(const EnqueueRequest& request) {
  std::vector<std::string> list;
  for (const Event& event : request.events) list.push_back(event.channel + " " + event.name);
  return list;
}

json data_of(const EnqueueRequest& request, std::size_t index = 0) {
  REQUIRE(request.events.size() > index);
  return json::parse(request.events[index].data);
}

bool share_a_key(const EnqueueRequest& a, const EnqueueRequest& b) {
  for (const std::string& key : a.dedupe_keys) {
    for (const std::string& other : b.dedupe_keys) {
      if (key == other) return true;
    }
  }
  return false;
}

json as_json(const Event& event) {
  return {{"channel", event.channel},     {"id", event.id},
          {"name", event.name},           {"once", event.once},
          {"timestamp", event.timestamp}, {"data", json::parse(event.data)}};
}

json as_json(const EnqueueRequest& request) {
  json keys = json::array();
  for (const std::string& key : request.dedupe_keys) keys.push_back(hex_encode(key));
  json events = json::array();
  for (const Event& event : request.events) events.push_back(as_json(event));
  json out = {{"lane", request.lane},
              {"dedupe_keys", keys},
              {"kind", request.kind},
              {"fact", request.fact.empty() ? json(nullptr) : json::parse(request.fact)},
              {"events", events}};
  if (!request.payload.empty()) out["payload"] = json::parse(request.payload);
  if (request.echo) out["echo"] = {request.echo->first, request.echo->second};
  if (request.text) {
    out["text"] = {{"message", request.text->message},
                   {"content", request.text->content},
                   {"assume_edit", request.text->assume_edit}};
    if (request.text->edited) out["text"]["edited"] = as_json(*request.text->edited);
  }
  if (request.state) {
    out["state"] = {{"status", request.state->status},
                    {"assignee_type", request.state->assignee_type},
                    {"assignee_id", request.state->assignee_id},
                    {"last_sender", request.state->last_sender},
                    {"last_message_id", request.state->last_message_id},
                    {"inbox_kind", request.state->inbox_kind},
                    {"contact_name", request.state->contact_name},
                    {"source", request.state->source},
                    {"updated_at_ms", request.state->updated_at_ms}};
  }
  return out;
}

/// One event of each row of the table.
std::vector<std::pair<std::string, HelpdeskEvent>> all_rows() {
  std::vector<std::pair<std::string, HelpdeskEvent>> rows;
  rows.emplace_back("incoming public message", incoming());
  rows.emplace_back("message of a human agent", outgoing(SenderType::kUser));
  rows.emplace_back("template", outgoing(SenderType::kSystem));
  rows.emplace_back("message of another bot", outgoing(SenderType::kBot));
  HelpdeskEvent echo = outgoing(SenderType::kBot);
  echo.source_id = "dw-01KTRQSXXZ0000000000000003-1";
  rows.emplace_back("echo of our own post", echo);
  HelpdeskEvent note = outgoing(SenderType::kUser);
  note.is_private = true;
  rows.emplace_back("private note", note);
  HelpdeskEvent edited = update(outgoing(SenderType::kUser));
  edited.edited = true;
  edited.surely_edited = true;
  rows.emplace_back("message edited", edited);
  HelpdeskEvent deleted = update(outgoing(SenderType::kUser));
  deleted.deleted = true;
  rows.emplace_back("message deleted", deleted);
  HelpdeskEvent read = update(outgoing(SenderType::kUser));
  read.message_status = "read";
  rows.emplace_back("message status", read);
  HelpdeskEvent choice = update(outgoing(SenderType::kBot));
  choice.submitted_choice = "Talk to a human";
  rows.emplace_back("submitted choice", choice);
  rows.emplace_back("conversation created", conversation(Kind::kConversationCreated));
  rows.emplace_back("status changed", conversation(Kind::kConversationStatus));
  HelpdeskEvent updated = conversation(Kind::kConversationUpdated);
  updated.assignee_id = "5";
  updated.assignee_name = "Ravi Kumar";
  updated.assignee_type = "user";
  updated.changes = {{"status", {"\"pending\"", "\"open\""}},
                     {"assignee", {"null", "5"}},
                     {"labels", {R"(["billing"])", R"(["billing","vip"])"}}};
  rows.emplace_back("conversation updated", updated);
  HelpdeskEvent typing = conversation(Kind::kTypingOn);
  typing.sender = {"42", "Jane Doe", SenderType::kContact};
  rows.emplace_back("typing on", typing);
  HelpdeskEvent private_typing = conversation(Kind::kTypingOff);
  private_typing.sender = {"5", "Ravi Kumar", SenderType::kUser};
  private_typing.is_private = true;
  rows.emplace_back("private typing off", private_typing);
  HelpdeskEvent contact;
  contact.kind = Kind::kContactCreated;
  contact.vendor_event = "contact_created";
  contact.object_id = "42";
  rows.emplace_back("contact created", contact);
  HelpdeskEvent other;
  other.vendor_event = "inbox_created";
  rows.emplace_back("anything else", other);
  return rows;
}

}  // namespace

TEST_CASE("the event table is what the golden file says", "[jobs][event_table]") {
  json actual = json::object();
  for (const auto& [name, event] : all_rows()) actual[name] = as_json(to_enqueue(event, context()));
  const std::string path = DESKWIRE_FIXTURES "/event_table.golden.json";
  // After a change that is meant: run with DESKWIRE_UPDATE_GOLDEN=1 and read the diff.
  if (std::getenv("DESKWIRE_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << actual.dump(1) << '\n';
  }
  std::ifstream file(path);
  const json expected = json::parse(file, nullptr, false);
  CHECK(actual == expected);
}

TEST_CASE("an incoming message is a job, a message and a state", "[jobs][event_table]") {
  const EnqueueRequest request = to_enqueue(incoming(), context());
  CHECK(request.lane == "1001");
  CHECK(request.kind == "reply");
  CHECK(names(request) == std::vector<std::string>{"conversation:1001 message:user"});
  const json data = data_of(request);
  CHECK(data["messageId"] == "5001");
  CHECK(data["timestamp"] == 1781081003000);
  CHECK(data["sender"] == json({{"id", "42"}, {"name", "Jane Doe"}, {"type", "contact"}}));
  const auto payload = decode_reply(request.payload);
  REQUIRE(payload);
  CHECK(payload->message_id == "5001");
  CHECK(payload->accepted_at_ms == 1781081003000);
  REQUIRE(request.state);
  CHECK(request.state->last_sender == "contact");
  CHECK(request.state->assignee_type == "none");
}

TEST_CASE("facts never hold what people wrote", "[jobs][event_table]") {
  for (auto [name, event] : all_rows()) {
    CAPTURE(name);
    event.content = "SECRET";
    if (event.submitted_choice) event.submitted_choice = "SECRET";
    event.changes["custom_attributes"] = {"\"SECRET\"", "\"SECRET\""};
    event.changes["labels"] = {"\"SECRET\"", "\"SECRET\""};
    CHECK(to_enqueue(event, context()).fact.find("SECRET") == std::string::npos);
  }
}

TEST_CASE("every event of a conversation is a fact", "[jobs][event_table]") {
  for (const auto& [name, event] : all_rows()) {
    CAPTURE(name);
    CHECK(to_enqueue(event, context()).fact.empty() == event.conversation_id.empty());
  }
}

TEST_CASE("two doors of one account never make two of one event", "[jobs][event_table]") {
  EventContext other_door = context();
  other_door.delivery_id = "d-2";
  other_door.body_sha256 = std::string(32, 'c');  // built a moment later: another body
  for (const HelpdeskEvent& event :
       {incoming(), outgoing(SenderType::kUser), conversation(Kind::kConversationCreated)}) {
    CHECK(share_a_key(to_enqueue(event, context()), to_enqueue(event, other_door)));
  }
  HelpdeskEvent choice = update(outgoing(SenderType::kBot));
  choice.submitted_choice = "yes";
  CHECK(share_a_key(to_enqueue(choice, context()), to_enqueue(choice, other_door)));
  HelpdeskEvent second = choice;
  second.submitted_choice = "no";
  CHECK_FALSE(share_a_key(to_enqueue(choice, context()), to_enqueue(second, other_door)));

  // Another source is another helpdesk: its ids mean something else.
  EventContext elsewhere = context();
  elsewhere.source = "shop";
  CHECK_FALSE(share_a_key(to_enqueue(incoming(), context()), to_enqueue(incoming(), elsewhere)));
}

TEST_CASE("other events are the same only with the same body", "[jobs][event_table]") {
  const HelpdeskEvent event = conversation(Kind::kConversationUpdated);
  EventContext again = context();
  again.delivery_id = "d-2";
  CHECK(share_a_key(to_enqueue(event, context()), to_enqueue(event, again)));
  again.body_sha256 = std::string(32, 'c');
  CHECK_FALSE(share_a_key(to_enqueue(event, context()), to_enqueue(event, again)));
}

TEST_CASE("typing is never a duplicate", "[jobs][event_table]") {
  CHECK(to_enqueue(conversation(Kind::kTypingOn), context()).dedupe_keys.empty());
  CHECK(to_enqueue(conversation(Kind::kTypingOff), context()).dedupe_keys.empty());
}

TEST_CASE("dedupe keys are short and differ by what they are about", "[jobs][event_table]") {
  std::set<std::string> keys;
  std::size_t count = 0;
  for (const auto& [name, event] : all_rows()) {
    EventContext each = context();
    each.delivery_id = name;
    for (const std::string& key : to_enqueue(event, each).dedupe_keys) {
      CHECK(key.size() == 12);
      keys.insert(key);
      ++count;
    }
  }
  // Messages of one id are told apart by their event only, so the five outgoing ones share a key.
  CHECK(count - keys.size() >= 4);
}

TEST_CASE("a status change told four times is shown once", "[jobs][event_table]") {
  HelpdeskEvent changed = conversation(Kind::kConversationStatus);
  HelpdeskEvent opened = changed;
  opened.vendor_event = "conversation_opened";
  HelpdeskEvent updated = changed;
  updated.kind = Kind::kConversationUpdated;
  updated.vendor_event = "conversation_updated";
  updated.changes = {{"status", {"\"pending\"", "\"open\""}}};
  const Event first = to_enqueue(changed, context()).events.at(0);
  CHECK(first.once);
  CHECK(to_enqueue(opened, context()).events.at(0).id == first.id);
  CHECK(to_enqueue(updated, context()).events.at(0).id == first.id);
  // Each of them is still taken in as a delivery of its own.
  EventContext second = context();
  second.delivery_id = "d-2";
  CHECK_FALSE(share_a_key(to_enqueue(changed, context()), to_enqueue(opened, second)));

  HelpdeskEvent later = changed;
  later.updated_at_ms += 1;
  CHECK(to_enqueue(later, context()).events.at(0).id != first.id);
  HelpdeskEvent resolved = changed;
  resolved.status = "resolved";
  CHECK(to_enqueue(resolved, context()).events.at(0).id != first.id);
}

TEST_CASE("the echo of our own post maps ids and shows nothing", "[jobs][event_table]") {
  HelpdeskEvent echo = outgoing(SenderType::kBot);
  echo.source_id = "dw-01KTRQSXXZ0000000000000003-1";
  const EnqueueRequest request = to_enqueue(echo, context());
  CHECK(request.kind.empty());
  CHECK(request.events.empty());
  REQUIRE(request.echo);
  CHECK(request.echo->first == "5008");
  CHECK(request.echo->second == echo.source_id);
  REQUIRE(request.state);
  CHECK(request.state->last_sender == "bot");

  // What our own gateway brought in for a customer: seen already, but it wants an answer.
  HelpdeskEvent brought = incoming();
  brought.source_id = echo.source_id;
  const EnqueueRequest answered = to_enqueue(brought, context());
  REQUIRE(answered.echo);
  CHECK(answered.echo->second == echo.source_id);
  CHECK(answered.events.empty());
  CHECK(answered.kind == "reply");
}

TEST_CASE("later events about our post carry our id", "[jobs][event_table]") {
  HelpdeskEvent read = update(outgoing(SenderType::kBot));
  read.message_status = "read";
  CHECK(needs_mapping(read));
  EventContext mapped = context();
  mapped.mapped_message_id = "dw-01KTRQSXXZ0000000000000003-1";
  const json data = data_of(to_enqueue(read, mapped));
  CHECK(data["messageId"] == mapped.mapped_message_id);
  CHECK(data["helpdeskId"] == "5008");
  CHECK_FALSE(data_of(to_enqueue(read, context())).contains("helpdeskId"));

  read.source_id = mapped.mapped_message_id;
  CHECK_FALSE(needs_mapping(read));
  CHECK(data_of(to_enqueue(read, context()))["messageId"] == mapped.mapped_message_id);
  CHECK_FALSE(needs_mapping(incoming()));
  CHECK_FALSE(needs_mapping(update(incoming())));
}

TEST_CASE("nothing private reaches the public channel", "[jobs][event_table]") {
  for (auto [name, event] : all_rows()) {
    CAPTURE(name);
    const bool has_audience = event.kind == Kind::kMessageCreated ||
                              event.kind == Kind::kMessageUpdated ||
                              event.kind == Kind::kTypingOn || event.kind == Kind::kTypingOff;
    if (!has_audience) continue;
    event.is_private = true;
    const EnqueueRequest request = to_enqueue(event, context());
    CHECK(request.kind.empty());
    for (const Event& shown : request.events) CHECK(shown.channel == "conversation:1001:internal");
  }
}

TEST_CASE("a namespace keeps equal ids of two sources apart", "[jobs][event_table]") {
  EventContext shop = context();
  shop.name_space = "shop";
  const EnqueueRequest request = to_enqueue(incoming(), shop);
  CHECK(request.lane == "shop~1001");
  CHECK(request.events.at(0).channel == "conversation:shop~1001");
  HelpdeskEvent odd = incoming();
  odd.conversation_id = "a b/c";
  CHECK(to_enqueue(odd, context()).lane.starts_with("h-"));
}

TEST_CASE("activity is only a fact", "[jobs][event_table]") {
  HelpdeskEvent event = incoming();
  event.activity = true;
  const EnqueueRequest request = to_enqueue(event, context());
  CHECK(request.kind.empty());
  CHECK(request.events.empty());
  CHECK_FALSE(request.state);
  CHECK_FALSE(request.fact.empty());
}

TEST_CASE("a message of our own gateway keeps its client's marks", "[jobs][event_table]") {
  EventContext local = context();
  local.delivery_id.clear();
  local.body_sha256.clear();
  local.client_id = "customer-42";
  local.client_message_id = "c-1";
  local.connection = "s-1";
  const EnqueueRequest request = to_enqueue(incoming(), local);
  CHECK(request.events.at(0).client_id == "customer-42");
  CHECK(request.events.at(0).connection == "s-1");
  CHECK(data_of(request)["clientMessageId"] == "c-1");
  HelpdeskEvent again = incoming();
  again.object_id = "another";
  CHECK(share_a_key(request, to_enqueue(again, local)));
  local.client_id = "customer-43";
  CHECK_FALSE(share_a_key(request, to_enqueue(again, local)));
}

TEST_CASE("what could not be understood is buried with its body", "[jobs][event_table]") {
  const std::string body = R"({"event":"message_created","text":"olá \"x\""})";
  const EnqueueRequest request = to_unparsable(body, "message_created: id is missing", context());
  CHECK(request.kind == kDeliveryKind);
  CHECK(request.bury_code == "unparsable");
  CHECK(request.bury_message == "message_created: id is missing");
  CHECK(request.events.empty());
  const json payload = json::parse(request.payload);
  CHECK(payload["source"] == "support");
  CHECK(payload["body"] == body);
  EventContext again = context();
  again.delivery_id = "d-2";
  CHECK(share_a_key(request, to_unparsable(body, "x", again)));
}

TEST_CASE("what a message answers is named as channels know it", "[jobs][event_table]") {
  HelpdeskEvent answer = outgoing(SenderType::kUser);
  answer.in_reply_to = "900";
  const auto shown = [&](const std::string& mapped) {
    EventContext of_answer = context();
    of_answer.mapped_in_reply_to = mapped;
    return data_of(to_enqueue(answer, of_answer))["inReplyTo"];
  };
  CHECK(shown("") == "900");
  CHECK(shown("dw-01KTRQSXXZ0000000000000003-1") == "dw-01KTRQSXXZ0000000000000003-1");
  CHECK(shown(std::string(kPrivateNote)) == "900");
}

TEST_CASE("a customer's message that we brought in ourselves is answered but not shown again",
          "[jobs][event_table]") {
  HelpdeskEvent event;
  event.kind = HelpdeskEvent::Kind::kMessageCreated;
  event.vendor_event = "message_created";
  event.object_id = "900";
  event.conversation_id = "42";
  event.incoming = true;
  event.content = "Hello";
  event.source_id = "dw-01ARZ3NDEKTSV4RRFFQ69G5FAV-1";
  EventContext context;
  context.source = "support";
  context.receipt = "01J0000000000000000000000";
  const EnqueueRequest request = to_enqueue(event, context);
  CHECK(request.kind == "reply");
  CHECK(request.events.empty());
  REQUIRE(request.echo);
  CHECK(request.echo->first == "900");
  CHECK(request.echo->second == event.source_id);
  CHECK(request.state);
  event.kind = HelpdeskEvent::Kind::kMessageUpdated;
  event.edited = true;
  const EnqueueRequest update = to_enqueue(event, context);
  REQUIRE(update.text);
  REQUIRE(update.text->edited);
  CHECK(update.text->edited->data.find(event.source_id) != std::string::npos);
}
