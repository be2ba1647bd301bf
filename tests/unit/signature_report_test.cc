#include "webhooks/signature_report.h"

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/support/receiver_fixture.h"
#include "webhooks/readmission.h"

using namespace deskwire;
using testing::receiver_config;
using webhooks::explain_signature;
using webhooks::RefusedDelivery;
using webhooks::SignatureReport;

namespace {

constexpr std::int64_t kNow = 1795255200;
const std::string kBody = R"({"event":"message_created","id":1})";

/// A delivery as the source's helpdesk would send it, signed with its first secret.
RefusedDelivery sent(const config::Source& source, const std::string& body = kBody,
                     std::int64_t signed_s = kNow) {
  const auto made = webhooks::prepare_delivery(source, body, "d-1", signed_s);
  REQUIRE(made);
  RefusedDelivery delivery;
  delivery.id = "01M7XT00000000000000000000";
  delivery.at_ms = kNow * 1000;
  delivery.source = source.name;
  delivery.method = "POST";
  delivery.target = made->target;
  delivery.headers = made->headers;
  delivery.body = body;
  return delivery;
}

const config::Config kConfig = receiver_config();
const config::Source& kSupport = kConfig.sources[0];

SignatureReport explain(const RefusedDelivery& delivery, const config::Config& config = kConfig) {
  return explain_signature(delivery, *config.find_source(delivery.source), config.sources, 300);
}

std::string detail(const SignatureReport& report, const std::string& part, bool ok) {
  for (const auto& one : report.parts) {
    if (one.part == part && one.ok == ok) return one.detail;
  }
  return "(no such part)";
}

void remove_header(RefusedDelivery& delivery, const std::string& name) {
  auto& headers = delivery.headers;
  headers.erase(std::remove_if(headers.begin(), headers.end(),
                               [&](const auto& header) { return header.first == name; }),
                headers.end());
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a rotated secret is told by its number, once the config has it", "[webhooks][report]") {
  config::Config rotated = kConfig;
  rotated.sources[0].secrets.insert(rotated.sources[0].secrets.begin(), config::Secret("newest"));
  const RefusedDelivery delivery = sent(rotated.sources[0]);
  const SignatureReport before = explain(delivery);
  CHECK(before.reason == "mismatch");
  CHECK(contains(detail(before, "secret", false), "fits none of 2"));
  CHECK(before.fitting_secrets.empty());
  const SignatureReport after = explain(delivery, rotated);
  CHECK(after.fits());
  CHECK(after.fitting_secrets == std::vector<std::size_t>{0});
  CHECK(detail(after, "secret", true) == "fits number 0 of 3");
}

TEST_CASE("staleness is told in seconds and does not stand in the way", "[webhooks][report]") {
  const SignatureReport late = explain(sent(kSupport, kBody, kNow - 1000));
  CHECK(late.fits());
  CHECK(contains(detail(late, "timestamp", false), "signed 1000 s before it arrived"));
  const SignatureReport early = explain(sent(kSupport, kBody, kNow + 400));
  CHECK(contains(detail(early, "timestamp", false), "signed 400 s after it arrived"));
  CHECK(contains(detail(explain(sent(kSupport)), "timestamp", true), "signed 0 s"));
}

TEST_CASE("missing, repeated and malformed headers are named", "[webhooks][report]") {
  RefusedDelivery delivery = sent(kSupport);
  remove_header(delivery, "X-Chatwoot-Signature");
  CHECK(contains(detail(explain(delivery), "signature", false), "X-Chatwoot-Signature is missing"));
  delivery = sent(kSupport);
  delivery.headers.emplace_back("x-chatwoot-signature", "sha256=00");
  CHECK(contains(detail(explain(delivery), "signature", false), "several times"));
  delivery = sent(kSupport);
  remove_header(delivery, "X-Chatwoot-Signature");
  delivery.headers.emplace_back("X-Chatwoot-Signature", "sha256=XYZ");
  CHECK(contains(detail(explain(delivery), "signature", false), "form of the scheme"));
  delivery = sent(kSupport);
  remove_header(delivery, "X-Chatwoot-Timestamp");
  CHECK(contains(detail(explain(delivery), "timestamp", false), "is missing"));
  delivery.headers.emplace_back("X-Chatwoot-Timestamp", "yesterday");
  CHECK(contains(detail(explain(delivery), "timestamp", false), "no time"));
}

TEST_CASE("what a proxy does to a body is found out", "[webhooks][report]") {
  const auto changed = [](const std::string& body) {
    RefusedDelivery delivery = sent(kSupport);
    delivery.body = body;
    return explain(delivery);
  };
  CHECK(contains(detail(changed(kBody + "\n"), "body", false), "a line end was added"));
  CHECK(contains(detail(changed(R"({ "event": "message_created", "id": 1 })"), "body", false),
                 "written anew"));
  const SignatureReport other = changed(R"({"event":"message_created","id":2})");
  CHECK(contains(detail(other, "body", true), "no change that we know"));
  CHECK_FALSE(other.fits());
  RefusedDelivery cut = sent(kSupport, kBody + "\n");
  cut.body = kBody;
  CHECK(contains(detail(explain(cut), "body", false), "a line end was cut off"));
}

TEST_CASE("a helpdesk that posts to another source's URL is found out", "[webhooks][report]") {
  config::Config config = kConfig;
  config.sources[4].auth = config::SourceAuth::kSignature;
  RefusedDelivery delivery = sent(config.sources[4]);
  delivery.source = "support";
  CHECK(contains(detail(explain(delivery, config), "secret", false),
                 "fits number 0 of source macro"));
}

TEST_CASE("credentials other than signatures are checked too", "[webhooks][report]") {
  for (const std::size_t index : {std::size_t{3}, std::size_t{4}}) {
    config::Config config = kConfig;
    const RefusedDelivery delivery = sent(config.sources[index]);
    CHECK(explain(delivery, config).fits());
    config.sources[index].secrets = {config::Secret("another:one")};
    const SignatureReport report = explain(delivery, config);
    CHECK(report.reason == "wrong_credentials");
    CHECK(contains(detail(report, "secret", false), "fits none of 1"));
  }
}

TEST_CASE("no report holds a secret, a signature or the body", "[webhooks][report]") {
  RefusedDelivery delivery = sent(kSupport);
  delivery.body = "{\"word\":\"confidential\"}";
  std::string all;
  for (const auto& part : explain(delivery).parts) all += part.detail;
  for (const char* secret : {"new-secret", "old-secret", "sha256=", "confidential"}) {
    CHECK_FALSE(contains(all, secret));
  }
}

TEST_CASE("what is signed well but cannot be read is said not to fit", "[webhooks][report]") {
  const auto explained = [](const RefusedDelivery& delivery, const config::Config& config) {
    return webhooks::explain_readmission(delivery, *config.find_source(delivery.source),
                                         config.sources, {}, 300);
  };
  RefusedDelivery delivery = sent(kSupport, "no json");
  const SignatureReport broken = explained(delivery, kConfig);
  CHECK_FALSE(broken.fits());
  CHECK(broken.reason == "not_json");
  CHECK(detail(broken, "secret", true) == "fits number 0 of 2");
  CHECK(contains(detail(broken, "content", false), "line 1"));
  CHECK_FALSE(contains(detail(broken, "content", false), "Content-Encoding"));
  delivery.headers.emplace_back("Content-Encoding", "gzip");
  CHECK(contains(detail(explained(delivery, kConfig), "content", false), "Content-Encoding"));

  delivery = sent(kSupport, testing::chatwoot_body("message_created.incoming"));
  CHECK(explained(delivery, kConfig).fits());
  config::Config other = kConfig;
  other.sources[0].account_id = "7";
  CHECK(explained(delivery, other).reason == "other_account");
  delivery.body += " ";
  CHECK(explained(delivery, kConfig).reason == "mismatch");
}

TEST_CASE("only what fits today is taken in after all", "[webhooks][report]") {
  RefusedDelivery delivery =
      sent(kSupport, testing::chatwoot_body("message_created.incoming"), kNow - 100000);
  const auto taken = webhooks::readmit(delivery, kConfig.sources, {});
  REQUIRE(taken);
  CHECK(taken->context.delivery_id == "d-1");
  CHECK(taken->context.now_ms == delivery.at_ms);
  CHECK(taken->request(delivery.body).kind == "reply");

  const auto code = [](const RefusedDelivery& refused, const config::Config& config) {
    const auto result = webhooks::readmit(refused, config.sources, {});
    REQUIRE_FALSE(result);
    return result.error().code;
  };
  RefusedDelivery forged = delivery;
  forged.body += " ";
  CHECK(code(forged, kConfig) == ErrorCode::kUnauthorized);
  CHECK(code(sent(kSupport, "no json"), kConfig) == ErrorCode::kInvalid);
  config::Config other = kConfig;
  other.sources[0].account_id = "7";
  CHECK(code(delivery, other) == ErrorCode::kConflict);
  other.sources.erase(other.sources.begin());
  CHECK(code(delivery, other) == ErrorCode::kNotFound);
}
