#include "publishers/token.h"

#include <string>

#include "core/hash.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::publishers;

namespace {

constexpr std::int64_t kNow = 1'795'255'200'000;

config::SigningKey key(const std::string& kid, char fill = 'k') {
  return {kid, config::Secret(std::string(32, fill))};
}

Claims claims() {
  Claims some;
  some.client_id = "customer-42";
  some.name = "Ann";
  some.role = "customer";
  some.issued_ms = kNow;
  some.expires_ms = kNow + 3'600'000;
  some.capability = {{"conversation:42", {"subscribe", "publish"}}};
  return some;
}

/// A token with any header and claims, rightly signed.
std::string forge(const std::string& header, const std::string& body) {
  const std::string text = base64url_encode(header) + "." + base64url_encode(body);
  return text + "." +
         base64url_encode(hmac(HashAlgorithm::kSha256, key("a").secret.reveal(), text));
}

constexpr const char* kHeader = R"({"alg":"HS256","kid":"a","typ":"JWT"})";

bool refused(const std::string& token) {
  const auto verified = verify_token(token, {key("a")}, kNow);
  if (verified) return false;
  CHECK((token.empty() || verified.error().message.find(token) == std::string::npos));
  return verified.error().code == ErrorCode::kUnauthorized;
}

std::string body_with(const std::string& fields) {
  return R"({"sub":"c","exp":1795258800)" + (fields.empty() ? "" : "," + fields) + "}";
}

}  // namespace

TEST_CASE("a signed token is verified and says what was signed", "[token]") {
  const std::string token = sign_token(claims(), key("a"));
  const auto verified = verify_token(token, {key("b", 'x'), key("a")}, kNow);
  REQUIRE(verified);
  CHECK(verified->client_id == "customer-42");
  CHECK(verified->name == "Ann");
  CHECK(verified->role == "customer");
  CHECK(verified->issued_ms == kNow);
  CHECK(verified->expires_ms == kNow + 3'600'000);
  CHECK(verified->capability == claims().capability);
}

TEST_CASE("a token made by another library is verified", "[token]") {
  const auto verified = verify_token(
      forge(
          R"({"typ":"JWT","alg":"HS256","kid":"a"})",
          R"({"sub":"u","role":"agent","iat":1795255200,"exp":1795258800,"cap":{"*":["history"]}})"),
      {key("a")}, kNow);
  REQUIRE(verified);
  CHECK(verified->role == "agent");
}

TEST_CASE("an expired token is told apart from a bad one", "[token]") {
  const std::string token = sign_token(claims(), key("a"));
  const auto at_expiry = verify_token(token, {key("a")}, kNow + 3'600'000);
  REQUIRE_FALSE(at_expiry);
  CHECK(at_expiry.error().code == ErrorCode::kStale);
  CHECK(verify_token(token, {key("a")}, kNow + 3'599'999));
}

TEST_CASE("tokens that were tampered with are refused", "[token]") {
  const std::string token = sign_token(claims(), key("a"));
  CHECK_FALSE(refused(token));
  CHECK(refused(""));
  CHECK(refused("a.b"));
  CHECK(refused("a.b.c"));
  CHECK(refused("a.b.c.d"));
  CHECK(refused(token + "A"));
  CHECK(refused(token.substr(0, token.size() - 1)));
  CHECK(refused(token.substr(0, token.rfind('.') + 1)));
  CHECK(refused(std::string(20000, 'x')));
  // Other claims under the same signature.
  const std::size_t first = token.find('.');
  CHECK(refused(token.substr(0, first + 1) + base64url_encode(body_with("")) +
                token.substr(token.rfind('.'))));
}

TEST_CASE("the key decides the algorithm, never the token", "[token]") {
  const std::string body = body_with("");
  CHECK_FALSE(refused(forge(kHeader, body)));
  CHECK(refused(forge(R"({"alg":"none","kid":"a"})", body)));
  CHECK(refused(forge(R"({"alg":"HS384","kid":"a"})", body)));
  CHECK(refused(forge(R"({"alg":"RS256","kid":"a"})", body)));
  CHECK(refused(forge(R"({"alg":"hs256","kid":"a"})", body)));
  CHECK(refused(forge(R"({"kid":"a"})", body)));
  const std::string unsigned_token =
      base64url_encode(R"({"alg":"none","kid":"a"})") + "." + base64url_encode(body) + ".";
  CHECK(refused(unsigned_token));
}

