// Tokens of applications of the user's own: every way in which one may be wrong.

#include "publishers/issuer.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/hash.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::publishers;
using nlohmann::json;

namespace {

constexpr std::int64_t kNow = 1'795'255'200'000;
constexpr std::int64_t kNowS = kNow / 1000;
constexpr std::int64_t kDayMs = 86'400'000;
const std::string kSecret(32, 's');

const json& fixture() {
  static const json value = [] {
    std::ifstream file(DESKWIRE_FIXTURES "/tokens/tokens.json");
    return json::parse(file);
  }();
  return value;
}

std::string text_at(const char* key) { return fixture()[key].get<std::string>(); }

config::Issuer shop() {
  config::Issuer issuer;
  issuer.name = "shop";
  issuer.keys = {{"", SignatureAlgorithm::kHs256, config::Secret(kSecret), {}}};
  issuer.claims.client_id = "user_id";
  return issuer;
}

config::Issuer shop_with(SignatureAlgorithm algorithm, const char* pem, std::string kid = {}) {
  config::Issuer issuer = shop();
  issuer.keys = {{std::move(kid), algorithm, {}, config::Secret(text_at(pem))}};
  return issuer;
}

std::string forge(const json& claims, const json& header = {{"alg", "HS256"}},
                  const std::string& secret = kSecret) {
  const std::string text = base64url_encode(header.dump()) + "." + base64url_encode(claims.dump());
  return text + "." + base64url_encode(hmac(HashAlgorithm::kSha256, secret, text));
}

json claims_with(const json& more = json::object()) {
  json claims = {{"user_id", "ann"}, {"iat", kNowS}, {"exp", kNowS + 3600}};
  claims.update(more);
  return claims;
}

Result<Claims> verify(const config::Issuer& settings, const std::string& token,
                      std::int64_t now_ms = kNow) {
  const auto issuer = Issuer::make(settings, kDayMs);
  REQUIRE(issuer);
  const auto jwt = parse_jwt(token);
  if (!jwt) return fail(jwt.error());
  return issuer->verify(*jwt, now_ms);
}

/// Why it is refused; "(accepted)" when it is not.
std::string why(const config::Issuer& settings, const std::string& token,
                std::int64_t now_ms = kNow) {
  const auto claims = verify(settings, token, now_ms);
  if (claims) return "(accepted)";
  CHECK((token.empty() || claims.error().message.find(token) == std::string::npos));
  return claims.error().message;
}

std::string token_of(const char* name) { return fixture()["tokens"][name].get<std::string>(); }

}  // namespace

