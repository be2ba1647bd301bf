// Zammad and Zendesk against stand-in servers: what is sent, and what each way of going wrong says
// about the effect. The cases that hold for every helpdesk run for both.

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "core/hash.h"
#include "jobs/helpdesk_event.h"
#include "tests/support/catch.h"
#include "tests/support/fake_http.h"
#include "worker/helpdesks/zammad_client.h"
#include "worker/helpdesks/zendesk_client.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;
using testing::EventProbe;
using testing::FakeHttp;

const ConversationRef kTicket{"1", "81", "81"};
constexpr Milliseconds kPatient{20000};
constexpr Milliseconds kHasty{200};

config::Source source_at(config::SourceType type, const std::string& url,
                         Milliseconds timeout = kPatient) {
  config::Source source;
  source.name = "desk";
  source.type = type;
  source.base_url = url;
  source.bot_token = config::Secret("bot-secret");
  source.request_timeout = timeout;
  return source;
}

using Make = std::function<std::unique_ptr<HelpdeskClient>(const std::string&, Milliseconds)>;
struct Desk {
  const char* name;
  Make make;
  std::string created;  ///< The documented answer to a reply.
  std::string id;       ///< The new message's id in it.
};

const std::vector<Desk>& desks() {
  static const std::vector<Desk> both{
      {"zammad",
       [](const std::string& url, Milliseconds timeout) {
         return std::make_unique<ZammadClient>(
             source_at(config::SourceType::kZammad, url, timeout));
       },
       R"({"id":109,"ticket_id":81})", "109"},
      {"zendesk",
       [](const std::string& url, Milliseconds timeout) {
         return std::make_unique<ZendeskClient>(
             source_at(config::SourceType::kZendesk, url, timeout));
       },
       R"({"ticket":{"id":81},"audit":{"id":7,"events":[{"id":1,"type":"Change"},)"
       R"({"id":70009,"type":"Comment"}]}})",
       "70009"}};
  return both;
}

/// In reply to nothing known, so that a reply is one request.
PostRequest reply(const std::string& in_reply_to = "") {
  return {.conversation = kTicket,
          .content = "Hello",
          .source_id = jobs::our_message_id("01ARZ3NDEKTSV4RRFFQ69G5FAV", 1),
          .in_reply_to = in_reply_to,
          .attempt = 1,
          .simulate = {}};
}

Error error_of_post(const Desk& desk, const std::string& raw, Milliseconds timeout = kPatient) {
  FakeHttp peer([&raw](const FakeHttp::Request&) { return raw; });
  const auto posted = desk.make(peer.url(), timeout)->create_message(reply());
  REQUIRE_FALSE(posted);
  CHECK(posted.error().message.find("secret") == std::string::npos);
  CHECK(posted.error().message.find("Hello") == std::string::npos);
  return posted.error();
}

}  // namespace

TEST_CASE("a ticket system's answer to a reply says the new message's id", "[worker][tickets]") {
  for (const Desk& desk : desks()) {
    CAPTURE(desk.name);
    FakeHttp peer([&](const FakeHttp::Request&) { return FakeHttp::json(201, desk.created); });
    const auto client = desk.make(peer.url() + "/sub/", kPatient);
    CHECK(client->create_message(reply()).value() == desk.id);
    const auto request = peer.requests.next();
    REQUIRE(request);
    CHECK(request->target.starts_with("/sub/api/v"));
    CHECK(request->head.find("bot-secret") != std::string::npos);
  }
}

TEST_CASE("each status of a ticket system tells what is known about the effect",
          "[worker][tickets]") {
  for (const Desk& desk : desks()) {
    CAPTURE(desk.name);
    const auto code = [&](int status, const std::string& headers = {}) {
      return error_of_post(desk, FakeHttp::json(status, "{}", headers)).code;
    };
    CHECK(code(401) == ErrorCode::kUnauthorized);
    CHECK(code(403) == ErrorCode::kDenied);
    CHECK(code(404) == ErrorCode::kNotFound);
    CHECK(code(413) == ErrorCode::kTooLarge);
    CHECK(code(422) == ErrorCode::kInvalid);
    for (const int status : {408, 500, 502, 503, 504}) {
      CHECK(code(status) == ErrorCode::kUnknownOutcome);
    }
    CHECK(code(302, "Location: http://127.0.0.1:1/\r\n") == ErrorCode::kInvalid);
    const Error limited = error_of_post(desk, FakeHttp::json(429, "", "Retry-After: 17\r\n"));
    CHECK(limited.code == ErrorCode::kRateLimited);
    CHECK(limited.retry_after == Milliseconds(17000));
  }
}

