#include "worker/helpdesks/chatwoot_client.h"

#include <nlohmann/json.hpp>
#include <thread>

#include "core/ids.h"
#include "jobs/helpdesk_event.h"
#include "tests/support/catch.h"
#include "tests/support/fake_http.h"
#include "worker/helpdesks/generic_client.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;
using testing::EventProbe;
using testing::FakeHttp;

const ConversationRef kConversation{"1", "42", "42"};
constexpr Milliseconds kPatient{20000};
constexpr Milliseconds kHasty{200};

config::Source source_at(const std::string& url, Milliseconds timeout = kPatient,
                         const std::string& user_token = "user-secret") {
  config::Source source;
  source.name = "shop";
  source.type = config::SourceType::kChatwoot;
  source.account_id = "1";
  source.base_url = url;
  source.bot_token = config::Secret("bot-secret");
  source.user_token = config::Secret(user_token);
  source.request_timeout = timeout;
  return source;
}

PostRequest reply(const std::string& content = "Hello") {
  return {.conversation = kConversation,
          .content = content,
          .source_id = jobs::our_message_id("01ARZ3NDEKTSV4RRFFQ69G5FAV", 1),
          .in_reply_to = "100",
          .attempt = 1,
          .simulate = {}};
}

/// The code of a post against a peer that answers `raw`.
ErrorCode code_of_post(const std::string& raw, Milliseconds timeout = kPatient) {
  FakeHttp peer([&raw](const FakeHttp::Request&) { return raw; });
  ChatwootClient client(source_at(peer.url(), timeout));
  const auto posted = client.create_message(reply());
  REQUIRE_FALSE(posted);
  CHECK(posted.error().message.find("secret") == std::string::npos);
  CHECK(posted.error().message.find("Hello") == std::string::npos);
  return posted.error().code;
}

json message(std::int64_t id, const std::string& source_id, std::int64_t created_s) {
  return {{"id", id}, {"source_id", source_id}, {"created_at", created_s}, {"message_type", 1}};
}

}  // namespace

TEST_CASE("a reply is posted as an outgoing message with our source_id and safe text",
          "[worker][chatwoot]") {
  FakeHttp peer([](const FakeHttp::Request&) { return FakeHttp::json(200, R"({"id":901})"); });
  ChatwootClient client(source_at(peer.url() + "/desk/"));
  const auto posted = client.create_message(reply("See {{ contact.email }} \xE2\x82\xAC"));
  REQUIRE(posted);
  CHECK(*posted == "901");

  const auto request = peer.requests.next();
  REQUIRE(request);
  CHECK(request->method == "POST");
  CHECK(request->target == "/desk/api/v1/accounts/1/conversations/42/messages");
  CHECK(request->head.find("api_access_token: bot-secret") != std::string::npos);
  CHECK(request->head.find("content-type: application/json") != std::string::npos);
  const json body = json::parse(request->body);
  CHECK(body.at("content") == "See {\xE2\x81\xA0{ contact.email }} \xE2\x82\xAC");
  CHECK(body.at("message_type") == "outgoing");
  CHECK(body.at("private") == false);
  CHECK(body.at("source_id") == "dw-01ARZ3NDEKTSV4RRFFQ69G5FAV-1");
  CHECK(body.at("content_attributes").at("in_reply_to") == 100);
}

TEST_CASE("a customer's message goes in as an incoming one, an agent's with the user token",
          "[worker][chatwoot]") {
  FakeHttp peer([](const FakeHttp::Request&) { return FakeHttp::json(200, R"({"id":901})"); });
  ChatwootClient client(source_at(peer.url()));
  PostRequest request = reply("{{ mine }}");
  request.author = MessageAuthor::kContact;
  CHECK(client.create_message(request).value() == "901");
  auto got = peer.requests.next();
  REQUIRE(got);
  CHECK(got->head.find("api_access_token: bot-secret") != std::string::npos);
  CHECK(json::parse(got->body).at("message_type") == "incoming");
  CHECK(json::parse(got->body).at("content") == "{{ mine }}");
  request.author = MessageAuthor::kAgent;
  CHECK(client.create_message(request));
  got = peer.requests.next();
  REQUIRE(got);
  CHECK(got->head.find("api_access_token: user-secret") != std::string::npos);
  CHECK(json::parse(got->body).at("message_type") == "outgoing");
  ChatwootClient without(source_at(peer.url(), kPatient, ""));
  CHECK(without.create_message(request).error().code == ErrorCode::kUnsupported);
}