TEST_CASE("a wrong, missing or too short key refuses", "[token]") {
  CHECK(refused(forge(R"({"alg":"HS256","kid":"z"})", body_with(""))));
  CHECK(refused(forge(R"({"alg":"HS256"})", body_with(""))));
  CHECK_FALSE(verify_token(sign_token(claims(), key("a")), {key("a", 'z')}, kNow));
  const config::SigningKey weak{"a", config::Secret(std::string(31, 'k'))};
  CHECK_FALSE(verify_token(sign_token(claims(), weak), {weak}, kNow));
  CHECK_FALSE(verify_token(sign_token(claims(), key("a")), {}, kNow));
}

TEST_CASE("claims of the wrong shape are refused", "[token]") {
  CHECK(refused(forge(kHeader, "not json")));
  CHECK(refused(forge(kHeader, "[]")));
  CHECK(refused(forge(kHeader, R"({"exp":1795258800})")));
  CHECK(refused(forge(kHeader, R"({"sub":7,"exp":1795258800})")));
  CHECK(refused(forge(kHeader, R"({"sub":"c"})")));
  CHECK(refused(forge(kHeader, R"({"sub":"c","exp":"tomorrow"})")));
  CHECK(refused(forge(kHeader, R"({"sub":"c","exp":99999999999999})")));
  CHECK(refused(forge(kHeader, body_with(R"("role":"admin")"))));
  CHECK(refused(forge(kHeader, body_with(R"("iat":1795258000)"))));
  CHECK(refused(forge(kHeader, body_with(R"("cap":[])"))));
  CHECK(refused(forge(kHeader, body_with(R"("cap":{"a":"subscribe"})"))));
  CHECK(refused(forge(kHeader, body_with(R"("cap":{"a":["fly"]})"))));
  CHECK(refused(forge(kHeader, body_with(R"("cap":{"a*":["publish"]})"))));
  CHECK(refused(forge(kHeader, body_with(R"("cap":{"a::b":["publish"]})"))));
  CHECK(refused(forge(kHeader, R"({"sub":"c","sub":"d","exp":1795258800})")));
  CHECK(refused(forge(kHeader, R"({"sub":")" + std::string(129, 'x') + R"(","exp":1795258800})")));
}

TEST_CASE("the capability table", "[token][capability]") {
  struct Row {
    const char* resource;
    const char* channel;
    bool allowed;
  };
  const Row rows[] = {
      {"conversation:42", "conversation:42", true},
      {"conversation:42", "conversation:43", false},
      {"conversation:42", "conversation:42:internal", false},
      {"conversation:*", "conversation:42", true},
      {"conversation:*", "conversation:eu~42", true},
      {"conversation:*", "conversation", false},
      {"conversation:*", "conversation:42:internal", false},
      {"conversation:*:*", "conversation:42:internal", false},
      {"conversation:*:internal", "conversation:42:internal", true},
      {"conversation:42:internal", "conversation:42:internal", true},
      {"conversation:42:internal", "conversation:43:internal", false},
      {"*:internal", "conversation:42:internal", false},
      {"*", "conversation:42", true},
      {"*", "user:7", true},
      {"*", "a:b:c:d", true},
      {"*", "conversation:42:internal", false},
      {"*", "agents", false},
      {"*", "oncall", false},
      {"*", "ops", false},
      {"agents", "agents", true},
      {"oncall", "oncall", true},
      {"ops", "ops", true},
      {"ops", "agents", false},
      {"user:*", "user:7", true},
      {"user:*", "user:7:x", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.resource, row.channel);
    const Capability capability = {{row.resource, {"subscribe"}}};
    CHECK(allows(capability, row.channel, "subscribe") == row.allowed);
    CHECK_FALSE(allows(capability, row.channel, "publish"));
  }
  CHECK_FALSE(allows({}, "conversation:42", "subscribe"));
}

TEST_CASE("a ceiling covers what it names and nothing more", "[token][capability]") {
  const auto within = [](const char* asked, const char* ceiling) {
    return check_ceiling({{asked, {"subscribe"}}}, {{ceiling, {"subscribe", "history"}}})
        .has_value();
  };
  CHECK(within("conversation:42", "conversation:*"));
  CHECK(within("conversation:*", "conversation:*"));
  CHECK(within("conversation:*", "*"));
  CHECK(within("*", "*"));
  CHECK_FALSE(within("*", "conversation:*"));
  CHECK_FALSE(within("conversation:*", "conversation:42"));
  CHECK_FALSE(within("conversation:42:internal", "*"));
  CHECK_FALSE(within("conversation:42:internal", "conversation:*:*"));
  CHECK_FALSE(within("ops", "*"));
  CHECK(within("ops", "ops"));
  CHECK(within("conversation:42:internal", "conversation:*:internal"));
  CHECK_FALSE(check_ceiling({{"a", {"publish"}}}, {{"a", {"subscribe"}}}));
  CHECK(check_ceiling({{"ops", {"publish"}}}, {}));
}
