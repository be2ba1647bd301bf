#include "publishers/dialects/plain_protocol.h"

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::publishers;

namespace {

/// The code of the refusal; 4002 when nobody could be answered; 0 when it was understood.
int code_of(std::string_view text) {
  const auto command = plain::parse_command(text);
  if (command) return 0;
  return command.error().id ? static_cast<int>(command.error().refusal.code) : 4002;
}

std::string field_of(std::string_view text) {
  const auto command = plain::parse_command(text);
  return command ? "" : command.error().refusal.field;
}

}  // namespace

TEST_CASE("every verb is understood", "[plain]") {
  for (
      const char* text : {
          R"({"id":1,"connect":{"token":"t"}})",
          R"({"id":2,"subscribe":{"channel":"conversation:42"}})",
          R"({"id":2,"subscribe":{"channel":"conversation:42","recover":{"epoch":"k3","offset":17}}})",
          R"({"id":3,"publish":{"channel":"conversation:42","event":"typing:start","data":{}}})",
          R"({"id":3,"publish":{"channel":"conversation:42","event":"typing:start"}})",
          R"({"id":4,"send":{"channel":"conversation:42","content":"Hello"}})",
          R"({"id":4,"send":{"channel":"c:1","content":"x","clientMessageId":"c-1","simulate":{}}})",
          R"({"id":5,"history":{"channel":"conversation:42","limit":50,"before":18}})",
          R"({"id":6,"presence":{"channel":"c:1"}})",
          R"({"id":7,"enter":{"channel":"c:1","data":{}}})",
          R"({"id":8,"update":{"channel":"c:1"}})",
          R"({"id":9,"leave":{"channel":"c:1"}})",
          R"({"id":10,"unsubscribe":{"channel":"c:1"}})",
          R"({"id":11,"refresh":{"token":"t"}})",
          R"({"ping":{},"id":12})",
          R"({"id":9007199254740991,"ping":{"unknown":"fields are ignored"}})",
      }) {
    CAPTURE(text);
    CHECK(code_of(text) == 0);
  }
}

TEST_CASE("without a usable id the frame is not understood", "[plain]") {
  for (const char* text :
       {"", "x", "[]", "7", "null", "\"text\"", "{}", R"({"ping":{}})", R"({"id":0,"ping":{}})",
        R"({"id":-1,"ping":{}})", R"({"id":1.5,"ping":{}})", R"({"id":"1","ping":{}})",
        R"({"id":null,"ping":{}})", R"({"id":9007199254740992,"ping":{}})", R"({"id":1,"ping":{})",
        R"({"id":1,"ping":{}}{"id":2,"ping":{}})", "{\"id\":1,\"ping\":{}}\n{\"id\":2}"}) {
    CAPTURE(text);
    CHECK(code_of(text) == 4002);
  }
  const std::string deep = R"({"id":1,"ping":)" + std::string(100000, '[');
  CHECK(code_of(deep) == 4002);
}

TEST_CASE("malformed commands are answered by their kind of mistake", "[plain]") {
  CHECK(code_of(R"({"id":1,"fly":{}})") == 40000);
  CHECK(code_of(R"({"id":1})") == 40020);
  CHECK(code_of(R"({"id":1,"ping":{},"leave":{"channel":"a"}})") == 40020);
  CHECK(code_of(R"({"id":1,"ping":[]})") == 40020);
  CHECK(code_of(R"({"id":1,"ping":null})") == 40020);
  CHECK(code_of(R"({"id":1,"subscribe":"conversation:42"})") == 40020);
}

