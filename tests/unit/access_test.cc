#include "publishers/access.h"

#include <string>

#include "publishers/gatekeeper.h"
#include "publishers/rest.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"

using namespace deskwire;
using namespace deskwire::publishers;

namespace {

net::HttpRequest request_with(net::Headers headers, std::string target = "/v1/ws") {
  net::HttpRequest request;
  request.method = "GET";
  request.target = std::move(target);
  request.headers = std::move(headers);
  request.peer_address = "127.0.0.1";
  return request;
}

/// What the gatekeeper says at the Unix time of one second.
Answer<Principal> admit(const config::Gateway& settings, const net::HttpRequest& request) {
  const testing::ManualClock clock(1000);
  Metrics metrics;
  Gatekeeper gatekeeper(settings, {}, clock, metrics);
  return gatekeeper.admit(request, nullptr, {}).value();
}

}  // namespace

TEST_CASE("pages pass by the allow-list or by coming from this host", "[access]") {
  config::Gateway settings;
  settings.origins = {"https://shop.example"};
  const auto allowed = [&](net::Headers headers) {
    return origin_allowed(request_with(std::move(headers)), settings);
  };
  CHECK(allowed({{"Host", "localhost:8081"}}));
  CHECK(allowed({{"Host", "localhost:8081"}, {"Origin", "https://shop.example"}}));
  CHECK(allowed({{"Host", "localhost:8081"}, {"Origin", "HTTPS://Shop.example"}}));
  CHECK(allowed({{"Host", "localhost:8081"}, {"Origin", "http://localhost:8081"}}));
  CHECK_FALSE(allowed({{"Host", "localhost:8081"}, {"Origin", "http://localhost:8080"}}));
  CHECK_FALSE(allowed({{"Host", "localhost:8081"}, {"Origin", "https://evil.example"}}));
  CHECK_FALSE(allowed({{"Host", "localhost:8081"}, {"Origin", "null"}}));
  CHECK_FALSE(allowed({{"Host", "localhost:8081"}, {"Origin", ""}}));
  CHECK_FALSE(allowed({{"Host", "localhost:8081"}, {"Origin", "https://shop.example.evil"}}));
}

TEST_CASE("a credential is a token or a server key", "[access]") {
  config::Gateway settings;
  settings.keys = {{"a", config::Secret(std::string(32, 'k'))}};
  settings.server_keys = {{config::Secret("server-key-1"), {{"user:*", {"publish"}}}},
                          {config::Secret("server-key-2"), {}}};
  const auto ask = [&](const std::string& credential, bool in_url = false) {
    return admit(settings, in_url ? request_with({}, "/v1/x?token=" + credential)
                                  : request_with({{"Authorization", "Bearer " + credential}}));
  };
  Claims claims;
  claims.client_id = "c";
  claims.role = "customer";
  claims.expires_ms = 60000;
  const std::string token = sign_token(claims, settings.keys[0]);

  REQUIRE(ask(token));
  CHECK_FALSE(ask(token)->server);
  CHECK(ask(token, true)->claims.client_id == "c");
  CHECK(ask("server-key-2")->server);
  CHECK(ask("server-key-2")->can("ops", "publish"));
  CHECK(ask("server-key-1")->can("user:7", "publish"));
  CHECK_FALSE(ask("server-key-1")->can("ops", "publish"));
  CHECK(ask("server-key-3").error().code == ReplyCode::kTokenRefused);
  CHECK(ask("").error().code == ReplyCode::kTokenRefused);
  claims.expires_ms = 1000;
  CHECK(ask(sign_token(claims, settings.keys[0])).error().code == ReplyCode::kTokenExpired);
}

TEST_CASE("an empty server key lets nobody in", "[access]") {
  config::Gateway settings;
  settings.server_keys = {{config::Secret(""), {}}};
  CHECK_FALSE(admit(settings, request_with({{"Authorization", "Bearer "}})));
  CHECK_FALSE(admit(settings, request_with({})));
}

TEST_CASE("path segments are percent-decoded", "[access]") {
  CHECK(decode_segment("conversation%3A42") == "conversation:42");
  CHECK(decode_segment("a~b") == "a~b");
  CHECK_FALSE(decode_segment("a%3"));
  CHECK_FALSE(decode_segment("a%"));
  CHECK_FALSE(decode_segment("a%zz"));
  CHECK_FALSE(decode_segment("a%+1"));
}
