#include "core/signature_key.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/hash.h"
#include "tests/support/catch.h"

using namespace deskwire;
using nlohmann::json;

namespace {

const json& fixture() {
  static const json value = [] {
    std::ifstream file(DESKWIRE_FIXTURES "/tokens/tokens.json");
    return json::parse(file);
  }();
  return value;
}

std::string text_at(const char* key) { return fixture()[key].get<std::string>(); }

/// The signature of a token of the fixture against a key.
bool verifies(const SignatureKey& key, const char* token_name) {
  const std::string token = fixture()["tokens"][token_name].get<std::string>();
  const std::size_t dot = token.rfind('.');
  const auto signature = base64url_decode(token.substr(dot + 1));
  REQUIRE(signature);
  return key.verify(token.substr(0, dot), *signature);
}

std::string refusal(const json& jwks) {
  const auto keys = parse_jwks(jwks.is_string() ? jwks.get<std::string>() : jwks.dump());
  return keys ? std::string("(accepted)") : keys.error().message;
}

}  // namespace

TEST_CASE("a key verifies signatures of its own algorithm only", "[signature_key]") {
  const auto rsa = SignatureKey::from_pem(SignatureAlgorithm::kRs256, text_at("rsa_pem"));
  const auto ec = SignatureKey::from_pem(SignatureAlgorithm::kEs256, text_at("ec_pem"));
  REQUIRE(rsa);
  REQUIRE(ec);
  CHECK(verifies(*rsa, "rs256"));
  CHECK_FALSE(verifies(*rsa, "es256"));
  CHECK_FALSE(verifies(*rsa, "hs256_with_rsa_pem"));
  CHECK_FALSE(verifies(*rsa, "rs512"));
  CHECK(verifies(*ec, "es256"));
  CHECK_FALSE(verifies(*ec, "es256_der"));
  CHECK_FALSE(verifies(*ec, "es256_by_stranger"));
  CHECK_FALSE(verifies(*ec, "hs256_with_ec_pem"));
  CHECK_FALSE(rsa->verify("x", ""));
  CHECK_FALSE(ec->verify("x", std::string(64, '\0')));
  CHECK(rsa->fingerprint() != ec->fingerprint());
}

TEST_CASE("a key that does not fit its algorithm is refused", "[signature_key]") {
  using Algorithm = SignatureAlgorithm;
  CHECK_FALSE(SignatureKey::from_pem(Algorithm::kEs256, text_at("rsa_pem")));
  CHECK_FALSE(SignatureKey::from_pem(Algorithm::kRs256, text_at("ec_pem")));
  CHECK_FALSE(SignatureKey::from_pem(Algorithm::kEs256, text_at("ec_p384_pem")));
  CHECK_FALSE(SignatureKey::from_pem(Algorithm::kRs256, text_at("rsa_small_pem")));
  CHECK_FALSE(SignatureKey::from_pem(Algorithm::kHs256, text_at("rsa_pem")));
  CHECK_FALSE(SignatureKey::from_pem(Algorithm::kRs256, "not pem"));
  CHECK_FALSE(SignatureKey::from_pem(Algorithm::kRs256, ""));
  const auto secret_part =
      SignatureKey::from_pem(Algorithm::kRs256, "-----BEGIN PRIVATE KEY-----\nMIIE\n");
  REQUIRE_FALSE(secret_part);
  CHECK(secret_part.error().message.find("private") != std::string::npos);
}

TEST_CASE("a public key is no shared secret", "[signature_key]") {
  CHECK_FALSE(SignatureKey::from_secret(text_at("rsa_pem")));
  CHECK_FALSE(SignatureKey::from_secret(std::string(31, 'k')));
  const auto key = SignatureKey::from_secret(std::string(32, 'k'));
  REQUIRE(key);
  CHECK(key->verify("text", hmac(HashAlgorithm::kSha256, std::string(32, 'k'), "text")));
  CHECK_FALSE(key->verify("text", hmac(HashAlgorithm::kSha256, std::string(32, 'l'), "text")));
  CHECK_FALSE(key->verify("text", ""));
}

TEST_CASE("a key set gives its usable keys", "[signature_key]") {
  const auto keys = parse_jwks(fixture()["jwks"].dump());
  REQUIRE(keys);
  REQUIRE(keys->size() == 2);
  CHECK((*keys)[0].kid == "r");
  CHECK((*keys)[0].key.algorithm() == SignatureAlgorithm::kRs256);
  CHECK(verifies((*keys)[0].key, "rs256"));
  CHECK((*keys)[1].kid == "e");
  CHECK(verifies((*keys)[1].key, "es256"));
  const json oct = {{"keys", {{{"kty", "oct"}, {"k", base64url_encode(std::string(32, 'k'))}}}}};
  REQUIRE(parse_jwks(oct.dump()));
  CHECK(parse_jwks(oct.dump())->front().key.algorithm() == SignatureAlgorithm::kHs256);
}

TEST_CASE("a broken key set is refused with what is wrong", "[signature_key]") {
  CHECK(refusal("nonsense") != "(accepted)");
  CHECK(refusal(json::array()) != "(accepted)");
  CHECK(refusal({{"keys", json::object()}}) != "(accepted)");
  CHECK(refusal({{"keys", json::array()}}) == "has no key for HS256, RS256 or ES256");
  CHECK(refusal({{"keys", {7}}}) == "keys[0] is no object");
  json set = fixture()["jwks"];
  set["keys"][0]["n"] = "AQAB";
  CHECK(refusal(set).starts_with("keys[0] "));
  set = fixture()["jwks"];
  set["keys"][0]["e"] = "AQ";  // An exponent of 1: the signature would be the message.
  CHECK(refusal(set) == "keys[0] its numbers make no key");
  set = fixture()["jwks"];
  set["keys"][1]["x"] = set["keys"][1]["y"];  // Beside the curve.
  CHECK(refusal(set) == "keys[1] its numbers make no key");
  set = fixture()["jwks"];
  set["keys"][1]["kid"] = "r";
  CHECK(refusal(set) == "keys[1] has a kid that is there twice");
  set = fixture()["jwks"];
  set["keys"][0]["d"] = "AQAB";
  CHECK(refusal(set).find("private") != std::string::npos);
  set = {{"keys", json::array()}};
  for (int i = 0; i < 101; ++i) set["keys"].push_back({{"kty", "OKP"}});
  CHECK(refusal(set) == "has more than 100 keys");
  CHECK(refusal({{"keys", {{{"kty", "oct"}, {"k", "c2hvcnQ"}}}}}).find("32") != std::string::npos);
}