TEST_CASE("every bad field is named", "[plain]") {
  const std::string long_text(70000, 'x');
  struct Row {
    std::string text;
    const char* field;
  };
  const Row rows[] = {
      {R"({"id":1,"connect":{}})", "token"},
      {R"({"id":1,"connect":{"token":7}})", "token"},
      {R"({"id":1,"connect":{"token":""}})", "token"},
      {R"({"id":1,"refresh":{}})", "token"},
      {R"({"id":1,"connect":{"token":")" + long_text + R"("}})", "token"},
      {R"({"id":1,"subscribe":{}})", "channel"},
      {R"({"id":1,"subscribe":{"channel":""}})", "channel"},
      {R"({"id":1,"subscribe":{"channel":"a b"}})", "channel"},
      {R"({"id":1,"subscribe":{"channel":"a::b"}})", "channel"},
      {R"({"id":1,"subscribe":{"channel":"*"}})", "channel"},
      {R"({"id":1,"subscribe":{"channel":["a"]}})", "channel"},
      {R"({"id":1,"subscribe":{"channel":"a","recover":null}})", "recover"},
      {R"({"id":1,"subscribe":{"channel":"a","recover":{"epoch":"e"}}})", "recover"},
      {R"({"id":1,"subscribe":{"channel":"a","recover":{"offset":1}}})", "recover"},
      {R"({"id":1,"subscribe":{"channel":"a","recover":{"epoch":"e","offset":-1}}})", "recover"},
      {R"({"id":1,"subscribe":{"channel":"a","recover":{"epoch":"e","offset":"1"}}})", "recover"},
      {R"({"id":1,"unsubscribe":{}})", "channel"},
      {R"({"id":1,"publish":{"event":"read"}})", "channel"},
      {R"({"id":1,"publish":{"channel":"a"}})", "event"},
      {R"({"id":1,"publish":{"channel":"a","event":""}})", "event"},
      {R"({"id":1,"publish":{"channel":"a","event":"read","data":[]}})", "data"},
      {R"({"id":1,"publish":{"channel":"a","event":"read","data":null}})", "data"},
      {R"({"id":1,"send":{"content":"x"}})", "channel"},
      {R"({"id":1,"send":{"channel":"a"}})", "content"},
      {R"({"id":1,"send":{"channel":"a","content":""}})", "content"},
      {R"({"id":1,"send":{"channel":"a","content":7}})", "content"},
      {R"({"id":1,"send":{"channel":"a","content":"x","clientMessageId":7}})", "clientMessageId"},
      {R"({"id":1,"send":{"channel":"a","content":"x","clientMessageId":""}})", "clientMessageId"},
      {R"({"id":1,"send":{"channel":"a","content":"x","simulate":1}})", "simulate"},
      {R"({"id":1,"history":{}})", "channel"},
      {R"({"id":1,"history":{"channel":"a","limit":0}})", "limit"},
      {R"({"id":1,"history":{"channel":"a","limit":201}})", "limit"},
      {R"({"id":1,"history":{"channel":"a","limit":"9"}})", "limit"},
      {R"({"id":1,"history":{"channel":"a","before":-1}})", "before"},
      {R"({"id":1,"history":{"channel":"a","after":1.5}})", "after"},
      {R"({"id":1,"history":{"channel":"a","before":1,"after":1}})", "after"},
      {R"({"id":1,"presence":{}})", "channel"},
      {R"({"id":1,"enter":{}})", "channel"},
      {R"({"id":1,"enter":{"channel":"a","data":"x"}})", "data"},
      {R"({"id":1,"update":{"channel":"a","data":7}})", "data"},
      {R"({"id":1,"leave":{}})", "channel"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text.substr(0, 100));
    CHECK(code_of(row.text) == 40001);
    CHECK(field_of(row.text) == row.field);
  }
}

TEST_CASE("a known position is read from recover", "[plain]") {
  const auto command = plain::parse_command(
      R"({"id":2,"subscribe":{"channel":"a","recover":{"epoch":"k3","offset":17}}})");
  REQUIRE(command);
  const auto& subscribe = std::get<plain::Subscribe>(command->verb);
  REQUIRE(subscribe.recover);
  CHECK(subscribe.recover->epoch == "k3");
  CHECK(subscribe.recover->offset == 17);
}

TEST_CASE("replies look as the contract writes them", "[plain]") {
  CHECK(plain::encode_ok(3, R"({"id":"x","offset":19})") ==
        R"({"id":3,"ok":{"id":"x","offset":19}})");
  const auto error = nlohmann::json::parse(plain::encode_error(
      3, {ReplyCode::kCapabilityDenied, "capability denied: publish on conversation:7"}));
  CHECK(error == nlohmann::json::parse(R"({"id":3,"error":{"code":40160,
      "message":"capability denied: publish on conversation:7"}})"));
  const auto rate = nlohmann::json::parse(
      plain::encode_error(4, {ReplyCode::kRate, "too many", "", Milliseconds(20)}));
  CHECK(rate["error"]["retry_after_ms"] == 20);
  CHECK(plain::encode_disconnect(CloseCode::kSlowConsumer, "slow consumer") ==
        R"({"disconnect":{"code":4008,"reason":"slow consumer","reconnect":true}})");
  CHECK(plain::encode_disconnect(CloseCode::kNotUnderstood, "x") ==
        R"({"disconnect":{"code":4002,"reason":"x","reconnect":false}})");
  CHECK(plain::encode_push("{}") == R"({"push":{}})");
}