TEST_CASE("garbage from a ticket system leaves the outcome unknown", "[worker][tickets]") {
  for (const Desk& desk : desks()) {
    CAPTURE(desk.name);
    for (const char* body : {"", "not json", "[]", "{}", R"({"id":null})", R"({"audit":[]})",
                             R"({"audit":{"events":[{"id":1,"type":"Change"}]}})", "[[[[[["}) {
      CAPTURE(body);
      CHECK(error_of_post(desk, FakeHttp::json(200, body)).code == ErrorCode::kUnknownOutcome);
    }
    CHECK(error_of_post(desk, "this is not HTTP\r\n\r\n").code == ErrorCode::kUnknownOutcome);
    CHECK(error_of_post(desk, "").code == ErrorCode::kUnknownOutcome);
    CHECK(error_of_post(desk, FakeHttp::json(200, std::string(40U << 20U, ' '))).code ==
          ErrorCode::kUnknownOutcome);
  }
}

TEST_CASE("a silent or trickling ticket system is cut off at one deadline", "[worker][tickets]") {
  for (const Desk& desk : desks()) {
    CAPTURE(desk.name);
    EventProbe<int> release;
    FakeHttp silent([&release](const FakeHttp::Request&) {
      release.next();
      return std::string();
    });
    CHECK(desk.make(silent.url(), kHasty)->create_message(reply()).error().code ==
          ErrorCode::kTimeout);
    release.push(1);
    FakeHttp slow(
        [](const FakeHttp::Request&) { return FakeHttp::json(200, std::string(100000, ' ')); });
    slow.trickle_after(60);
    CHECK(desk.make(slow.url(), kHasty)->create_message(reply()).error().code ==
          ErrorCode::kTimeout);
  }
}

TEST_CASE("a ticket system that cannot be reached surely did nothing", "[worker][tickets]") {
  std::string closed;
  {
    FakeHttp gone([](const FakeHttp::Request&) { return std::string(); });
    closed = gone.url();
  }
  for (const Desk& desk : desks()) {
    CAPTURE(desk.name);
    CHECK(desk.make(closed, kPatient)->create_message(reply()).error().code ==
          ErrorCode::kUnavailable);
    CHECK(desk.make("ftp://x", kPatient)->create_message(reply()).error().code ==
          ErrorCode::kInvalid);
  }
}

TEST_CASE("ticket ids that are no integers never get into a path", "[worker][tickets]") {
  FakeHttp peer([](const FakeHttp::Request&) { return FakeHttp::json(200, "{}"); });
  for (const Desk& desk : desks()) {
    const auto client = desk.make(peer.url(), kPatient);
    for (const char* id : {"", "../1", "4 2", "-1", "1e3", "99999999999999999999"}) {
      PostRequest request = reply();
      request.conversation.conversation_id = id;
      CHECK(client->create_message(request).error().code == ErrorCode::kInvalid);
      CHECK(client->find_message(request.conversation, "x", "").error().code ==
            ErrorCode::kInvalid);
      CHECK(client->hand_off(request.conversation).error().code == ErrorCode::kInvalid);
    }
  }
  CHECK(peer.requests.size() == 0);
}

TEST_CASE("a look-up that a ticket system could not answer is worth another one",
          "[worker][tickets]") {
  for (const Desk& desk : desks()) {
    CAPTURE(desk.name);
    for (const int status : {408, 500, 503}) {
      FakeHttp ill([status](const FakeHttp::Request&) { return FakeHttp::json(status, "{}"); });
      CHECK(desk.make(ill.url(), kPatient)->find_message(kTicket, "dw-x-1", "").error().code ==
            ErrorCode::kUnavailable);
    }
    FakeHttp garbage([](const FakeHttp::Request&) { return FakeHttp::json(200, R"({"x":1})"); });
    CHECK(desk.make(garbage.url(), kPatient)->find_message(kTicket, "dw-x-1", "").error().code ==
          ErrorCode::kUnknownOutcome);
    FakeHttp refusing([](const FakeHttp::Request&) { return FakeHttp::json(403, "{}"); });
    CHECK(desk.make(refusing.url(), kPatient)->find_message(kTicket, "dw-x-1", "").error().code ==
          ErrorCode::kDenied);
  }
}

TEST_CASE("stopping ends calls to a ticket system and refuses new ones", "[worker][tickets]") {
  for (const Desk& desk : desks()) {
    CAPTURE(desk.name);
    EventProbe<int> release;
    FakeHttp silent([&release](const FakeHttp::Request&) {
      release.next();
      return std::string();
    });
    const auto client = desk.make(silent.url(), kPatient);
    ErrorCode code = ErrorCode::kInternal;
    std::thread caller([&] { code = client->create_message(reply()).error().code; });
    REQUIRE(silent.requests.next());
    client->stop();
    caller.join();
    CHECK(code == ErrorCode::kCancelled);
    CHECK(client->hand_off(kTicket).error().code == ErrorCode::kCancelled);
    release.push(1);
  }
}

