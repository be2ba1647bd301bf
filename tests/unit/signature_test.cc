#include "webhooks/signature.h"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "config/signature_schemes.h"
#include "core/hash.h"
#include "core/timestamp.h"
#include "places.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::webhooks;
using config::Secret;

namespace {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(x) == std::tolower(y);
         });
}

/// A message whose pieces tests can bend.
struct Message {
  std::string body;
  HeaderList headers;
  std::string method = "POST";
  std::string uri = "/webhooks/support";

  SignedMessage view() const {
    return {method, uri, body, [this](std::string_view name) {
              std::vector<std::string_view> values;
              for (const auto& [key, value] : headers) {
                if (same_name(key, name)) values.emplace_back(value);
              }
              return values;
            }};
  }
  std::string& at(std::string_view name) {
    for (auto& [key, value] : headers) {
      if (same_name(key, name)) return value;
    }
    return headers.emplace_back(name, "").second;
  }
  void drop(std::string_view name) {
    std::erase_if(headers, [name](const auto& header) { return same_name(header.first, name); });
  }
};

std::vector<Secret> secrets(std::initializer_list<const char*> values) {
  std::vector<Secret> list;
  for (const char* value : values) list.emplace_back(value);
  return list;
}

const std::string kBody = R"({"event":"message_created","id":1,"content":"olá 👋"})";
constexpr std::int64_t kNow = 1781081200;
const std::string kPrivatePem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAKC/oYOQHfBzbumN\n"
    "cPuIUj6zqvphu9vdwGAkSzy6B9ff7H6Wyr9b87zFhbG/g5+XJlHTAbdsjxhJBfoE\n"
    "QgJ+l2DkLYhRTtodIwZXQndAplHzQ1n0GRu37GxZKOJ5XcaJIvN7vwfpU8Kmb+wW\n"
    "XUB6Gd92nfdkIgPW4dwhdBQiNkltAgMBAAECgYEAjcz92WTERFxPts8Cn6B9jLpJ\n"
    "VV3preZL0YOyqvsf+BqcMH8skum2dQt5CHd80McxEnUkyn2FLVMdZpNi93hcZ8J6\n"
    "AG03AQv+jYuChwImabx6gJw0rqSu+llCjfW7840uJnaPKHt2jU1LtXT/TIUoQ7/G\n"
    "bnkwZCtSvBYdWctw2rECQQDLutKZDK1unIDpN6yEcN1RKzYNsf1VONn1dg3MUkam\n"
    "hwfGPxPGpdH7y3TcD2YPYMrfu9zAF5725mSUAL+YJm+rAkEAyf3CLNhijNaBIl+o\n"
    "1I6spTFkwGLIwcH5+Lpu08ql6Lrm0THzoL6EBKvJW54+cBYe4VZXgL6UAmcXXpOe\n"
    "5KrzRwJBAMttoRxyLDtmytIVZY5ZpKSIIVFLiUqvmfQgDWcYQLPH4VtzYKvap/Jl\n"
    "FismtSJl5C3DyImHDJQ9OfEPTkD/IEECQAHWQPHPdfX57Wq2m/5y3bcS3+uv+kto\n"
    "zDEq4N8kNKYNLRQx9Bk+Ik04krg2lDLIwLcj5d/R2965uUiu5v8FXvkCQF2Ogszg\n"
    "NAAujwkxkXFrgaO47zds8rjde3ScM9lvoS4OvoyAO9SklgHO95itbJM/go1OMSXC\n"
    "FOiTbJot5WGTtiw=\n"
    "-----END PRIVATE KEY-----\n";

Message chatwoot_message() {
  return {kBody,
          {{"X-Chatwoot-Timestamp", "1781081200"},
           {"X-Chatwoot-Signature",
            "sha256=9e68c72db3b06e0de07bc83c91b0c1267c3e62bf971307d45bd587a262e51bdf"}}};
}

SignatureRefusal check(const Message& message, std::int64_t now = kNow,
                       const std::vector<Secret>& keys = secrets({"self-made-secret"})) {
  return verify(*find_scheme("chatwoot"), message.view(), keys, now, 300);
}

/// The second at which the vector was signed, so that old vectors stay inside the window.
std::int64_t time_of(const SignatureScheme& scheme, const Message& message) {
  if (scheme.time == TimeUnit::kNone) return 0;
  return *signed_at_s(scheme, message.view());
}

nlohmann::json read_vectors() {
  std::ifstream file(DESKWIRE_FIXTURES "/signatures/vectors.json");
  return nlohmann::json::parse(file);
}

