#include "core/net/http_message.h"

#include "core/net/http_text.h"
#include "tests/support/catch.h"

using namespace deskwire::net;

TEST_CASE("a query parameter is found and decoded", "[net][message]") {
  HttpRequest request;
  request.target = "/v1/ws?a=1&token=x%2By+z%zz&empty&a=2";
  CHECK(request.path() == "/v1/ws");
  CHECK(request.query("token") == "x+y z%zz");
  CHECK(request.query("a") == "1");
  CHECK(request.query("empty").empty());
  CHECK(request.query("missing").empty());
  request.target = "/plain";
  CHECK(request.path() == "/plain");
  CHECK(request.query("a").empty());
}

TEST_CASE("a header is found whatever its case, and counted", "[net][message]") {
  HttpRequest request;
  request.headers = {{"X-Signature", "one"}, {"x-signature", "two"}};
  CHECK(request.header("X-SIGNATURE") == "one");
  CHECK(request.header_count("x-Signature") == 2);
  CHECK(request.header("absent").empty());
}

TEST_CASE("an error body names code, message and field", "[net][message]") {
  const HttpResponse plain = error_response(40110, "signature \"refused\"");
  CHECK(plain.status == 401);
  CHECK(plain.body == R"({"error":{"code":40110,"message":"signature \"refused\""}})");
  CHECK(error_response(40001, "bad", "ttl").body ==
        R"({"error":{"code":40001,"message":"bad","field":"ttl"}})");
}

TEST_CASE("no header value can begin another header", "[net][message]") {
  HttpResponse response;
  response.headers = {{"Location", "/a\r\nSet-Cookie: x=1"}};
  std::string head;
  append_response_head(head, response, {});
  CHECK(head.find("Location: /a  Set-Cookie: x=1\r\n") != std::string::npos);
}

TEST_CASE("a list header is searched by whole tokens", "[net][message]") {
  CHECK(has_token("keep-alive, Upgrade", "upgrade"));
  CHECK(has_token("websocket", "WebSocket"));
  CHECK_FALSE(has_token("websockets", "websocket"));
  CHECK_FALSE(has_token("", "websocket"));
}