TEST_CASE("Zammad gets an article of the kind that it answers", "[worker][zammad]") {
  std::string question = R"({"id":104,"type":"email","from":"Emily <emily@example.com>",)"
                         R"("reply_to":null,"subject":"Parcel","message_id":"<1@example.com>"})";
  FakeHttp peer([&](const FakeHttp::Request& request) {
    if (request.method == "GET") return FakeHttp::json(200, question);
    return FakeHttp::json(201, R"({"id":109})");
  });
  ZammadClient client(source_at(config::SourceType::kZammad, peer.url()));
  const auto posted = [&] {
    CHECK(client.create_message(reply("104")).value() == "109");
    const auto read = peer.requests.next();
    REQUIRE(read);
    CHECK(read->target == "/api/v1/ticket_articles/104");
    CHECK(read->head.find("authorization: token token=bot-secret") != std::string::npos);
    const auto write = peer.requests.next();
    REQUIRE(write);
    CHECK(write->target == "/api/v1/ticket_articles");
    return json::parse(write->body);
  };
  CHECK(posted() == json{{"ticket_id", 81},
                         {"body", "Hello"},
                         {"content_type", "text/plain"},
                         {"type", "email"},
                         {"to", "Emily <emily@example.com>"},
                         {"subject", "Parcel"},
                         {"in_reply_to", "<1@example.com>"},
                         {"sender", "Agent"},
                         {"internal", false},
                         {"preferences", {{"deskwire", reply().source_id}}}});
  question = R"({"id":104,"type":"telegram personal-message","from":"@emily"})";
  CHECK(posted().at("type") == "telegram personal-message");
  question = R"({"id":104,"type":"web","from":"Emily"})";
  const json note = posted();
  CHECK(note.at("type") == "note");
  CHECK_FALSE(note.contains("to"));
}

TEST_CASE("a question that Zammad cannot show yet is no unknown outcome", "[worker][zammad]") {
  for (const std::string& answer :
       {FakeHttp::json(500, "{}"), FakeHttp::json(200, "nonsense"), std::string()}) {
    FakeHttp peer([&](const FakeHttp::Request&) { return answer; });
    ZammadClient client(source_at(config::SourceType::kZammad, peer.url()));
    CHECK(client.create_message(reply("104")).error().code == ErrorCode::kUnavailable);
    CHECK(peer.requests.next()->method == "GET");
    CHECK(peer.requests.size() == 0);
  }
  FakeHttp deleted([](const FakeHttp::Request& request) {
    return request.method == "GET" ? FakeHttp::json(404, "{}")
                                   : FakeHttp::json(201, R"({"id":109})");
  });
  ZammadClient client(source_at(config::SourceType::kZammad, deleted.url()));
  CHECK(client.create_message(reply("104")).value() == "109");
}

TEST_CASE("Zammad's articles are searched for our id", "[worker][zammad]") {
  const std::string ours = reply().source_id;
  FakeHttp peer([&](const FakeHttp::Request&) {
    return FakeHttp::json(200,
                          json::array({{{"id", 104}, {"preferences", json::object()}},
                                       {{"id", 105}, {"preferences", {{"deskwire", "dw-other-1"}}}},
                                       {{"id", 109}, {"preferences", {{"deskwire", ours}}}}})
                              .dump());
  });
  ZammadClient client(source_at(config::SourceType::kZammad, peer.url()));
  CHECK(client.find_message(kTicket, ours, "").value() == "109");
  CHECK(client.find_message(kTicket, "dw-none-1", "").value() == std::nullopt);
  CHECK(peer.requests.next()->target == "/api/v1/ticket_articles/by_ticket/81");
}

TEST_CASE("a ticket is handed over by opening it", "[worker][tickets]") {
  FakeHttp peer([](const FakeHttp::Request&) { return FakeHttp::json(200, "{}"); });
  CHECK(ZammadClient(source_at(config::SourceType::kZammad, peer.url())).hand_off(kTicket));
  const auto zammad = peer.requests.next();
  REQUIRE(zammad);
  CHECK(zammad->method + " " + zammad->target == "PUT /api/v1/tickets/81");
  CHECK(json::parse(zammad->body) == json{{"state", "open"}});
  CHECK(ZendeskClient(source_at(config::SourceType::kZendesk, peer.url())).hand_off(kTicket));
  const auto zendesk = peer.requests.next();
  REQUIRE(zendesk);
  CHECK(zendesk->method + " " + zendesk->target == "PUT /api/v2/tickets/81.json");
  CHECK(json::parse(zendesk->body) == json{{"ticket", {{"status", "open"}}}});
}