TEST_CASE("connections are reused, and a closed one does no harm", "[worker][chatwoot]") {
  FakeHttp peer([](const FakeHttp::Request&) { return FakeHttp::json(200, R"({"id":1})"); });
  ChatwootClient client(source_at(peer.url()));
  for (int i = 0; i < 3; ++i) CHECK(client.create_message(reply()));
  CHECK(peer.connections() == 1);

  FakeHttp closing([](const FakeHttp::Request&) {
    return FakeHttp::json(200, R"({"id":1})", "Connection: close\r\n");
  });
  ChatwootClient other(source_at(closing.url()));
  for (int i = 0; i < 3; ++i) CHECK(other.create_message(reply()));
  CHECK(closing.connections() == 3);
}

TEST_CASE("each status of a post tells what is known about its effect", "[worker][chatwoot]") {
  CHECK(code_of_post(FakeHttp::json(401, "{}")) == ErrorCode::kUnauthorized);
  CHECK(code_of_post(FakeHttp::json(403, "{}")) == ErrorCode::kDenied);
  CHECK(code_of_post(FakeHttp::json(404, "{}")) == ErrorCode::kNotFound);
  CHECK(code_of_post(FakeHttp::json(422, R"({"error":"Content is too long"})")) ==
        ErrorCode::kInvalid);
  CHECK(code_of_post(FakeHttp::json(422, R"({"error":"Too many messages"})")) ==
        ErrorCode::kRateLimited);
  CHECK(code_of_post(FakeHttp::json(429, "", "Retry-After: 7\r\n")) == ErrorCode::kRateLimited);
  CHECK(code_of_post(FakeHttp::json(500, "{}")) == ErrorCode::kUnknownOutcome);
  CHECK(code_of_post(FakeHttp::json(503, "")) == ErrorCode::kUnknownOutcome);
  CHECK(code_of_post(FakeHttp::json(302, "", "Location: http://127.0.0.1:1/\r\n")) ==
        ErrorCode::kInvalid);
}

TEST_CASE("garbage after a post leaves its outcome unknown", "[worker][chatwoot]") {
  for (const char* body : {"", "not json", "[]", "{}", R"({"id":null})", "[[[[[[[["}) {
    CAPTURE(body);
    CHECK(code_of_post(FakeHttp::json(200, body)) == ErrorCode::kUnknownOutcome);
  }
  CHECK(code_of_post("this is not HTTP\r\n\r\n") == ErrorCode::kUnknownOutcome);
  CHECK(code_of_post("") == ErrorCode::kUnknownOutcome);  // The peer hangs up.
  CHECK(code_of_post("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", kHasty) !=
        ErrorCode::kUnavailable);
}

TEST_CASE("an answer over the limit is cut off", "[worker][chatwoot]") {
  CHECK(code_of_post(FakeHttp::json(200, std::string(3U << 20U, ' ') + R"({"id":1})")) ==
        ErrorCode::kUnknownOutcome);
}

TEST_CASE("a silent or trickling helpdesk is cut off at one deadline for the whole call",
          "[worker][chatwoot]") {
  EventProbe<int> release;
  FakeHttp silent([&release](const FakeHttp::Request&) {
    release.next();
    return std::string();
  });
  ChatwootClient client(source_at(silent.url(), kHasty));
  CHECK(client.create_message(reply()).error().code == ErrorCode::kTimeout);
  release.push(1);

  for (const std::size_t at_once :
       {std::size_t{0}, std::size_t{60}}) {  // In the head, and in the body.
    FakeHttp slow([](const FakeHttp::Request&) {
      return FakeHttp::json(200, std::string(100000, ' ') + R"({"id":1})");
    });
    slow.trickle_after(at_once);
    ChatwootClient hasty(source_at(slow.url(), kHasty));
    CHECK(hasty.create_message(reply()).error().code == ErrorCode::kTimeout);
  }
}

TEST_CASE("a helpdesk that cannot be reached surely did nothing", "[worker][chatwoot]") {
  std::string closed;
  {
    FakeHttp gone([](const FakeHttp::Request&) { return std::string(); });
    closed = gone.url();
  }
  CHECK(ChatwootClient(source_at(closed)).create_message(reply()).error().code ==
        ErrorCode::kUnavailable);
  for (const char* url : {"", "ftp://x", "http://", "example.com", "http://u:p@x/", "http://x?y"}) {
    CAPTURE(url);
    CHECK(ChatwootClient(source_at(url)).create_message(reply()).error().code ==
          ErrorCode::kInvalid);
  }
}

