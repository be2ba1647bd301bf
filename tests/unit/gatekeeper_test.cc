// Who is let in, by which key, and who may not stay.

#include "publishers/gatekeeper.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "core/hash.h"
#include "publishers/rights_lookup.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_stream.h"

using namespace deskwire;
using namespace deskwire::publishers;
using deskwire::test::ManualLoop;
using nlohmann::json;

namespace {

const std::string kSecret(32, 's');

/// What the services of a test answer, and what they were asked.
struct Script {
  std::mutex mutex;
  std::deque<Result<RightsService::Reply>> replies;
  std::vector<std::string> bodies;
  RightsService::Headers headers;
};

class ScriptedService final : public RightsService {
 public:
  explicit ScriptedService(Script& script) : script_(script) {}
  Result<Reply> post(const Headers& headers, const std::string& body) override {
    const std::lock_guard lock(script_.mutex);
    script_.bodies.push_back(body);
    script_.headers = headers;
    if (script_.replies.empty()) return fail(ErrorCode::kUnavailable, "no such host");
    auto reply = std::move(script_.replies.front());
    script_.replies.pop_front();
    return reply;
  }
  void stop() override {}

 private:
  Script& script_;
};

config::Issuer shop() {
  config::Issuer issuer;
  issuer.name = "shop";
  issuer.keys = {{"", SignatureAlgorithm::kHs256, config::Secret(kSecret), {}}};
  issuer.capability = {{"user:{clientId}", {"subscribe"}}};
  return issuer;
}

struct Bench {
  explicit Bench(config::Gateway wanted = {}) : settings(std::move(wanted)) {
    if (settings.keys.empty()) settings.keys = {{"a", config::Secret(std::string(32, 'k'))}};
    gatekeeper.emplace(
        settings,
        [this](const config::RightsCallback&) { return std::make_unique<ScriptedService>(script); },
        clock, metrics);
  }

  std::string own(const std::string& client_id = "ann") const {
    Claims claims;
    claims.client_id = client_id;
    claims.role = "customer";
    claims.issued_ms = clock.wall_ms();
    claims.expires_ms = clock.wall_ms() + 60'000;
    return sign_token(claims, settings.keys.front());
  }
  std::string of_shop(json more = json::object()) const {
    json claims = {
        {"sub", "ann"}, {"iat", clock.wall_ms() / 1000}, {"exp", clock.wall_ms() / 1000 + 600}};
    claims.update(more);
    const std::string text =
        base64url_encode(R"({"alg":"HS256"})") + "." + base64url_encode(claims.dump());
    return text + "." + base64url_encode(hmac(HashAlgorithm::kSha256, kSecret, text));
  }
  /// The answer, now or when it comes.
  Answer<Principal> admit(const std::string& token) {
    std::optional<Answer<Principal>> late;
    if (auto now = gatekeeper->admit(token, gate,
                                     [&](Answer<Principal> answer) { late = std::move(answer); })) {
      return *now;
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!late && std::chrono::steady_clock::now() < end) {
      loop.run();
      std::this_thread::yield();
    }
    REQUIRE(late);
    return *late;
  }

  Script script;
  testing::ManualClock clock;
  Metrics metrics;
  ManualLoop loop;
  LoopGatePtr gate = std::make_shared<LoopGate>(loop);
  config::Gateway settings;
  std::optional<Gatekeeper> gatekeeper;
};

config::Gateway with_callback() {
  config::Gateway settings;
  config::Issuer issuer = shop();
  issuer.capability.clear();
  issuer.rights.url = "http://shop.example/rights";
  issuer.rights.secret = config::Secret("whsec_" + base64_encode(kSecret));
  settings.issuers = {issuer};
  return settings;
}

RightsService::Reply granted(
    const std::string& body = R"({"capability":{"user:ann":["subscribe"]}})") {
  return {200, body};
}

}  // namespace

TEST_CASE("our own tokens and an issuer's are let in side by side", "[gatekeeper]") {
  config::Gateway settings;
  settings.issuers = {shop()};
  Bench bench(settings);
  CHECK(bench.admit(bench.own())->claims.client_id == "ann");
  const auto admitted = bench.admit(bench.of_shop());
  REQUIRE(admitted);
  CHECK(admitted->can("user:ann", "subscribe"));
  CHECK_FALSE(admitted->can("user:bob", "subscribe"));
  CHECK(bench.admit("x.y.z").error().code == ReplyCode::kTokenRefused);
  CHECK(bench.admit(bench.of_shop({{"exp", 1}})).error().code == ReplyCode::kTokenExpired);
}

TEST_CASE("a revoked client's tokens are refused, later ones are not", "[gatekeeper]") {
  Bench bench;
  const auto before = bench.admit(bench.own());
  REQUIRE(before);
  const std::string old_token = bench.own();
  const std::string of_another = bench.own("bob");
  bench.gatekeeper->revocations().add("ann", bench.clock.wall_ms(),
                                      bench.clock.wall_ms() + 86'400'000);
  CHECK(bench.gatekeeper->objection(*before)->message == "token revoked");
  CHECK(bench.admit(old_token).error().message == "token revoked");
  CHECK(bench.admit(of_another));
  // A moment later, in the same second: made after the revocation.
  bench.clock.advance(Milliseconds(1));
  CHECK(bench.admit(bench.own()));
}

