#include "webhooks/outgoing_delivery.h"

#include "tests/support/catch.h"
#include "webhooks/authenticate.h"
#include "webhooks/source_parser.h"

using namespace deskwire;
using namespace deskwire::webhooks;

namespace {

config::Source source(config::SourceType type, config::SourceAuth auth, const char* secret) {
  config::Source made;
  made.name = "support";
  made.type = type;
  made.auth = auth;
  made.secrets = {config::Secret(secret)};
  return made;
}

net::HttpRequest request_of(const OutgoingDelivery& delivery, std::string body) {
  net::HttpRequest request;
  request.method = "POST";
  request.target = delivery.target;
  request.headers = delivery.headers;
  request.body = std::move(body);
  return request;
}

std::string_view path_token(const net::HttpRequest& request) {
  const std::string_view path = request.path();
  const std::string_view start = "/webhooks/support/";
  return path.starts_with(start) ? path.substr(start.size()) : std::string_view{};
}

}  // namespace

TEST_CASE("a prepared delivery is let in by its own source", "[webhooks][outgoing]") {
  using config::SourceAuth;
  using config::SourceType;
  const std::vector<config::Source> sources{
      source(SourceType::kChatwoot, SourceAuth::kSignature, "any text"),
      source(SourceType::kGeneric, SourceAuth::kSignature,
             "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
      source(SourceType::kSandbox, SourceAuth::kSignature, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
      source(SourceType::kChatwoot, SourceAuth::kBasic, "ann:pass:word"),
      source(SourceType::kChatwoot, SourceAuth::kUrlToken, "tok-123"),
  };
  for (const config::Source& target : sources) {
    const auto delivery = prepare_delivery(target, "{}", "d-1", 1000);
    REQUIRE(delivery);
    const SignatureScheme& scheme = parser_for(target.type).scheme();
    net::HttpRequest request = request_of(*delivery, "{}");
    CHECK(request.header("Content-Type") == "application/json");
    CHECK(request.header(scheme.delivery_header) == "d-1");
    CHECK(authenticate(target, scheme, request, path_token(request), 1000, 300) == "none");

    config::Source stranger = target;
    stranger.secrets = {config::Secret("whsec_AAAA")};
    CHECK(authenticate(stranger, scheme, request, path_token(request), 1000, 300) != "none");
    stranger.secrets.clear();
    CHECK(authenticate(stranger, scheme, request, path_token(request), 1000, 300) == "no_secret");
  }
}

TEST_CASE("a source without a usable secret cannot send", "[webhooks][outgoing]") {
  using config::SourceAuth;
  using config::SourceType;
  config::Source none = source(SourceType::kChatwoot, SourceAuth::kSignature, "x");
  none.secrets.clear();
  CHECK(prepare_delivery(none, "{}", "d", 1).error().code == ErrorCode::kInvalid);
  const auto broken = prepare_delivery(
      source(SourceType::kGeneric, SourceAuth::kSignature, "not base64!"), "{}", "d", 1);
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == ErrorCode::kInvalid);
  CHECK(broken.error().message.find("not base64") == std::string::npos);
}

TEST_CASE("credentials that are missing, malformed or wrong have a name",
          "[webhooks][authenticate]") {
  using config::SourceAuth;
  using config::SourceType;
  const SignatureScheme& scheme = *find_scheme("chatwoot");
  const auto basic = source(SourceType::kChatwoot, SourceAuth::kBasic, "ann:secret");
  const auto judge = [&](net::Headers headers) {
    net::HttpRequest request;
    request.method = "POST";
    request.target = "/webhooks/support";
    request.headers = std::move(headers);
    return authenticate(basic, scheme, request, "", 1, 300);
  };
  CHECK(judge({{"authorization", "basic YW5uOnNlY3JldA=="}}) == "none");
  CHECK(judge({}) == "missing_credentials");
  CHECK(judge({{"Authorization", ""}}) == "missing_credentials");
  CHECK(judge({{"Authorization", "Bearer YW5uOnNlY3JldA=="}}) == "missing_credentials");
  CHECK(judge({{"Authorization", "Basic YW5uOnNlY3JldA"}}) == "wrong_credentials");
  CHECK(judge({{"Authorization", "Basic YW5uOndyb25n"}}) == "wrong_credentials");
  CHECK(judge({{"Authorization", "Basic YW5uOnNlY3JldA=="},
               {"Authorization", "Basic YW5uOnNlY3JldA=="}}) == "repeated_header");

  const auto token = source(SourceType::kChatwoot, SourceAuth::kUrlToken, "tok 1");
  net::HttpRequest request;
  request.target = "/webhooks/support?token=tok%201";
  CHECK(authenticate(token, scheme, request, "", 1, 300) == "none");
  request.target = "/webhooks/support?token=tok";
  CHECK(authenticate(token, scheme, request, "", 1, 300) == "wrong_credentials");
  request.target = "/webhooks/support";
  CHECK(authenticate(token, scheme, request, "", 1, 300) == "missing_credentials");
  CHECK(authenticate(token, scheme, request, "tok 1", 1, 300) == "none");
}