TEST_CASE("https is refused where the certificate is not trusted or there is none",
          "[worker][chatwoot]") {
  FakeHttp plain([](const FakeHttp::Request&) { return std::string(); });
  std::string url = plain.url();
  url.replace(0, 4, "https");
  CHECK(ChatwootClient(source_at(url, kHasty)).create_message(reply()).error().code ==
        ErrorCode::kUnavailable);
}

TEST_CASE("ids that are no integers never get into a path", "[worker][chatwoot]") {
  FakeHttp peer([](const FakeHttp::Request&) { return FakeHttp::json(200, R"({"id":1})"); });
  ChatwootClient client(source_at(peer.url()));
  for (const char* id : {"", "../1", "4 2", "-1", "1e3", "99999999999999999999"}) {
    PostRequest request = reply();
    request.conversation.conversation_id = id;
    CHECK(client.create_message(request).error().code == ErrorCode::kInvalid);
    CHECK(client.hand_off({"1", id, "x"}).error().code == ErrorCode::kInvalid);
  }
  CHECK(peer.requests.size() == 0);
}

TEST_CASE("a message is found by our source_id over several pages", "[worker][chatwoot]") {
  const std::string ours = reply().source_id;
  FakeHttp peer([&ours](const FakeHttp::Request& request) {
    json payload = json::array();
    if (request.target.find("before") == std::string::npos) {
      payload = {message(30, "", 1469922900), message(31, "other", 1469922901)};
    } else if (request.target.ends_with("?before=30")) {
      payload = {message(28, ours, 1469922855), message(29, "", 1469922899)};
    }
    return FakeHttp::json(200, json{{"meta", {}}, {"payload", payload}}.dump());
  });
  ChatwootClient client(source_at(peer.url()));
  CHECK(client.find_message(kConversation, ours, "").value() == "28");
  const auto request = peer.requests.next();
  REQUIRE(request);
  CHECK(request->head.find("api_access_token: user-secret") != std::string::npos);
}

TEST_CASE("a message is surely absent only when the pages reach back far enough",
          "[worker][chatwoot]") {
  const std::string ours = reply().source_id;  // Minted at 1469922850 s.
  std::int64_t created_s = 1469922000;         // Older by more than any clock skew.
  FakeHttp peer([&created_s](const FakeHttp::Request& request) {
    std::int64_t before = 1000;
    const std::size_t at = request.target.find("before=");
    if (at != std::string::npos) before = std::stoll(request.target.substr(at + 7));
    return FakeHttp::json(
        200, json{{"payload", json::array({message(before - 1, "", created_s)})}}.dump());
  });
  ChatwootClient client(source_at(peer.url()));
  CHECK(client.find_message(kConversation, ours, "").value() == std::nullopt);
  CHECK(peer.requests.size() == 1);
  created_s = 1469922851;
  CHECK(client.find_message(kConversation, ours, "").error().code == ErrorCode::kUnknownOutcome);

  FakeHttp empty([](const FakeHttp::Request&) { return FakeHttp::json(200, R"({"payload":[]})"); });
  CHECK(ChatwootClient(source_at(empty.url())).find_message(kConversation, ours, "").value() ==
        std::nullopt);
  FakeHttp garbage([](const FakeHttp::Request&) { return FakeHttp::json(200, R"({"x":1})"); });
  CHECK(
      ChatwootClient(source_at(garbage.url())).find_message(kConversation, ours, "").error().code ==
      ErrorCode::kUnknownOutcome);
}

// A look-up that a helpdesk answered with 500 was taken for one that can never be made: the reply
// was buried, and a human called, although nothing but another look was needed.
TEST_CASE("a look-up that failed is worth another one", "[worker][chatwoot]") {
  for (const int status : {408, 500, 502, 503, 504}) {
    FakeHttp ill([status](const FakeHttp::Request&) { return FakeHttp::json(status, "{}"); });
    ChatwootClient client(source_at(ill.url()));
    CHECK(client.find_message(kConversation, "dw-x-1", "").error().code == ErrorCode::kUnavailable);
  }
}

