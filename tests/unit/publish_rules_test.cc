#include "publishers/publish_rules.h"

#include <nlohmann/json.hpp>
#include <string>

#include "jobs/helpdesk_event.h"
#include "jobs/send_payload.h"
#include "publishers/issue_token.h"
#include "publishers/outgoing.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::publishers;
using nlohmann::json;

namespace {

constexpr std::int64_t kNow = 1'795'255'200'000;

Principal customer() {
  Principal principal;
  principal.claims.client_id = "customer-42";
  principal.claims.name = "Ann";
  principal.claims.role = "customer";
  principal.claims.capability = {{"conversation:42", {"publish"}}, {"room:1", {"publish"}}};
  return principal;
}

Principal server(Capability ceiling = {}) {
  Principal principal;
  principal.server = true;
  principal.claims.capability = std::move(ceiling);
  return principal;
}

Answer<Event> prepare(const Principal& principal, const std::string& channel,
                      const std::string& event, const json& data = json::object(),
                      const std::vector<std::string>& open = {"room"}) {
  return prepare_publication(principal, {channel, event, "id-1", "s-1", kNow}, data, open);
}

int code_of(const Answer<Event>& answer) {
  return answer ? 0 : static_cast<int>(answer.error().code);
}

json data_of(const Answer<Event>& answer) { return json::parse(answer->data); }

config::Config with_sources() {
  config::Config config;
  config::Source sandbox;
  sandbox.name = "sandbox";
  config::Source chatwoot;
  chatwoot.name = "support";
  chatwoot.type = config::SourceType::kChatwoot;
  chatwoot.name_space = "cw";
  chatwoot.account_id = "1";
  config::Source generic;
  generic.name = "shop";
  generic.type = config::SourceType::kGeneric;
  generic.name_space = "shop";
  config::Source zendesk;
  zendesk.name = "tickets";
  zendesk.type = config::SourceType::kZendesk;
  zendesk.name_space = "zd";
  config.sources = {sandbox, chatwoot, generic, zendesk};
  config.gateway.keys = {{"a", config::Secret(std::string(32, 'k'))}};
  return config;
}

Principal everyone(const std::string& role = "customer") {
  Principal principal = customer();
  principal.claims.role = role;
  principal.claims.capability = {{"*", {"publish"}}, {"conversation:*:internal", {"publish"}}};
  return principal;
}

Answer<PreparedMessage> send(const Principal& principal, const std::string& channel,
                             const std::string& content = "Hello",
                             const std::string& client_message_id = {},
                             std::shared_ptr<const json> simulate = nullptr) {
  return prepare_message(principal,
                         {channel, content, client_message_id, "s-1", std::move(simulate)},
                         with_sources(), kNow);
}

int code_of(const Answer<PreparedMessage>& answer) {
  return answer ? 0 : static_cast<int>(answer.error().code);
}

}  // namespace

TEST_CASE("what is the server's cannot be published by a client", "[publish]") {
  for (const char* name :
       {"message:user", "message:agent", "message:ai", "message:delta", "message:edited",
        "message:deleted", "message:status", "message:anything", "presence:enter", "presence:leave",
        "conversation:status", "conversation:assigned", "ui:suggestions", "sla:warning",
        "sla:violation", "alert:firing", "typing:other", "reaction:other"}) {
    CAPTURE(name);
    CHECK(code_of(prepare(customer(), "conversation:42", name)) == 40160);
    CHECK(code_of(prepare(customer(), "room:1", name)) == 40160);
    CHECK(code_of(prepare(server(), "conversation:42", name)) == 0);
  }
}

TEST_CASE("other events need an open prefix", "[publish]") {
  CHECK(code_of(prepare(customer(), "conversation:42", "game:move")) == 40160);
  const auto open = prepare(customer(), "room:1", "game:move", {{"x", 1}});
  REQUIRE(open);
  CHECK(data_of(open) == json({{"x", 1}, {"timestamp", kNow}}));
  CHECK(code_of(prepare(customer(), "room:1", "game:move", {}, {"roo"})) == 40160);
  CHECK(code_of(prepare(customer(), "room:1", "game:move", {}, {"room:"})) == 0);
}

TEST_CASE("publishing needs the capability and a sane name", "[publish]") {
  CHECK(code_of(prepare(customer(), "conversation:43", "read", {{"messageId", "1"}})) == 40160);
  CHECK(code_of(prepare(customer(), "conversation:42", "bad name")) == 40001);
  CHECK(code_of(prepare(customer(), "conversation:42", std::string(65, 'x'))) == 40001);
  CHECK(code_of(prepare(server({{"user:*", {"publish"}}}), "ops", "x")) == 40160);
  CHECK(code_of(prepare(server({{"user:*", {"publish"}}}), "user:7", "x")) == 0);
}

