#include "webhooks/outgoing_delivery.h"

#include "tests/support/catch.h"
#include "webhooks/authenticate.h"
#include "webhooks/source_scheme.h"

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

/// A generic source whose sender signs in another way than its type.
config::Source of_scheme(const char* scheme, const char* secret) {
  config::Source made =
      source(config::SourceType::kGeneric, config::SourceAuth::kSignature, secret);
  made.scheme = scheme;
  made.public_url = "https://hooks.example.com/in";
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
      source(SourceType::kChatwoot, SourceAuth::kHeader, "tok-123"),
      source(SourceType::kZendesk, SourceAuth::kSignature, "any text"),
      source(SourceType::kIntercom, SourceAuth::kSignature, "any text"),
      source(SourceType::kFront, SourceAuth::kSignature, "any text"),
      source(SourceType::kHelpScout, SourceAuth::kSignature, "any text"),
      source(SourceType::kZammad, SourceAuth::kSignature, "any text"),
      source(SourceType::kFreshdesk, SourceAuth::kSignature, "tok-123"),
      of_scheme("front-rule", "any text"),
      of_scheme("github", "any text"),
      of_scheme("github-sha1", "any text"),
      of_scheme("slack", "any text"),
      of_scheme("ably", "app.key:any text"),
      of_scheme("hubspot-v3", "any text"),
      of_scheme("standard-webhooks", "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="),
  };
  for (const config::Source& target : sources) {
    const auto delivery = prepare_delivery(target, "{}", "d-1", 1000);
    REQUIRE(delivery);
    net::HttpRequest request = request_of(*delivery, "{}");
    const SignatureScheme& scheme = scheme_of(target, request);
    CHECK(request.header("Content-Type") == "application/json");
    if (!scheme.delivery_header.empty()) CHECK(request.header(scheme.delivery_header) == "d-1");
    CHECK(authenticate(target, request, path_token(request), 1000, 300) == "none");

    config::Source stranger = target;
    stranger.secrets = {config::Secret(scheme.name == "ably" ? "a:b" : "whsec_AAAA")};
    CHECK(authenticate(stranger, request, path_token(request), 1000, 300) != "none");
    stranger.secrets.clear();
    CHECK(authenticate(stranger, request, path_token(request), 1000, 300) == "no_secret");
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
  const auto basic = source(SourceType::kChatwoot, SourceAuth::kBasic, "ann:secret");
  const auto judge = [&](net::Headers headers) {
    net::HttpRequest request;
    request.method = "POST";
    request.target = "/webhooks/support";
    request.headers = std::move(headers);
    return authenticate(basic, request, "", 1, 300);
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
  CHECK(authenticate(token, request, "", 1, 300) == "none");
  request.target = "/webhooks/support?token=tok";
  CHECK(authenticate(token, request, "", 1, 300) == "wrong_credentials");
  request.target = "/webhooks/support";
  CHECK(authenticate(token, request, "", 1, 300) == "missing_credentials");
  CHECK(authenticate(token, request, "tok 1", 1, 300) == "none");
}

TEST_CASE("the address that is signed is the one the sender knows", "[webhooks][authenticate]") {
  net::HttpRequest request;
  request.target = "/webhooks/hub?portal=1";
  request.headers = {{"Host", "hooks.example.com"}};
  config::Source hub = of_scheme("hubspot-v3", "x");
  CHECK(address_of(hub, request) == "https://hooks.example.com/in?portal=1");
  hub.public_url.clear();
  CHECK(address_of(hub, request) == "https://hooks.example.com/webhooks/hub?portal=1");
  const auto unknown = prepare_delivery(hub, "{}", "d", 1);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message.find("public_url") != std::string::npos);
}

TEST_CASE("a shared header is compared as a whole, with or without Bearer",
          "[webhooks][authenticate]") {
  config::Source desk =
      source(config::SourceType::kFreshdesk, config::SourceAuth::kSignature, "tok 1");
  const auto judge = [&](net::Headers headers) {
    net::HttpRequest request;
    request.headers = std::move(headers);
    return authenticate(desk, request, "", 1, 300);
  };
  CHECK(judge({{"x-deskwire-token", "tok 1"}}) == "none");
  CHECK(judge({{"X-Deskwire-Token", "tok 2"}}) == "wrong_credentials");
  CHECK(judge({{"X-Deskwire-Token", "tok"}}) == "wrong_credentials");
  CHECK(judge({{"X-Deskwire-Token", ""}}) == "missing_credentials");
  CHECK(judge({{"X-Deskwire-Token", "tok 1"}, {"X-Deskwire-Token", "tok 1"}}) == "repeated_header");
  CHECK(judge({}) == "missing_credentials");
  desk.auth_header = "Authorization";
  CHECK(judge({{"Authorization", "Bearer tok 1"}}) == "none");
  CHECK(judge({{"X-Deskwire-Token", "tok 1"}}) == "missing_credentials");
}

TEST_CASE("Front's two kinds of webhooks may post to one source", "[webhooks][authenticate]") {
  const auto front = source(config::SourceType::kFront, config::SourceAuth::kSignature, "key");
  for (const char* scheme : {"front-application", "front-rule"}) {
    config::Source one = front;
    one.scheme = scheme;
    const auto delivery = prepare_delivery(one, "{}", "d", 1000);
    REQUIRE(delivery);
    const auto request = request_of(*delivery, "{}");
    CHECK(scheme_of(front, request).name == scheme);
    CHECK(authenticate(front, request, "", 1000, 300) == "none");
  }
  config::Source application_only = front;
  application_only.scheme = "front-application";
  config::Source rule = front;
  rule.scheme = "front-rule";
  const auto by_rule = request_of(*prepare_delivery(rule, "{}", "d", 1000), "{}");
  CHECK(authenticate(application_only, by_rule, "", 1000, 300) == "missing_timestamp");
}