TEST_CASE("a revocation of everybody until a moment spares who came later", "[gatekeeper]") {
  Bench bench;
  const std::string old_token = bench.own();
  bench.clock.advance(Milliseconds(5000));
  const std::string new_token = bench.own();
  bench.gatekeeper->revocations().add("", bench.clock.wall_ms() - 1, bench.clock.wall_ms() + 1000);
  CHECK_FALSE(bench.admit(old_token));
  CHECK(bench.admit(new_token));
  bench.gatekeeper->revocations().forget_older(bench.clock.wall_ms() + 1000);
  CHECK(bench.admit(old_token));
}

TEST_CASE("other keys let in whom they name, and out whom they do not", "[gatekeeper]") {
  config::Gateway settings;
  settings.keys = {{"old", config::Secret(std::string(32, 'o'))},
                   {"new", config::Secret(std::string(32, 'n'))}};
  Bench bench(settings);
  const std::string old_token = bench.own();
  const auto by_old = bench.admit(old_token);
  config::Gateway rotated = settings;
  rotated.keys = {settings.keys[1]};
  bench.settings = rotated;
  const std::string new_token = bench.own();
  const auto by_new = bench.admit(new_token);
  REQUIRE(by_old);
  REQUIRE(by_new);
  REQUIRE(bench.gatekeeper->reload(rotated));
  CHECK(bench.gatekeeper->objection(*by_old));
  CHECK_FALSE(bench.gatekeeper->objection(*by_new));
  CHECK_FALSE(bench.admit(old_token));
  CHECK(bench.admit(new_token));
  // The same kid with another secret is another key.
  rotated.keys = {{"new", config::Secret(std::string(32, 'x'))}};
  REQUIRE(bench.gatekeeper->reload(rotated));
  CHECK(bench.gatekeeper->objection(*by_new));
}

TEST_CASE("a service grants rights, signed and asked once", "[gatekeeper][rights]") {
  Bench bench(with_callback());
  bench.script.replies = {granted(R"({"capability":{"user:ann":["subscribe"]},"role":"agent"})")};
  const std::string token = bench.of_shop({{"plan", "gold"}});
  const auto first = bench.admit(token);
  REQUIRE(first);
  CHECK(first->can("user:ann", "subscribe"));
  CHECK(first->claims.role == "agent");
  REQUIRE(bench.admit(token));
  REQUIRE(bench.script.bodies.size() == 1);
  const json question = json::parse(bench.script.bodies[0]);
  CHECK(question["clientId"] == "ann");
  CHECK(question["issuer"] == "shop");
  CHECK(question["claims"]["plan"] == "gold");
  std::map<std::string, std::string> headers(bench.script.headers.begin(),
                                             bench.script.headers.end());
  const std::string text =
      headers["webhook-id"] + "." + headers["webhook-timestamp"] + "." + bench.script.bodies[0];
  CHECK(headers["webhook-signature"] ==
        "v1," + base64_encode(hmac(HashAlgorithm::kSha256, kSecret, text)));
  // The answer is kept for a minute.
  bench.clock.advance(Milliseconds(60'001));
  bench.script.replies = {granted()};
  REQUIRE(bench.admit(token));
  CHECK(bench.script.bodies.size() == 2);
}

TEST_CASE("every failure of the service denies", "[gatekeeper][rights]") {
  Bench bench(with_callback());
  const Result<RightsService::Reply> failures[] = {
      fail(ErrorCode::kTimeout, "too slow"),
      RightsService::Reply{500, "{}"},
      RightsService::Reply{403, "{}"},
      RightsService::Reply{204, ""},
      RightsService::Reply{301, R"({"capability":{"*":["subscribe"]}})"},
      granted(""),
      granted("[]"),
      granted("{}"),
      granted(R"({"capability":null})"),
      granted(R"({"capability":{"user:ann":"subscribe"}})"),
      granted(R"({"capability":{"user:a*":["subscribe"]}})"),
      granted(R"({"capability":{"user:ann":["fly"]}})"),
      granted(R"({"capability":{},"role":"admin"})"),
      granted(R"({"capability":{},"name":7})"),
  };
  int number = 0;
  for (const auto& failure : failures) {
    CAPTURE(number);
    bench.script.replies = {failure};
    const auto answer = bench.admit(bench.of_shop({{"n", number++}}));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ReplyCode::kTokenRefused);
  }
}

TEST_CASE("a service cannot grant beyond the issuer's ceiling", "[gatekeeper][rights]") {
  config::Gateway settings = with_callback();
  settings.issuers[0].ceiling = {{"user:*", {"subscribe"}}};
  Bench bench(settings);
  bench.script.replies = {granted(), granted(R"({"capability":{"ops":["subscribe"]}})")};
  CHECK(bench.admit(bench.of_shop()));
  CHECK_FALSE(bench.admit(bench.of_shop({{"n", 2}})));
}

TEST_CASE("a refusal is kept for a moment only", "[gatekeeper][rights]") {
  Bench bench(with_callback());
  bench.script.replies = {RightsService::Reply{403, ""}, granted()};
  CHECK_FALSE(bench.admit(bench.of_shop()));
  const std::string token = bench.of_shop();
  CHECK_FALSE(bench.admit(token));
  CHECK(bench.script.bodies.size() == 1);
  bench.clock.advance(Milliseconds(5001));
  CHECK(bench.admit(token));
}

TEST_CASE("who waits for a service when it stops is refused", "[gatekeeper][rights]") {
  Bench bench(with_callback());
  bench.gatekeeper->stop();
  CHECK_FALSE(bench.admit(bench.of_shop()));
}