TEST_CASE("an application's token says who comes", "[issuer]") {
  const auto claims = verify(shop(), forge(claims_with({{"name", "Ann"}, {"role", "agent"}})));
  REQUIRE(claims);
  CHECK(claims->client_id == "ann");
  CHECK(claims->name == "Ann");
  CHECK(claims->role == "agent");
  CHECK(claims->issued_ms == kNow);
  CHECK(claims->expires_ms == kNow + 3'600'000 + 30'000);
  CHECK(claims->capability.empty());
  CHECK(claims->key != 0);
}

TEST_CASE("RS256 and ES256 are verified by a PEM key or a key set", "[issuer]") {
  for (const char* kid : {"", "r"}) {
    const auto claims =
        verify(shop_with(SignatureAlgorithm::kRs256, "rsa_pem", kid), token_of("rs256"));
    REQUIRE(claims);
    CHECK(claims->client_id == "42");
  }
  CHECK(verify(shop_with(SignatureAlgorithm::kEs256, "ec_pem"), token_of("es256")));
  config::Issuer set = shop();
  set.keys.clear();
  set.jwks = config::Secret(fixture()["jwks"].dump());
  set.issuer = "https://shop.example";
  set.audience = {"other", "deskwire"};
  CHECK(verify(set, token_of("rs256")));
  CHECK(verify(set, token_of("es256")));
  CHECK(verify(set, token_of("rs256_without_kid")));
}

TEST_CASE("the key's algorithm is the token's, whatever the token says", "[issuer]") {
  const auto rsa = shop_with(SignatureAlgorithm::kRs256, "rsa_pem", "r");
  const auto ec = shop_with(SignatureAlgorithm::kEs256, "ec_pem", "e");
  for (const char* name : {"hs256_with_rsa_pem", "rs256_says_hs256", "rs256_says_none", "rs512"}) {
    CAPTURE(name);
    CHECK(why(rsa, token_of(name)) == "token refused: algorithm is not the key's");
  }
  CHECK(why(ec, token_of("hs256_with_ec_pem")) == "token refused: algorithm is not the key's");
  CHECK(why(ec, token_of("es256_der")) == "token refused: bad signature");
  CHECK(why(ec, token_of("es256_by_stranger")) == "token refused: bad signature");
  CHECK(why(ec, token_of("rs256")) == "token refused: unknown kid");
  for (const char* algorithm : {"none", "None", "hs256", "HS384", ""}) {
    CAPTURE(algorithm);
    CHECK(why(shop(), forge(claims_with(), {{"alg", algorithm}})) ==
          "token refused: algorithm is not the key's");
  }
  CHECK(why(shop(), forge(claims_with(), json::object())) ==
        "token refused: algorithm is not the key's");
  const std::string unsigned_token =
      base64url_encode(R"({"alg":"none"})") + "." + base64url_encode(claims_with().dump()) + ".";
  CHECK(why(shop(), unsigned_token) == "token refused: algorithm is not the key's");
}

TEST_CASE("the kid chooses the key; without one every fitting key is tried", "[issuer]") {
  config::Issuer two = shop();
  const std::string other(32, 'o');
  two.keys = {{"old", SignatureAlgorithm::kHs256, config::Secret(other), {}},
              {"new", SignatureAlgorithm::kHs256, config::Secret(kSecret), {}}};
  CHECK(why(two, forge(claims_with(), {{"alg", "HS256"}, {"kid", "new"}})) == "(accepted)");
  CHECK(why(two, forge(claims_with())) == "(accepted)");
  CHECK(why(two, forge(claims_with(), {{"alg", "HS256"}, {"kid", "old"}})) ==
        "token refused: bad signature");
  CHECK(why(two, forge(claims_with(), {{"alg", "HS256"}, {"kid", "older"}})) ==
        "token refused: unknown kid");
  CHECK(why(two, forge(claims_with(), {{"alg", "HS256"}, {"kid", "../../dev/null"}})) ==
        "token refused: unknown kid");
}

TEST_CASE("a token that is no token is refused", "[issuer]") {
  const std::string good = forge(claims_with());
  CHECK(why(shop(), good) == "(accepted)");
  for (const std::string& bad :
       {std::string(), std::string("a.b"), std::string("a.b.c"), good + ".x", good + "=",
        good.substr(0, good.size() - 1), std::string(16385, 'x'), "." + good,
        good.substr(0, good.rfind('.') + 1), "%20" + good, good + "\n"}) {
    CHECK(why(shop(), bad) != "(accepted)");
  }
  CHECK(why(shop(), forge(claims_with({{"pad", std::string(16000, 'x')}}))) ==
        "token refused: too long");
  CHECK(why(shop(), forge(json::array())) == "token refused: the claims cannot be read");
  CHECK(why(shop(), forge(claims_with(), {{"alg", "HS256"}, {"crit", {"exp"}}})) ==
        "token refused: the header asks for an extension");
  CHECK(why(shop(), forge(claims_with(), {{"alg", "HS256"}}, std::string(32, 'x'))) ==
        "token refused: bad signature");
}

TEST_CASE("times are checked with the leeway", "[issuer]") {
  const auto at = [&](const json& more) { return why(shop(), forge(claims_with(more))); };
  CHECK(at({{"exp", kNowS - 29}}) == "(accepted)");
  CHECK(at({{"exp", kNowS - 30}}) == "token refused: expired");
  CHECK(at({{"exp", kNowS - 29.5}}) == "(accepted)");
  CHECK(at({{"nbf", kNowS + 30}}) == "(accepted)");
  CHECK(at({{"nbf", kNowS + 31}}) == "token refused: not valid yet (nbf)");
  CHECK(at({{"iat", kNowS + 30}}) == "(accepted)");
  CHECK(at({{"iat", kNowS + 31}}) == "token refused: issued in the future");
  for (const json& wrong : {json("tomorrow"), json(-1), json(1e300), json(nullptr), json(true),
                            json(INT64_MAX), json(1e12)}) {
    CAPTURE(wrong.dump());
    CHECK(at({{"exp", wrong}}) == "token refused: claim exp is missing or out of range");
    CHECK(at({{"nbf", wrong}}) == "token refused: claim nbf is out of range");
    CHECK(at({{"iat", wrong}}) == "token refused: claim iat is out of range");
  }
  json endless = claims_with();
  endless.erase("exp");
  CHECK(why(shop(), forge(endless)) == "token refused: claim exp is missing or out of range");
  const auto expired = verify(shop(), forge(claims_with({{"exp", kNowS - 100}})));
  CHECK(expired.error().code == ErrorCode::kStale);
  config::Issuer strict = shop();
  strict.leeway_s = 0;
  CHECK(why(strict, forge(claims_with({{"exp", kNowS}}))) == "token refused: expired");
}

TEST_CASE("no token lives longer than the longest life", "[issuer]") {
  const auto long_lived = verify(shop(), forge(claims_with({{"exp", kNowS + 10 * 86400}})));
  REQUIRE(long_lived);
  CHECK(long_lived->expires_ms == kNow + kDayMs + 30'000);
  CHECK(why(shop(), forge(claims_with({{"exp", kNowS + 10 * 86400}})), kNow + kDayMs + 30'000) ==
        "token refused: expired");
  json undated = claims_with({{"exp", kNowS + 86400}});
  undated.erase("iat");
  CHECK(why(shop(), forge(undated)) == "(accepted)");
  undated["exp"] = kNowS + 86401;
  CHECK(why(shop(), forge(undated)).starts_with("token refused: claim iat is missing"));
}

TEST_CASE("issuer and audience must be the configured ones", "[issuer]") {
  config::Issuer strict = shop();
  strict.issuer = "https://shop.example";
  strict.audience = {"deskwire", "chat"};
  const auto at = [&](const json& more) { return why(strict, forge(claims_with(more))); };
  CHECK(at({{"iss", "https://shop.example"}, {"aud", "chat"}}) == "(accepted)");
  CHECK(at({{"iss", "https://shop.example"}, {"aud", {"x", "deskwire"}}}) == "(accepted)");
  CHECK(at({{"iss", "https://evil.example"}, {"aud", "chat"}}) ==
        "token refused: claim iss is another issuer's");
  CHECK(at({{"aud", "chat"}}) == "token refused: claim iss is another issuer's");
  for (const json& audience : {json("x"), json::array(), json(7), json({{"chat", 1}}), json("")}) {
    CHECK(at({{"iss", "https://shop.example"}, {"aud", audience}}) ==
          "token refused: claim aud does not name this server");
  }
  CHECK(at({{"iss", "https://shop.example"}}) ==
        "token refused: claim aud does not name this server");
}

TEST_CASE("the claim map finds ids, names and roles", "[issuer]") {
  config::Issuer mapped = shop();
  mapped.claims = {"user.id", "profile.name", "https://shop.example/role", "cap"};
  mapped.agent_roles = {"support", "admin"};
  mapped.client_prefix = "shop-";
  const auto claims = verify(mapped, forge({{"user", {{"id", 42}}},
                                            {"profile", {{"name", "Ann"}}},
                                            {"https://shop.example/role", {"buyer", "support"}},
                                            {"iat", kNowS},
                                            {"exp", kNowS + 60}}));
  REQUIRE(claims);
  CHECK(claims->client_id == "shop-42");
  CHECK(claims->name == "Ann");
  CHECK(claims->role == "agent");
  CHECK(verify(shop(), forge(claims_with({{"role", "admin"}})))->role == "customer");
  CHECK(verify(shop(), forge(claims_with({{"role", 7}})))->role == "customer");
  CHECK(verify(shop(), forge(claims_with()))->name == "ann");
  for (const json& wrong :
       {json(""), json(nullptr), json(json::object()), json(1.5), json(std::string(129, 'x'))}) {
    CHECK(why(shop(), forge(claims_with({{"user_id", wrong}})))
              .starts_with("token refused: claim user_id is not an id"));
  }
  CHECK(why(shop(), forge(claims_with({{"name", std::string(257, 'x')}}))) ==
        "token refused: claim name is too long");
}

TEST_CASE("rights come from the claim or the template, below the ceiling", "[issuer]") {
  const json cap = {{"conversation:42", {"subscribe", "history"}}};
  CHECK(verify(shop(), forge(claims_with({{"cap", cap}})))->capability.size() == 1);
  CHECK(why(shop(), forge(claims_with({{"cap", "everything"}}))) ==
        "token refused: claim cap is no capability");
  CHECK(why(shop(), forge(claims_with({{"cap", {{"a*", {"publish"}}}}}))) ==
        "token refused: claim cap is no capability");
  config::Issuer fixed = shop();
  fixed.capability = {{"user:{clientId}", {"subscribe"}}, {"news", {"subscribe"}}};
  const auto claims = verify(fixed, forge(claims_with({{"cap", cap}})));
  REQUIRE(claims);
  CHECK(claims->capability == Capability{{"news", {"subscribe"}}, {"user:ann", {"subscribe"}}});
  config::Issuer low = shop();
  low.ceiling = {{"user:*", {"subscribe"}}};
  CHECK(why(low, forge(claims_with({{"cap", cap}}))) ==
        "token refused: it asks for more than the ceiling of issuer shop");
  CHECK(why(low, forge(claims_with({{"cap", {{"user:7", {"subscribe"}}}}}))) == "(accepted)");
}

TEST_CASE("no client id reaches beyond its place in a template", "[issuer]") {
  const Capability pattern = {{"conversation:{clientId}", {"subscribe"}}};
  for (const char* id : {"*", "42:internal", "{clientId}", "a b", "é", "..:ops", "", "x:*"}) {
    CAPTURE(id);
    const Capability filled = fill_template(pattern, id);
    REQUIRE(filled.size() == 1);
    CHECK(filled.begin()->first.starts_with("conversation:h-"));
    CHECK(validate_capability(filled));
    CHECK_FALSE(allows(filled, "conversation:42", "subscribe"));
    CHECK_FALSE(allows(filled, "conversation:42:internal", "subscribe"));
  }
  CHECK(fill_template(pattern, "ann.7") == Capability{{"conversation:ann.7", {"subscribe"}}});
}