TEST_CASE("Zendesk gets a public comment that carries our id", "[worker][zendesk]") {
  FakeHttp peer([](const FakeHttp::Request&) { return FakeHttp::json(200, desks()[1].created); });
  config::Source source = source_at(config::SourceType::kZendesk, peer.url());
  CHECK(ZendeskClient(source).create_message(reply("70001")).value() == "70009");
  auto request = peer.requests.next();
  REQUIRE(request);
  CHECK(request->method + " " + request->target == "PUT /api/v2/tickets/81.json");
  CHECK(request->head.find("authorization: bearer bot-secret") != std::string::npos);
  CHECK(json::parse(request->body) == json{{"ticket",
                                            {{"comment", {{"body", "Hello"}, {"public", true}}},
                                             {"metadata", {{"deskwire", reply().source_id}}}}}});
  source.bot_token = config::Secret("agent@example.com/token:abc");
  CHECK(ZendeskClient(source).create_message(reply()));
  request = peer.requests.next();
  REQUIRE(request);
  std::string basic = "authorization: basic " + base64_encode("agent@example.com/token:abc");
  for (char& c : basic) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  CHECK(request->head.find(basic) != std::string::npos);
}

TEST_CASE("an update that lost against another one in Zendesk is made again", "[worker][zendesk]") {
  CHECK(error_of_post(desks()[1], FakeHttp::json(409, "{}")).code == ErrorCode::kUnavailable);
}

TEST_CASE("Zendesk's audits are searched page by page for our id", "[worker][zendesk]") {
  const std::string ours = reply().source_id;
  FakeHttp peer([&](const FakeHttp::Request& request) {
    const bool second = request.target.find("after") != std::string::npos;
    const json audit = {
        {"id", second ? 2 : 1},
        {"metadata", {{"custom", {{"deskwire", second ? ours : "dw-other-1"}}}}},
        {"events", json::array({{{"id", second ? 70009 : 70001}, {"type", "Comment"}}})}};
    return FakeHttp::json(200, json{{"audits", json::array({audit})},
                                    {"meta", {{"has_more", !second}, {"after_cursor", "abc="}}}}
                                   .dump());
  });
  ZendeskClient client(source_at(config::SourceType::kZendesk, peer.url()));
  CHECK(client.find_message(kTicket, ours, "").value() == "70009");
  CHECK(peer.requests.next()->target == "/api/v2/tickets/81/audits.json?page%5Bsize%5D=100");
  CHECK(peer.requests.next()->target ==
        "/api/v2/tickets/81/audits.json?page%5Bsize%5D=100&page%5Bafter%5D=abc=");
  CHECK(client.find_message(kTicket, "dw-none-1", "").value() == std::nullopt);

  FakeHttp endless([](const FakeHttp::Request&) {
    return FakeHttp::json(200, R"({"audits":[],"meta":{"has_more":true,"after_cursor":"next"}})");
  });
  ZendeskClient patient(source_at(config::SourceType::kZendesk, endless.url()));
  CHECK(patient.find_message(kTicket, ours, "").error().code == ErrorCode::kUnknownOutcome);
  CHECK(endless.requests.size() == 10);
  FakeHttp odd([](const FakeHttp::Request&) {
    return FakeHttp::json(200,
                          R"({"audits":[],"meta":{"has_more":true,"after_cursor":"x&y /../"}})");
  });
  ZendeskClient careful(source_at(config::SourceType::kZendesk, odd.url()));
  CHECK(careful.find_message(kTicket, ours, "").error().code == ErrorCode::kUnknownOutcome);
}

TEST_CASE("the doctor learns what a ticket system's token may do", "[worker][tickets]") {
  std::string answer;
  FakeHttp peer([&](const FakeHttp::Request&) { return answer; });
  ZammadClient zammad(source_at(config::SourceType::kZammad, peer.url()));
  ZendeskClient zendesk(source_at(config::SourceType::kZendesk, peer.url()));
  using Level = AccessFinding::Level;
  const auto level = [](HelpdeskClient& client) { return client.check_access()->at(0).level; };

  answer = FakeHttp::json(200, R"({"id":9,"login":"bot"})");
  CHECK(level(zammad) == Level::kGood);
  answer = FakeHttp::json(200, R"({"user":{"id":9,"role":"agent"}})");
  CHECK(level(zendesk) == Level::kGood);
  answer = FakeHttp::json(200, R"({"user":{"id":null,"role":"end-user"}})");
  CHECK(level(zendesk) == Level::kRefused);
  answer = FakeHttp::json(401, "{}");
  CHECK(level(zammad) == Level::kRefused);
  CHECK(level(zendesk) == Level::kRefused);
  answer = FakeHttp::json(500, "{}");
  CHECK_FALSE(zammad.check_access());
  CHECK_FALSE(zendesk.check_access());
}

}  // namespace deskwire::worker