Message message_of(const nlohmann::json& vector) {
  Message message{vector["body"], {}};
  message.method = vector.value("method", "POST");
  message.uri = vector.value("uri", "/");
  for (const auto& [key, value] : vector["headers"].items()) {
    message.headers.emplace_back(key, value);
  }
  return message;
}

Secret secret_of(const nlohmann::json& vector) {
  const char* const key = vector.contains("secret") ? "secret" : "public_key_pem";
  return Secret(vector.at(key).get<std::string>());
}

std::string fixture(const std::string& name) {
  std::ifstream file(DESKWIRE_FIXTURES "/signatures/freshchat/" + name, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Whatever is signed, bent a little, is refused for a reason of its own.
void check_variations(const SignatureScheme& scheme, const Message& good,
                      const std::vector<Secret>& keys, std::int64_t at) {
  const auto judge = [&](const Message& message) {
    return verify(scheme, message.view(), keys, at, 300);
  };
  for (const SignedPart& part : scheme.parts) {
    Message message = good;
    switch (part.kind) {
      case SignedPart::Kind::kBody:
        message.body += ' ';
        CHECK(judge(message) == SignatureRefusal::kMismatch);
        message.body = good.body.substr(1);
        CHECK(judge(message) == SignatureRefusal::kMismatch);
        break;
      case SignedPart::Kind::kMethod:
        message.method = "PATCH";
        CHECK(judge(message) == SignatureRefusal::kMismatch);
        break;
      case SignedPart::Kind::kUri:
        message.uri += "&x=1";
        CHECK(judge(message) == SignatureRefusal::kMismatch);
        break;
      case SignedPart::Kind::kHeader: {
        const bool time = part.text == scheme.timestamp_header;
        message.drop(part.text);
        CHECK(judge(message) ==
              (time ? SignatureRefusal::kMissingTimestamp : SignatureRefusal::kMissingHeader));
        if (time) break;
        message.at(part.text) = "another";
        CHECK(judge(message) == SignatureRefusal::kMismatch);
        break;
      }
      case SignedPart::Kind::kLiteral:
        break;
    }
  }
  Message message = good;
  message.drop(scheme.signature_header);
  CHECK(judge(message) == SignatureRefusal::kMissingSignature);
  message.at(scheme.signature_header) = "nonsense!";
  CHECK(judge(message) == SignatureRefusal::kMalformedSignature);
  message = good;
  message.headers.emplace_back(scheme.signature_header, "again");
  CHECK(judge(message) == SignatureRefusal::kRepeatedHeader);
  if (scheme.time != TimeUnit::kNone) {
    CHECK(verify(scheme, good.view(), keys, at + 301, 300) == SignatureRefusal::kStale);
    CHECK(verify(scheme, good.view(), keys, at - 301, 300) == SignatureRefusal::kFuture);
  }
  CHECK(verify(scheme, good.view(), {Secret("")}, at, 300) == SignatureRefusal::kNoSecret);
}

}  // namespace

TEST_CASE("every published and computed vector is judged as it should be",
          "[webhooks][signature]") {
  std::map<std::string, int> seen;
  int vectors = 0;
  for (const auto& vector : read_vectors()) {
    const std::string name = vector["scheme"];
    INFO(name << ": " << vector.value("note", vector.value("source", "")));
    const SignatureScheme* scheme = find_scheme(name);
    REQUIRE(scheme != nullptr);
    const Message message = message_of(vector);
    const std::vector<Secret> keys{secret_of(vector)};
    const std::int64_t at = time_of(*scheme, message);
    const SignatureRefusal refusal = verify(*scheme, message.view(), keys, at, 300);
    CHECK((refusal == SignatureRefusal::kNone) == vector["valid"].get<bool>());
    if (vector["valid"].get<bool>()) check_variations(*scheme, message, keys, at);
    ++seen[name];
    ++vectors;
  }
  CHECK(vectors == 16);
  CHECK(seen.size() == 13);
  CHECK(seen["zendesk"] == 2);
}

TEST_CASE("the config knows exactly the schemes of the table", "[webhooks][signature]") {
  for (const std::string_view name : config::kSignatureSchemes) {
    CAPTURE(name);
    REQUIRE(find_scheme(name) != nullptr);
    CHECK(find_scheme(name)->name == name);
  }
}

TEST_CASE("what we sign we accept, under every scheme", "[webhooks][signature]") {
  const std::map<std::string_view, std::string> special{
      {"standard-webhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
      {"ably", "appid.keyid:self-made-secret"},
      {"freshchat", kPrivatePem}};
  for (const std::string_view name : config::kSignatureSchemes) {
    CAPTURE(name);
    const SignatureScheme& scheme = *find_scheme(name);
    const auto found = special.find(name);
    const Secret key(found == special.end() ? "It's a Secret to Everybody" : found->second);
    Message message{kBody, {{"webhook-id", "msg_1"}}};
    if (scheme.time == TimeUnit::kIso8601) {
      message.at(scheme.timestamp_header) = "2026-06-10T08:46:40Z";
    } else if (scheme.time != TimeUnit::kNone) {
      const bool ms = scheme.time == TimeUnit::kMilliseconds;
      message.at(scheme.timestamp_header) = ms ? "1781081200123" : "1781081200";
    }
    CHECK(is_usable_secret(scheme, key));
    const Result<std::string> signature = sign(scheme, message.view(), key);
    REQUIRE(signature);
    message.at(scheme.signature_header) = *signature;
    CHECK(verify(scheme, message.view(), {key}, kNow, 300) == SignatureRefusal::kNone);
    message.body += ' ';
    CHECK(verify(scheme, message.view(), {key}, kNow, 300) == SignatureRefusal::kMismatch);
  }
}

TEST_CASE("an Ed25519 key and a shared one may verify the same list of signatures",
          "[webhooks][signature]") {
  const SignatureScheme& scheme = *find_scheme("standard-webhooks");
  const Secret secret_key("whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=");
  const Secret public_key("whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
  const Secret shared("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  Message message{kBody, {{"webhook-id", "msg_1"}, {"webhook-timestamp", "1781081200"}}};
  const auto asymmetric = sign(scheme, message.view(), secret_key);
  const auto symmetric = sign(scheme, message.view(), shared);
  REQUIRE(asymmetric);
  REQUIRE(symmetric);
  CHECK(asymmetric->starts_with("v1a,"));
  CHECK(sign(scheme, message.view(), public_key).error().code == ErrorCode::kUnsupported);

  const auto judge = [&](const std::string& value, const std::vector<Secret>& keys) {
    message.at("webhook-signature") = value;
    return verify(scheme, message.view(), keys, kNow, 300);
  };
  for (const Secret& key : {secret_key, public_key}) {
    CHECK(judge(*asymmetric, {key}) == SignatureRefusal::kNone);
    CHECK(judge(*symmetric + " " + *asymmetric, {key}) == SignatureRefusal::kNone);
    CHECK(judge(*symmetric, {key}) == SignatureRefusal::kMismatch);
    CHECK(is_usable_secret(scheme, key));
  }
  CHECK(judge(*asymmetric, {shared}) == SignatureRefusal::kMismatch);
  CHECK(judge(*asymmetric, {shared, public_key}) == SignatureRefusal::kNone);
  CHECK(judge("v1a," + asymmetric->substr(4, 40), {public_key}) ==
        SignatureRefusal::kMalformedSignature);
  CHECK(judge(*asymmetric, {Secret("whpk_AAAA")}) == SignatureRefusal::kNoSecret);
  message.body = "{}";
  CHECK(judge(*asymmetric, {public_key}) == SignatureRefusal::kMismatch);
}

TEST_CASE("Freshchat's key is read in each of the forms it is handed out in",
          "[webhooks][signature]") {
  const SignatureScheme& scheme = *find_scheme("freshchat");
  const std::string pem = fixture("fc.pem");
  Message message{fixture("fc.body"),
                  {{"X-Freshchat-Signature", base64_encode(fixture("fc.sig"))}}};
  std::string bare = pem.substr(pem.find('\n'));
  bare = bare.substr(0, bare.find("-----"));
  std::erase(bare, '\n');
  std::string written_out;
  for (const char c : pem) written_out += c == '\n' ? std::string("\\n") : std::string(1, c);
  for (const std::string& key :
       {pem, bare, written_out,
        "-----BEGIN RSA PUBLIC KEY-----" + bare + "-----END RSA PUBLIC KEY-----",
        "-----BEGIN RSA PUBLIC KEY----- " + bare + " -----END RSA PUBLIC KEY-----"}) {
    CAPTURE(key);
    CHECK(verify(scheme, message.view(), {Secret(key)}, kNow, 300) == SignatureRefusal::kNone);
  }
  for (const std::string& key :
       {std::string("-----BEGIN PUBLIC KEY-----"), bare.substr(4), pem.substr(0, 200),
        std::string("AAAA"), std::string(100000, 'A'), "-----BEGIN CERTIFICATE-----" + bare}) {
    CAPTURE(key.substr(0, 40));
    const auto refusal = verify(scheme, message.view(), {Secret(key)}, kNow, 300);
    CHECK((refusal == SignatureRefusal::kNoSecret || key.ends_with(bare)));
  }
  message.at("X-Freshchat-Signature") = base64_encode(std::string(256, 'x'));
  CHECK(verify(scheme, message.view(), {Secret(pem)}, kNow, 300) == SignatureRefusal::kMismatch);
}

TEST_CASE("HubSpot signs method and address, some characters of it decoded",
          "[webhooks][signature]") {
  const SignatureScheme& scheme = *find_scheme("hubspot-v3");
  const Secret key("client-secret");
  Message message{kBody, {{"X-HubSpot-Request-Timestamp", "1781081200123"}}};
  message.uri = "https://hooks.example.test/a?b=x%3Ay%2Fz%3F%40%21%24%27%28%29%2A%2C%3B%20%25";
  Message decoded = message;
  decoded.uri = "https://hooks.example.test/a?b=x:y/z?@!$'()*,;%20%25";
  CHECK(sign(scheme, message.view(), key).value() == sign(scheme, decoded.view(), key).value());
  decoded.uri = "https://hooks.example.test/a?b=x:y/z?@!$'()*,; %";
  CHECK(sign(scheme, message.view(), key).value() != sign(scheme, decoded.view(), key).value());
  message.at("X-HubSpot-Signature-v3") = *sign(scheme, message.view(), key);
  CHECK(verify(scheme, message.view(), {key}, kNow, 300) == SignatureRefusal::kNone);
  message.method = "PUT";
  CHECK(verify(scheme, message.view(), {key}, kNow, 300) == SignatureRefusal::kMismatch);
}

TEST_CASE("signing needs a usable secret and all signed headers", "[webhooks][signature]") {
  const SignatureScheme& scheme = *find_scheme("standard-webhooks");
  Message message{kBody, {{"webhook-id", "msg_1"}, {"webhook-timestamp", "1"}}};
  CHECK(sign(scheme, message.view(), Secret("whsec_not base64")).error().code ==
        ErrorCode::kInvalid);
  CHECK(sign(scheme, message.view(), Secret()).error().code == ErrorCode::kInvalid);
  message.drop("webhook-id");
  const auto unsigned_id = sign(scheme, message.view(), Secret("whsec_AAAA"));
  REQUIRE_FALSE(unsigned_id);
  CHECK(unsigned_id.error().message.find("missing_header") != std::string::npos);
}

TEST_CASE("a good Chatwoot signature is accepted, header names in any case",
          "[webhooks][signature]") {
  Message message = chatwoot_message();
  CHECK(check(message) == SignatureRefusal::kNone);
  message.headers = {{"x-chatwoot-timestamp", message.headers[0].second},
                     {"X-CHATWOOT-SIGNATURE", message.headers[1].second}};
  CHECK(check(message) == SignatureRefusal::kNone);
}

TEST_CASE("the signature header must be there, once and well-formed", "[webhooks][signature]") {
  const std::string good = chatwoot_message().headers[1].second;
  Message message = chatwoot_message();
  message.drop("X-Chatwoot-Signature");
  CHECK(check(message) == SignatureRefusal::kMissingSignature);

  message = chatwoot_message();
  message.headers.emplace_back("x-chatwoot-signature", good);
  CHECK(check(message) == SignatureRefusal::kRepeatedHeader);

  std::string upper = good;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  const std::vector<std::string> malformed{"sha256=",
                                           "sha256",
                                           good.substr(0, good.size() - 1),
                                           good.substr(0, good.size() - 2),
                                           good + "0",
                                           good + "00",
                                           good + " ",
                                           " " + good,
                                           good + "," + good,
                                           good + " " + good,
                                           good.substr(7),
                                           "sha1=" + good.substr(7),
                                           "SHA256=" + good.substr(7),
                                           "sha256=" + upper.substr(7),
                                           "sha256=" + std::string(64, 'g'),
                                           std::string("\xFF\x00\x01", 3),
                                           "v1," + good};
  for (const std::string& value : malformed) {
    CAPTURE(value);
    message = chatwoot_message();
    message.at("X-Chatwoot-Signature") = value;
    CHECK(check(message) == SignatureRefusal::kMalformedSignature);
  }
  message.at("X-Chatwoot-Signature") = "";
  CHECK(check(message) == SignatureRefusal::kMissingSignature);
  message.at("X-Chatwoot-Signature") = "sha256=" + std::string(64, '0');
  CHECK(check(message) == SignatureRefusal::kMismatch);
}

TEST_CASE("the timestamp must be there, once, a number and in the window",
          "[webhooks][signature]") {
  Message message = chatwoot_message();
  CHECK(check(message, kNow + 300) == SignatureRefusal::kNone);
  CHECK(check(message, kNow + 301) == SignatureRefusal::kStale);
  CHECK(check(message, kNow - 300) == SignatureRefusal::kNone);
  CHECK(check(message, kNow - 301) == SignatureRefusal::kFuture);

  message.headers.emplace_back("X-Chatwoot-Timestamp", "1781081200");
  CHECK(check(message) == SignatureRefusal::kRepeatedHeader);
  message = chatwoot_message();
  message.drop("X-Chatwoot-Timestamp");
  CHECK(check(message) == SignatureRefusal::kMissingTimestamp);
  for (const char* value : {"1781081200.5", "-1781081200", "+1781081200", " 1781081200", "now",
                            "0x6a29", "99999999999999999999", "2026-06-10T08:46:40Z"}) {
    CAPTURE(value);
    message = chatwoot_message();
    message.at("X-Chatwoot-Timestamp") = value;
    CHECK(check(message) == SignatureRefusal::kMalformedTimestamp);
  }
  // In the window, but not the one that was signed.
  message.at("X-Chatwoot-Timestamp") = "1781081201";
  CHECK(check(message) == SignatureRefusal::kMismatch);
}

TEST_CASE("any one of several secrets fits, and none is none", "[webhooks][signature]") {
  const Message message = chatwoot_message();
  CHECK(check(message, kNow, secrets({"old", "self-made-secret", "new"})) ==
        SignatureRefusal::kNone);
  CHECK(check(message, kNow, secrets({"old", "new"})) == SignatureRefusal::kMismatch);
  CHECK(check(message, kNow, {}) == SignatureRefusal::kNoSecret);
  CHECK(check(message, kNow, secrets({"", ""})) == SignatureRefusal::kNoSecret);
  CHECK(check(message, kNow, secrets({"", "self-made-secret"})) == SignatureRefusal::kNone);
}

TEST_CASE("one of several signatures fits; other versions are ignored", "[webhooks][signature]") {
  const SignatureScheme& scheme = *find_scheme("standard-webhooks");
  const std::string good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
  const std::string other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
  const auto judge = [&](const std::string& value) {
    const Message message{R"({"test": 2432232314})",
                          {{"webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"},
                           {"webhook-timestamp", "1614265330"},
                           {"webhook-signature", value}}};
    return verify(scheme, message.view(), secrets({"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}),
                  1614265330, 300);
  };
  CHECK(judge(good) == SignatureRefusal::kNone);
  CHECK(judge(other + " " + good) == SignatureRefusal::kNone);
  CHECK(judge("v1a,whatever " + good) == SignatureRefusal::kNone);
  CHECK(judge("v1,broken " + good) == SignatureRefusal::kNone);
  CHECK(judge(other) == SignatureRefusal::kMismatch);
  CHECK(judge("v2," + good.substr(3)) == SignatureRefusal::kMalformedSignature);
  CHECK(judge(good + "," + good) == SignatureRefusal::kMalformedSignature);
  std::string many;
  for (int i = 0; i < 100; ++i) many += other + " ";
  CHECK(judge(many + good) == SignatureRefusal::kMismatch);
}

TEST_CASE("a signed header that is missing or repeated is refused", "[webhooks][signature]") {
  const SignatureScheme& scheme = *find_scheme("standard-webhooks");
  Message message{R"({"test": 2432232314})",
                  {{"webhook-timestamp", "1614265330"},
                   {"webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}}};
  const auto keys = secrets({"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"});
  CHECK(verify(scheme, message.view(), keys, 1614265330, 300) == SignatureRefusal::kMissingHeader);
  message.headers.emplace_back("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
  CHECK(verify(scheme, message.view(), keys, 1614265330, 300) == SignatureRefusal::kNone);
  message.headers.emplace_back("webhook-id", "another");
  CHECK(verify(scheme, message.view(), keys, 1614265330, 300) == SignatureRefusal::kRepeatedHeader);
}

TEST_CASE("unknown schemes are not found", "[webhooks][signature]") {
  CHECK(find_scheme("") == nullptr);
  CHECK(find_scheme("Chatwoot") == nullptr);
}