TEST_CASE("actor and sender of typing come from the token", "[publish]") {
  const auto event = prepare(customer(), "conversation:42", "typing:start",
                             {{"actor", "ai"}, {"sender", {{"id", "boss"}, {"name", "Boss"}}}});
  REQUIRE(event);
  CHECK(data_of(event) == json({{"actor", "customer"},
                                {"sender", {{"id", "customer-42"}, {"name", "Ann"}}},
                                {"timestamp", kNow}}));
  CHECK(event->client_id == "customer-42");
  CHECK(event->connection == "s-1");
  CHECK_FALSE(event->kept());
}

TEST_CASE("data of client events is rebuilt from the known fields", "[publish]") {
  const auto read = prepare(customer(), "conversation:42", "read",
                            {{"messageId", "7"}, {"readAt", 99}, {"sender", "forged"}});
  REQUIRE(read);
  CHECK(data_of(read) == json({{"messageId", "7"}, {"readAt", 99}, {"timestamp", kNow}}));
  const auto future = prepare(customer(), "conversation:42", "delivered",
                              {{"messageId", "7"}, {"readAt", kNow + 5}});
  CHECK(data_of(future)["readAt"] == kNow);
  CHECK(code_of(prepare(customer(), "conversation:42", "read")) == 40001);
  for (const json& wrong : {json("yesterday"), json(-1), json(nullptr), json(1.5)}) {
    CHECK(code_of(prepare(customer(), "conversation:42", "read",
                          {{"messageId", "7"}, {"readAt", wrong}})) == 40001);
  }
  CHECK(code_of(prepare(customer(), "conversation:42", "reaction:add", {{"messageId", "7"}})) ==
        40001);
  CHECK(prepare(customer(), "conversation:42", "reaction:add",
                {{"messageId", "7"}, {"emoji", "\xf0\x9f\x91\x8d"}}));
  CHECK(prepare(customer(), "conversation:42", "ui:suggestionSelected",
                {{"suggestion", "Yes"}, {"persona", "p"}}));
  const auto wrong = prepare(customer(), "conversation:42", "ui:suggestionSelected");
  CHECK(wrong.error().field == "data.suggestion");
}

TEST_CASE("the timestamp inside data is always ours", "[publish]") {
  const auto event = prepare(server(), "conversation:42", "message:ai", {{"timestamp", 1}});
  CHECK(data_of(event)["timestamp"] == kNow);
  CHECK(event->timestamp == kNow);
  CHECK(event->client_id.empty());
}