// In a conversation with hundreds of messages within the clock skew a reply that never arrived
// could not be told from one further back, and went to a human.
TEST_CASE("a look-up ends at the message that ours would answer", "[worker][chatwoot]") {
  const std::string ours = reply().source_id;
  FakeHttp busy([](const FakeHttp::Request& request) {
    std::int64_t before = 1000;
    const std::size_t at = request.target.find("before=");
    if (at != std::string::npos) before = std::stoll(request.target.substr(at + 7));
    return FakeHttp::json(
        200, json{{"payload", json::array({message(before - 1, "", 1469922851)})}}.dump());
  });
  ChatwootClient client(source_at(busy.url()));
  CHECK(client.find_message(kConversation, ours, "997").value() == std::nullopt);
  CHECK(busy.requests.size() == 3);
  // What the customer wrote before bounds nothing if it is no number.
  CHECK(client.find_message(kConversation, ours, "x").error().code == ErrorCode::kUnknownOutcome);
}

TEST_CASE("without a user token messages cannot be read", "[worker][chatwoot]") {
  ChatwootClient client(source_at("http://127.0.0.1:1", kPatient, ""));
  CHECK(client.find_message(kConversation, "dw-x-1", "").error().code == ErrorCode::kUnsupported);
}

TEST_CASE("typing and hand-off use the bot token", "[worker][chatwoot]") {
  FakeHttp peer([](const FakeHttp::Request&) { return FakeHttp::json(200, ""); });
  ChatwootClient client(source_at(peer.url()));
  CHECK(client.set_typing(kConversation, true));
  CHECK(client.hand_off(kConversation));
  const auto typing = peer.requests.next();
  REQUIRE(typing);
  CHECK(typing->target == "/api/v1/accounts/1/conversations/42/toggle_typing_status");
  CHECK(json::parse(typing->body) == json{{"typing_status", "on"}, {"is_private", false}});
  const auto status = peer.requests.next();
  REQUIRE(status);
  CHECK(status->target == "/api/v1/accounts/1/conversations/42/toggle_status");
  CHECK(json::parse(status->body) == json{{"status", "open"}});
  CHECK(status->head.find("api_access_token: bot-secret") != std::string::npos);
}

TEST_CASE("the doctor learns what the tokens may do", "[worker][chatwoot]") {
  FakeHttp peer([](const FakeHttp::Request& request) {
    if (request.method == "POST") return FakeHttp::json(404, "{}");
    return FakeHttp::json(401, R"({"error":"Invalid Access Token"})");
  });
  const auto findings = ChatwootClient(source_at(peer.url())).check_access();
  REQUIRE(findings);
  REQUIRE(findings->size() == 2);
  CHECK(findings->at(0).level == AccessFinding::Level::kGood);
  CHECK(findings->at(0).text == "bot token: accepted");
  CHECK(findings->at(1).level == AccessFinding::Level::kRefused);
  CHECK(findings->at(1).text.find("user token: refused") == 0);
}

TEST_CASE("stopping ends calls in flight and refuses new ones", "[worker][chatwoot]") {
  EventProbe<int> release;
  FakeHttp silent([&release](const FakeHttp::Request&) {
    release.next();
    return std::string();
  });
  ChatwootClient client(source_at(silent.url()));
  ErrorCode code = ErrorCode::kInternal;
  std::thread caller([&] { code = client.create_message(reply()).error().code; });
  REQUIRE(silent.requests.next());
  client.stop();
  caller.join();
  CHECK(code == ErrorCode::kCancelled);
  CHECK(client.create_message(reply()).error().code == ErrorCode::kCancelled);
  release.push(1);
}

TEST_CASE("a generic source gets replies as our own JSON with an idempotency key",
          "[worker][generic]") {
  FakeHttp peer([](const FakeHttp::Request& request) {
    const bool is_reply = json::parse(request.body).at("type") == "reply";
    return FakeHttp::json(200, is_reply ? R"({"id":"r-1"})" : "ok");
  });
  config::Source source = source_at(peer.url() + "/hook");
  source.type = config::SourceType::kGeneric;
  GenericClient client(source);
  CHECK(client.create_message(reply()).value() == "r-1");
  CHECK(client.hand_off(kConversation));
  const auto posted = peer.requests.next();
  REQUIRE(posted);
  CHECK(posted->target == "/hook");
  CHECK(posted->head.find("authorization: bearer bot-secret") != std::string::npos);
  CHECK(posted->head.find("idempotency-key: dw-01arz3ndektsv4rrffq69g5fav-1") != std::string::npos);
  CHECK(json::parse(posted->body) == json{{"type", "reply"},
                                          {"conversation", "42"},
                                          {"content", "Hello"},
                                          {"sourceId", reply().source_id},
                                          {"inReplyTo", "100"}});
  CHECK(client.find_message(kConversation, "x", "").error().code == ErrorCode::kUnsupported);
}

}  // namespace deskwire::worker
