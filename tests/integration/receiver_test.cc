#include "webhooks/receiver.h"

#include <nlohmann/json.hpp>

#include "places.h"
#include "tests/support/catch.h"
#include "tests/support/receiver_fixture.h"

using namespace deskwire;
using namespace deskwire::testing;
using nlohmann::json;

namespace {

const std::string kRefused = R"({"error":{"code":40110,"message":"signature refused"}})";
const char* const kSmall = R"({"event":"message_created","conversation":{"id":"42"},)"
                           R"("message":{"id":"1","type":"incoming","content":"hello"}})";

/// A generic body with the message's and the conversation's id.
std::string message(const std::string& id, const std::string& conversation = "42") {
  json body = json::parse(kSmall);
  body["message"]["id"] = id;
  body["conversation"]["id"] = conversation;
  return body.dump();
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("an accepted message is answered 202 with its job", "[webhooks][receiver]") {
  ReceiverFixture door;
  const auto answer = door.deliver("support", chatwoot_body("message_created.incoming"));
  CHECK(answer.status == 202);
  const json body = json::parse(answer.body);
  const std::string job = body["job"];
  CHECK(answer.body == R"({"job":")" + job + R"(","duplicate":false})");
  CHECK(answer.has_header("Content-Type: application/json"));
  const auto stored = door.store.memory().get(JobId(job));
  REQUIRE(stored);
  CHECK(stored->kind == "reply");
  CHECK(stored->lane == "1001");
  CHECK(door.store.memory().appended_events().at(0).name == "message:user");
  CHECK(door.counted("support", "accepted", "none"));
}

TEST_CASE("every Chatwoot delivery gets the status of its row", "[webhooks][receiver]") {
  ReceiverFixture door;
  std::ifstream file(DESKWIRE_FIXTURES "/chatwoot/wire/manifest.json");
  const json manifest = json::parse(file);
  int taken = 0;
  for (const auto& [name, entry] : manifest["entries"].items()) {
    CAPTURE(name);
    const auto answer = door.deliver("support", chatwoot_body(name), "d-" + name);
    const bool job = name.find(".incoming") != std::string::npos ||
                     name.find("input_select_submitted") != std::string::npos;
    CHECK(answer.status == (job ? 202 : 200));
    CHECK(json::parse(answer.body)["duplicate"] == false);
    CHECK(json::parse(answer.body)["job"].is_null() == !job);
    ++taken;
  }
  CHECK(taken == 36);
}

TEST_CASE("an event without a job is 200 with null", "[webhooks][receiver]") {
  ReceiverFixture door;
  const std::string nothing = R"({"job":null,"duplicate":false})";
  const auto note = door.deliver("support", chatwoot_body("message_created.outgoing.private_note"));
  CHECK(note.status == 200);
  CHECK(note.body == nothing);
  CHECK(door.counted("support", "accepted", "none"));
  const auto unknown = door.deliver("support", R"({"event":"portal_created"})", "d-2");
  CHECK(unknown.status == 200);
  CHECK(unknown.body == nothing);
  CHECK(door.counted("support", "ignored", "no_effect"));
}

TEST_CASE("a reload exchanges the secrets under an open connection", "[webhooks][receiver]") {
  ReceiverFixture door;
  const std::string body = chatwoot_body("message_created.incoming");
  const std::string by_old = door.signed_post("support", body, "d-1");
  test::RawClient client(door.receiver.port());
  // It arrives as a whole only after the reload.
  REQUIRE(client.send(by_old.substr(0, by_old.size() / 2)));
  config::Config changed = door.config;
  changed.sources[0].secrets = {config::Secret("third-secret")};
  changed.sources[4].auth = config::SourceAuth::kHeader;
  door.receiver.reload(changed);
  REQUIRE(client.send(by_old.substr(by_old.size() / 2)));
  CHECK(client.response().status == 401);

  door.config = changed;
  REQUIRE(client.send(door.signed_post("support", body, "d-2")));
  CHECK(client.response().status == 202);
  CHECK(door.deliver("macro", body, "d-3").status == 202);
  CHECK(door.send(ReceiverFixture::post("/webhooks/macro/tok-1",
                                        {{"Content-Type", "application/json"}}, body))
            .status == 404);
}

TEST_CASE("the same delivery, and the same event under another id, are duplicates",
          "[webhooks][receiver]") {
  ReceiverFixture door;
  const std::string body = chatwoot_body("message_created.incoming");
  const std::string job = json::parse(door.deliver("support", body).body)["job"];
  const std::string duplicate = R"({"job":")" + job + R"(","duplicate":true})";
  for (const char* delivery : {"d-1", "d-2"}) {
    const auto answer = door.deliver("support", body, delivery);
    CHECK(answer.status == 200);
    CHECK(answer.body == duplicate);
  }
  // The other door of the account builds the same event a moment later: other bytes.
  json later = json::parse(body);
  later["conversation"]["unread_count"] = 2;
  CHECK(door.deliver("support", later.dump(), "d-3").body == duplicate);
  CHECK(door.store.memory().appended_events().size() == 1);
  CHECK(door.counted("support", "duplicate", "none"));

  const std::string labels = chatwoot_body("conversation_updated.labels");
  CHECK(door.deliver("support", labels, "d-4").body == R"({"job":null,"duplicate":false})");
  CHECK(door.deliver("support", labels, "d-5").body == R"({"job":null,"duplicate":true})");
  const std::string typing = chatwoot_body("conversation_typing_on.user");
  CHECK(door.deliver("support", typing, "d-6").body == R"({"job":null,"duplicate":false})");
  CHECK(door.deliver("support", typing, "d-6").body == R"({"job":null,"duplicate":false})");
}

TEST_CASE("sources do not share their dedupe", "[webhooks][receiver]") {
  ReceiverFixture door;
  CHECK(door.deliver("shop", kSmall).status == 202);
  CHECK(door.deliver("sandbox", kSmall).status == 202);
  CHECK(door.store.memory().appended_events().at(0).channel == "conversation:shop~42");
  CHECK(door.store.memory().appended_events().at(1).channel == "conversation:42");
}

TEST_CASE("whatever is wrong with a signature, the answer is the same 401",
          "[webhooks][receiver]") {
  ReceiverFixture door;
  const std::string body = chatwoot_body("message_created.incoming");
  const std::string good = door.signed_post("support", body, "d-1");
  const auto refused = [&](const std::string& bytes, const char* reason) {
    CAPTURE(reason);
    const auto answer = door.send(bytes);
    CHECK(answer.status == 401);
    CHECK(answer.body == kRefused);
    CHECK(door.counted("support", "refused", reason));
  };
  const auto bent = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    replace(bytes, from, to);
    return bytes;
  };
  refused(bent("X-Chatwoot-Signature: ", "X-Other: "), "missing_signature");
  refused(bent("Signature: sha256=", "Signature: sha1="), "malformed_signature");
  refused(
      bent("X-Chatwoot-Signature: ", "X-Chatwoot-Signature: sha256=00\r\nX-Chatwoot-Signature: "),
      "repeated_header");
  refused(bent("X-Chatwoot-Timestamp: ", "X-Other: "), "missing_timestamp");
  refused(bent("X-Chatwoot-Timestamp: ", "X-Chatwoot-Timestamp: x"), "malformed_timestamp");
  refused(bent("#8841", "#8842"), "mismatch");
  door.clock.advance(std::chrono::seconds(301));
  refused(good, "stale");
  door.clock.advance(std::chrono::seconds(-602));
  refused(good, "future");
  CHECK(door.store.receipts().empty());
}

TEST_CASE("unsigned bodies are 401 before anybody looks into them", "[webhooks][receiver]") {
  ReceiverFixture door;
  for (const char* body : {"", "not json", "[]", "{}", R"({"event":"message_created"})"}) {
    CAPTURE(body);
    const auto answer = door.send(
        ReceiverFixture::post("/webhooks/support", {{"Content-Type", "application/json"}}, body));
    CHECK(answer.status == 401);
    CHECK(answer.body == kRefused);
  }
}

TEST_CASE("the old secret is good as long as it is listed", "[webhooks][receiver]") {
  ReceiverFixture door;
  config::Source rotated = door.config.sources[0];
  rotated.secrets = {config::Secret("old-secret")};
  const auto delivery = webhooks::prepare_delivery(rotated, R"({"event":"portal_created"})", "d-1",
                                                   door.clock.wall_ms() / 1000);
  REQUIRE(delivery);
  CHECK(door.send(ReceiverFixture::post(delivery->target, delivery->headers,
                                        R"({"event":"portal_created"})"))
            .status == 200);
}

TEST_CASE("senders that cannot sign prove themselves otherwise", "[webhooks][receiver]") {
  ReceiverFixture door;
  const std::string body = chatwoot_body("automation_event.message_created");
  CHECK(door.deliver("basic", body).status == 200);
  CHECK(door.deliver("macro", body).status == 200);
  const net::Headers json_only{{"Content-Type", "application/json"}};
  const auto status = [&](const std::string& target, net::Headers headers) {
    return door.send(ReceiverFixture::post(target, headers, body)).status;
  };
  CHECK(status("/webhooks/macro?token=tok-1", json_only) == 200);
  CHECK(status("/webhooks/macro?token=tok-2", json_only) == 401);
  CHECK(status("/webhooks/macro", json_only) == 401);
  CHECK(status("/webhooks/basic", json_only) == 401);
  CHECK(status("/webhooks/basic/ann:pass", json_only) == 404);
  CHECK(status("/webhooks/support/tok-1", json_only) == 404);
}

TEST_CASE("another account's delivery is counted and has no effect", "[webhooks][receiver]") {
  ReceiverFixture door;
  json body = json::parse(chatwoot_body("message_created.incoming"));
  body["account"]["id"] = 2;
  const auto answer = door.deliver("support", body.dump());
  CHECK(answer.status == 200);
  CHECK(answer.body == R"({"job":null,"duplicate":false})");
  CHECK(door.counted("support", "ignored", "other_account"));
  CHECK(door.store.receipts().empty());
}

TEST_CASE("a signed object of another shape is kept as a dead letter", "[webhooks][receiver]") {
  ReceiverFixture door;
  const std::string body = R"({"event":"message_created","text":"hello"})";
  const auto answer = door.deliver("support", body);
  CHECK(answer.status == 202);
  const std::string job = json::parse(answer.body)["job"];
  const auto stored = door.store.memory().get(JobId(job));
  REQUIRE(stored);
  CHECK(stored->state == jobs::JobState::kDead);
  CHECK(stored->error_code == "unparsable");
  CHECK(json::parse(stored->payload)["body"] == body);
  CHECK(door.counted("support", "unparsable", "shape"));
  const auto again = door.deliver("support", body, "d-2");
  CHECK(again.status == 200);
  CHECK(json::parse(again.body)["job"] == job);
}

TEST_CASE("signed bytes that are no JSON object are 400", "[webhooks][receiver]") {
  ReceiverFixture door;
  for (const std::string& body : {std::string(), std::string("not json"), std::string("[]"),
                                  std::string("null"), std::string("{\"event\":\"\xC3\x28\"}"),
                                  std::string("{\"event\":"), std::string(100'000, '[')}) {
    CAPTURE(body.substr(0, 20));
    const auto answer = door.deliver("support", body);
    CHECK(answer.status == 400);
    CHECK(json::parse(answer.body)["error"]["code"] == 40000);
  }
  CHECK(door.counted("support", "refused", "not_json"));
}

TEST_CASE("an honest message is taken in, however deep what nobody reads is nested",
          "[webhooks][receiver]") {
  ReceiverFixture door;
  std::string body = chatwoot_body("message_created.incoming");
  body.insert(1, R"("custom":)" + std::string(100'000, '[') + std::string(100'000, ']') + ",");
  CHECK(door.deliver("support", body).status == 202);
  const auto only_deep = door.deliver(
      "support", R"({"event":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}",
      "d-2");
  CHECK(only_deep.status == 202);
}

TEST_CASE("half an emoji is no reason to refuse a message", "[webhooks][receiver]") {
  ReceiverFixture door;
  std::string body = chatwoot_body("message_created.incoming");
  body.insert(1, R"("custom":"cut \ud83d",)");
  CHECK(door.deliver("support", body).status == 202);
}

TEST_CASE("of a repeated key the last one counts at the door too", "[webhooks][receiver]") {
  ReceiverFixture door;
  const std::string body =
      R"({"event":"message_created","conversation":{"id":"1"},"conversation":{"id":"2"},)"
      R"("message":{"id":"9","type":"incoming","content":"a","content":"b"}})";
  CHECK(door.deliver("shop", body).status == 202);
  const Event shown = door.store.memory().appended_events().at(0);
  CHECK(shown.channel == "conversation:shop~2");
  CHECK(json::parse(shown.data)["content"] == "b");
}

TEST_CASE("wrong places, methods and types have their status", "[webhooks][receiver]") {
  ReceiverFixture door;
  const net::Headers json_type{{"Content-Type", "application/json"}};
  const auto status = [&](const std::string& target, net::Headers headers) {
    return door.send(ReceiverFixture::post(target, headers, "{}")).status;
  };
  for (const char* target :
       {"/", "/webhooks", "/webhooks/", "/webhooks/nobody", "/webhooks/Support",
        "/webhooks/support/", "/webhooks/support/x", "/admin"}) {
    CAPTURE(target);
    CHECK(status(target, json_type) == 404);
  }
  CHECK(door.counted("unknown", "refused", "unknown_source"));
  for (const char* method : {"GET", "PUT", "DELETE", "OPTIONS"}) {
    CAPTURE(method);
    const auto answer = door.send(std::string(method) +
                                  " /webhooks/support HTTP/1.1\r\nHost: localhost\r\n"
                                  "Content-Length: 0\r\n\r\n");
    CHECK(answer.status == 405);
    CHECK(answer.has_header("Allow: POST"));
  }
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/jsonx",
                           "application/json; charset=latin1", ""}) {
    CAPTURE(type);
    CHECK(status("/webhooks/support", {{"Content-Type", type}}) == 415);
  }
  CHECK(status("/webhooks/support", {}) == 415);
  CHECK(status("/webhooks/support",
               {{"Content-Type", "application/json"}, {"Content-Encoding", "gzip"}}) == 415);
  CHECK(door.counted("support", "refused", "content_type"));
  CHECK(door.counted("support", "refused", "content_encoding"));
  // 401: the type is fine, the signature is missing.
  for (const char* type : {"application/json", "Application/JSON", "application/json;charset=UTF-8",
                           "application/json; charset=\"utf-8\"; x=y", "application/json;"}) {
    CAPTURE(type);
    CHECK(status("/webhooks/support", {{"Content-Type", type}}) == 401);
  }
}

TEST_CASE("a body over the limit is 413, in one piece or in chunks", "[webhooks][receiver]") {
  ReceiverFixture door;
  const auto whole = door.send(
      "POST /webhooks/support HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 5242880\r\n\r\n");
  CHECK(whole.status == 413);
  CHECK(door.counted("support", "refused", "too_large"));
  test::RawClient client(door.receiver.port());
  client.send(
      "POST /webhooks/shop HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  for (int i = 0; i < 80; ++i) {
    if (!client.send(chunk)) break;
  }
  CHECK(client.response().status == 413);
  CHECK(door.counted("shop", "refused", "too_large"));
  CHECK_FALSE(door.counted("unknown", "refused", "too_large"));
  const auto astray = door.send(
      "POST /webhooks/nobody HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5242880\r\n\r\n");
  CHECK(astray.status == 413);
  CHECK(door.counted("unknown", "refused", "too_large"));
}

TEST_CASE("bodies in chunks are verified as they were signed", "[webhooks][receiver]") {
  ReceiverFixture door;
  const std::string body = message("77");
  std::string bytes = door.signed_post("shop", body, "d-1");
  replace(
      bytes, "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
      "Transfer-Encoding: chunked\r\n\r\n" + [&] {
        std::string chunks;
        for (const char c : body) chunks += std::string("1\r\n") + c + "\r\n";
        return chunks + "0\r\n\r\n";
      }());
  CHECK(door.send(bytes).status == 202);
}

TEST_CASE("a slow head or body is 408", "[webhooks][receiver]") {
  config::Config config = receiver_config();
  config.receiver.head_timeout = Milliseconds(50);
  config.receiver.body_timeout = Milliseconds(50);
  ReceiverFixture door(config);
  CHECK(door.send("POST /webhooks/support HTTP/1.1\r\nHost: loc").status == 408);
  CHECK(door.send("POST /webhooks/support HTTP/1.1\r\nHost: localhost\r\n"
                  "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
            .status == 408);
  CHECK(door.counted("unknown", "refused", "too_slow"));
}

TEST_CASE("ids beyond 2^53 keep every digit through the door", "[webhooks][receiver]") {
  ReceiverFixture door;
  json body = json::parse(chatwoot_body("message_created.incoming"));
  body["id"] = 9007199254740993;
  body["conversation"]["id"] = 9007199254740995;
  CHECK(door.deliver("support", body.dump()).status == 202);
  const Event shown = door.store.memory().appended_events().at(0);
  CHECK(shown.channel == "conversation:9007199254740995");
  CHECK(json::parse(shown.data)["messageId"] == "9007199254740993");
}

TEST_CASE("many deliveries on one connection keep their order", "[webhooks][receiver]") {
  ReceiverFixture door;
  test::RawClient client(door.receiver.port());
  for (int i = 0; i < 50; ++i) {
    const std::string id = std::to_string(i);
    REQUIRE(client.send(door.signed_post("shop", message(id), "d-" + id)));
    CHECK(client.response().status == 202);
  }
  const auto events = door.store.memory().appended_events();
  REQUIRE(events.size() == 50);
  for (int i = 0; i < 50; ++i) {
    CHECK(json::parse(events[static_cast<std::size_t>(i)].data)["messageId"] == std::to_string(i));
  }
}