TEST_CASE("a server key's messages are cleaned and bounded like everybody's", "[publish]") {
  const auto event = prepare(server(), "conversation:42", "message:agent",
                             {{"content", "<script>alert(1)</script><b>Hi</b>"}});
  REQUIRE(event);
  CHECK(json::parse(event->data)["content"] == "Hi");
  const json too_long = {{"content", std::string(150'001, 'x')}};
  CHECK(code_of(prepare(server(), "conversation:42", "message:agent", too_long)) == 41300);
  CHECK(code_of(prepare(server(), "conversation:42", "message:agent", {{"content", 5}})) == 40001);
  CHECK(code_of(prepare(server(), "user:7", "order:changed", {{"content", 5}})) == 0);
}

TEST_CASE("a customer's message becomes a reply job and message:user", "[send]") {
  const auto prepared = send(everyone(), "conversation:abc", "Hello", "c-1");
  REQUIRE(prepared);
  const jobs::EnqueueRequest& request = prepared->request;
  CHECK(request.lane == "abc");
  CHECK(request.kind == "reply");
  CHECK_FALSE(request.dedupe_keys.empty());
  REQUIRE(request.events.size() == 1);
  CHECK(request.events[0].name == "message:user");
  CHECK(request.events[0].client_id == "customer-42");
  const json data = json::parse(request.events[0].data);
  CHECK(data["messageId"] == prepared->message_id);
  CHECK(data["content"] == "Hello");
  CHECK(data["clientMessageId"] == "c-1");
  CHECK(data["sender"] == json({{"id", "customer-42"}, {"name", "Ann"}, {"type", "contact"}}));
  CHECK(prepared->message_id == request.receipt);
}

TEST_CASE("a repeated message has the same dedupe keys, another client's has not", "[send]") {
  const auto first = send(everyone(), "conversation:abc", "Hello", "c-1");
  const auto repeat = send(everyone(), "conversation:abc", "Hello", "c-1");
  Principal other = everyone();
  other.claims.client_id = "customer-43";
  const auto others = send(other, "conversation:abc", "Hello", "c-1");
  const auto shared = [](const auto& a, const auto& b) {
    int count = 0;
    for (const auto& key : a->request.dedupe_keys) {
      for (const auto& same : b->request.dedupe_keys) count += key == same ? 1 : 0;
    }
    return count;
  };
  CHECK(shared(first, repeat) == 1);
  CHECK(shared(first, others) == 0);
}

TEST_CASE("an agent's message is message:agent without a job, under a lasting id", "[send]") {
  const auto prepared = send(everyone("agent"), "conversation:abc", "Hi", "c-1");
  REQUIRE(prepared);
  CHECK(prepared->request.kind.empty());
  REQUIRE(prepared->request.events.size() == 1);
  CHECK(prepared->request.events[0].name == "message:agent");
  CHECK(json::parse(prepared->request.events[0].data)["messageId"] == prepared->message_id);
  CHECK(send(everyone("agent"), "conversation:abc", "Hi", "c-1")->message_id ==
        prepared->message_id);
}

TEST_CASE("messages go to conversations that somebody reads", "[send]") {
  CHECK(code_of(send(customer(), "conversation:43")) == 40160);
  CHECK(code_of(send(everyone(), "user:7")) == 40001);
  CHECK(code_of(send(everyone(), "conversation:42:internal")) == 40001);
  CHECK(code_of(send(everyone(), "conversation:nowhere~42")) == 40400);
  CHECK(code_of(send(everyone(), "conversation:zd~42")) == 40301);
  CHECK(code_of(send(everyone(), "conversation:shop~42")) == 0);
  CHECK(send(everyone(), "conversation:shop~42")->request.lane == "shop~42");
}

TEST_CASE("a message into Chatwoot is a job that writes it there, under an id of ours", "[send]") {
  const auto prepared = send(everyone(), "conversation:cw~42", "Hello <b>you</b>", "c-1");
  REQUIRE(prepared);
  CHECK(prepared->into_helpdesk);
  const jobs::EnqueueRequest& request = prepared->request;
  CHECK(request.lane == "cw~42");
  CHECK(request.kind == "send");
  CHECK(prepared->message_id == jobs::our_message_id(request.receipt, 1));
  CHECK(repeated_message_id(request.receipt, true) == prepared->message_id);
  const auto payload = jobs::decode_send(request.payload);
  REQUIRE(payload);
  CHECK(payload->source == "support");
  CHECK(payload->conversation_id == "42");
  CHECK(payload->content == "Hello you");
  CHECK_FALSE(payload->from_agent);
  // What the clocks and guards have to know comes with the helpdesk's webhook.
  CHECK(request.fact.empty());
  CHECK_FALSE(request.state);
  REQUIRE(request.events.size() == 1);
  CHECK(request.events[0].name == "message:user");
  const json data = json::parse(request.events[0].data);
  CHECK(data["messageId"] == prepared->message_id);
  CHECK(data["clientMessageId"] == "c-1");
  CHECK(code_of(send(everyone(), "conversation:cw~42", "")) == 40001);
}

TEST_CASE("an agent writes into Chatwoot only with a user token", "[send]") {
  CHECK(code_of(send(everyone("agent"), "conversation:cw~42")) == 40301);
  config::Config config = with_sources();
  config.sources[1].user_token = config::Secret("t");
  const auto ask = [&config] {
    return prepare_message(everyone("agent"), {"conversation:cw~42", "Hi", "c-1", "s-1", nullptr},
                           config, kNow);
  };
  const auto prepared = ask();
  REQUIRE(prepared);
  CHECK(prepared->request.kind == "send");
  CHECK(prepared->request.events.at(0).name == "message:agent");
  CHECK(jobs::decode_send(prepared->request.payload)->from_agent);
  config.sources[1].account_id.clear();
  CHECK(code_of(ask()) == 40301);
}

TEST_CASE("only API inboxes take messages from here", "[send]") {
  jobs::ConversationState state;
  REQUIRE(check_inbox(state));
  CHECK(check_inbox(state)->code == ReplyCode::kNotPossibleHere);
  state.inbox_kind = "Channel::WebWidget";
  CHECK(check_inbox(state)->code == ReplyCode::kNotPossibleHere);
  state.inbox_kind = "Channel::Api";
  CHECK_FALSE(check_inbox(state));
}

TEST_CASE("content is limited in characters, not bytes", "[send]") {
  std::string euros;
  for (int i = 0; i < 150'000; ++i) euros += "\xe2\x82\xac";
  CHECK(code_of(send(everyone(), "conversation:abc", euros)) == 0);
  CHECK(code_of(send(everyone(), "conversation:abc", euros + "x")) == 41300);
}

TEST_CASE("simulate is for the sandbox", "[send]") {
  const auto ask = [](json value) { return std::make_shared<const json>(std::move(value)); };
  CHECK(code_of(send(everyone(), "conversation:abc", "x", "",
                     ask({{"post", "fail"}, {"think_ms", 5000}}))) == 0);
  CHECK(code_of(send(everyone(), "conversation:shop~1", "x", "", ask({{"post", "fail"}}))) ==
        40001);
  CHECK(code_of(send(everyone(), "conversation:abc", "x", "", ask({{"post", json::array()}}))) ==
        40001);
}

TEST_CASE("a server key issues tokens within its ceiling", "[token]") {
  const config::Config config = with_sources();
  const json body = {{"clientId", "c"},
                     {"name", "Ann"},
                     {"role", "agent"},
                     {"ttl", 60000},
                     {"capability", {{"conversation:42", {"subscribe"}}}}};
  const auto issue = [&](const json& wanted, const Principal& by) {
    return issue_token(wanted, by, config.gateway, kNow);
  };
  const auto issued = issue(body, server());
  REQUIRE(issued);
  const json answer = json::parse(*issued);
  CHECK(answer["clientId"] == "c");
  CHECK(answer["issued"] == kNow);
  CHECK(answer["expires"] == kNow + 60000);
  CHECK(answer["capability"] == body["capability"]);
  const auto claims = verify_token(answer["token"].get<std::string>(), config.gateway.keys, kNow);
  REQUIRE(claims);
  CHECK(claims->role == "agent");
  CHECK(claims->expires_ms == kNow + 60000);

  CHECK(issue(body, server({{"conversation:*", {"subscribe"}}})));
  const auto beyond = issue(body, server({{"user:*", {"subscribe"}}}));
  CHECK(beyond.error().code == ReplyCode::kCapabilityDenied);
  CHECK(issue(body, customer()).error().code == ReplyCode::kTokenRefused);
  const auto field_without = [&](const char* name, const json& value) {
    json changed = body;
    changed[name] = value;
    const auto refused = issue(changed, server());
    return refused ? std::string("none") : refused.error().field;
  };
  CHECK(field_without("clientId", "") == "clientId");
  CHECK(field_without("role", "boss") == "role");
  CHECK(field_without("name", 7) == "name");
  CHECK(field_without("ttl", 999) == "ttl");
  CHECK(field_without("ttl", 86'400'001) == "ttl");
  CHECK(field_without("capability", json::object()) == "capability");
  CHECK(field_without("capability", {{"a", {"fly"}}}) == "capability");
  CHECK(field_without("capability", {{"a*", {"publish"}}}) == "capability");
}

TEST_CASE("sandbox sessions are unguessable and may be joined", "[token]") {
  config::Config config = with_sources();
  const auto first = open_sandbox_session(json::object(), config.sources, config.gateway, kNow);
  REQUIRE(first);
  const json session = json::parse(*first);
  const std::string conversation = session["conversation"];
  CHECK(conversation.size() == 26);
  CHECK(session["channel"] == "conversation:" + conversation);
  const auto claims = verify_token(session["token"].get<std::string>(), config.gateway.keys, kNow);
  REQUIRE(claims);
  CHECK(allows(claims->capability, "conversation:" + conversation, "publish"));
  CHECK_FALSE(allows(claims->capability, "conversation:x", "subscribe"));

  const auto joined = open_sandbox_session({{"conversation", conversation}, {"role", "agent"}},
                                           config.sources, config.gateway, kNow);
  REQUIRE(joined);
  CHECK(json::parse(*joined)["channel"] == session["channel"]);
  CHECK_FALSE(open_sandbox_session({{"conversation", "42"}}, config.sources, config.gateway, kNow));
  config.sources.erase(config.sources.begin());
  CHECK(open_sandbox_session(json::object(), config.sources, config.gateway, kNow).error().code ==
        ReplyCode::kNotFound);
}
