// Each helpdesk at the door: signed as it signs, bent, and talking nonsense.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "places.h"
#include "tests/support/catch.h"
#include "tests/support/receiver_fixture.h"
#include "tests/support/vendor_bodies.h"

using namespace deskwire;
using namespace deskwire::testing;
using config::SourceType;
using nlohmann::json;

namespace {

constexpr SourceType kVendors[] = {SourceType::kZendesk, SourceType::kIntercom,
                                   SourceType::kFront,   SourceType::kHelpScout,
                                   SourceType::kZammad,  SourceType::kFreshdesk};

config::Config vendors_config() {
  config::Config config = receiver_config();
  config.sources.clear();
  for (const SourceType type : kVendors) {
    const char* const name = folder_of(type);
    config.sources.push_back(
        source_named(name, type, config::SourceAuth::kSignature, "vendor-secret"));
    config.sources.back().name_space = name;
  }
  config.sources.push_back(
      source_named("slack", SourceType::kGeneric, config::SourceAuth::kSignature, "slack-secret"));
  config.sources.back().scheme = "slack";
  config.sources.push_back(
      source_named("hub", SourceType::kGeneric, config::SourceAuth::kSignature, "client-secret"));
  config.sources.back().name_space = "hub";
  config.sources.back().scheme = "hubspot-v3";
  config.sources.back().public_url = "https://hooks.example.com/webhooks/hub";
  return config;
}

/// A signed delivery; `extra` headers are not part of what is signed.
test::RawResponse deliver(ReceiverFixture& door, const std::string& source, const std::string& body,
                          const std::string& id, net::Headers extra = {}) {
  auto made = webhooks::prepare_delivery(*door.config.find_source(source), body, id,
                                         door.clock.wall_ms() / 1000);
  REQUIRE(made);
  made->headers.insert(made->headers.end(), extra.begin(), extra.end());
  return door.send(ReceiverFixture::post(made->target, made->headers, body));
}

/// Help Scout names its events in a header.
net::Headers event_header(SourceType type, const std::string& fixture) {
  const std::string name(webhooks::parser_for(type).event_header());
  return name.empty() ? net::Headers{} : net::Headers{{name, fixture}};
}

std::set<std::string> fixtures_of(SourceType type) {
  std::set<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(DESKWIRE_FIXTURES "/") + folder_of(type))) {
    if (entry.path().extension() == ".json") names.insert(entry.path().stem().string());
  }
  REQUIRE_FALSE(names.empty());
  return names;
}

}  // namespace

TEST_CASE("each helpdesk's deliveries are answered by what they are, and repeats as duplicates",
          "[webhooks][receiver][vendors]") {
  ReceiverFixture door(vendors_config());
  int jobs = 0;
  for (const SourceType type : kVendors) {
    const std::string source = folder_of(type);
    for (const std::string& name : fixtures_of(type)) {
      INFO(source << "/" << name);
      const std::string body = vendor_body(type, name);
      const auto first = deliver(door, source, body, "d-" + name, event_header(type, name));
      CHECK((first.status == 200 || first.status == 202));
      const json answer = json::parse(first.body);
      CHECK(answer["duplicate"] == false);
      CHECK(answer["job"].is_null() == (first.status == 200));
      jobs += first.status == 202 ? 1 : 0;
      // Under another delivery id, where the sender has one.
      const auto again = deliver(door, source, body, "e-" + name, event_header(type, name));
      const json repeated = json::parse(again.body);
      CHECK(again.status == 200);
      CHECK(repeated["job"] == answer["job"]);
      CHECK(repeated["duplicate"] == true);
    }
    CHECK(door.counted(source, "accepted", "none"));
    CHECK_FALSE(door.counted(source, "unparsable", "shape"));
  }
  CHECK(jobs == 12);
}

TEST_CASE("a bent delivery of any helpdesk is refused", "[webhooks][receiver][vendors]") {
  ReceiverFixture door(vendors_config());
  for (const SourceType type : kVendors) {
    const std::string source = folder_of(type);
    INFO(source);
    const std::string name = *fixtures_of(type).begin();
    const std::string body = vendor_body(type, name);
    const auto made = webhooks::prepare_delivery(*door.config.find_source(source), body, "d-1",
                                                 door.clock.wall_ms() / 1000);
    REQUIRE(made);
    const bool signs = door.config.find_source(source)->proof() == config::SourceAuth::kSignature;
    if (signs) {
      CHECK(door.send(ReceiverFixture::post(made->target, made->headers, body + " ")).status ==
            401);
      CHECK(door.counted(source, "refused", "mismatch"));
    }
    auto headers = made->headers;
    char& middle = headers.back().second[headers.back().second.size() / 2];
    middle = middle == 'A' ? 'B' : 'A';
    const int bent = door.send(ReceiverFixture::post(made->target, headers, body)).status;
    CHECK(bent == 401);
    headers = made->headers;
    headers.pop_back();
    CHECK(door.send(ReceiverFixture::post(made->target, headers, body)).status == 401);
    CHECK(door.counted(source, "refused", signs ? "missing_signature" : "missing_credentials"));
  }
}

TEST_CASE("signed nonsense of any helpdesk is told from a new shape",
          "[webhooks][receiver][vendors]") {
  ReceiverFixture door(vendors_config());
  for (const SourceType type : kVendors) {
    const std::string source = folder_of(type);
    INFO(source);
    for (const char* body : {"", "[]", "null", "7", "\"x\"", "{", "{]", "not json", "[{}]"}) {
      CAPTURE(body);
      CHECK(deliver(door, source, body, "d-1", event_header(type, "convo.created")).status == 400);
    }
    const auto odd =
        deliver(door, source, R"({"something":"new"})", "d-2", event_header(type, "convo.status"));
    CHECK(odd.status == 202);
    CHECK(door.counted(source, "unparsable", "shape"));
    const auto kept = door.store.memory().get(JobId(json::parse(odd.body)["job"]));
    REQUIRE(kept);
    CHECK(kept->kind == "delivery");
    CHECK(kept->payload.find("something") != std::string::npos);
  }
}

// The header would be gone when the dead letter is read again.
TEST_CASE("what is kept of a Help Scout delivery still knows its event",
          "[webhooks][receiver][vendors]") {
  ReceiverFixture door(vendors_config());
  const auto odd =
      deliver(door, "helpscout", R"({"x":1})", "", {{"X-HelpScout-Event", "convo.created"}});
  CHECK(odd.status == 202);
  const auto kept = door.store.memory().get(JobId(json::parse(odd.body)["job"]));
  REQUIRE(kept);
  const std::string body = json::parse(kept->payload)["body"];
  CHECK(json::parse(body) == json{{"deskwire_event", "convo.created"}, {"x", 1}});
}

TEST_CASE("Front gets its challenge back, but only when it has signed",
          "[webhooks][receiver][vendors]") {
  ReceiverFixture door(vendors_config());
  const std::string body = vendor_body(SourceType::kFront, "sync");
  const auto answer = deliver(door, "front", body, "", {{"X-Front-Challenge", "c-\"42\""}});
  CHECK(answer.status == 200);
  CHECK(json::parse(answer.body) == json{{"challenge", "c-\"42\""}});
  CHECK(door.counted("front", "ignored", "handshake"));
  const auto stranger = door.send(ReceiverFixture::post(
      "/webhooks/front", {{"Content-Type", "application/json"}, {"X-Front-Challenge", "c-42"}},
      body));
  CHECK(stranger.status == 401);
  CHECK(stranger.body.find("c-42") == std::string::npos);
  // An overlong one is no challenge.
  const auto overlong =
      deliver(door, "front", body, "", {{"X-Front-Challenge", std::string(2000, 'x')}});
  CHECK(overlong.body.find("xxx") == std::string::npos);
}

TEST_CASE("Slack's url_verification is answered with its challenge",
          "[webhooks][receiver][vendors]") {
  ReceiverFixture door(vendors_config());
  const auto answer = deliver(
      door, "slack", R"({"type":"url_verification","challenge":"3eZbrw1aB","token":"t"})", "");
  CHECK(answer.status == 200);
  CHECK(json::parse(answer.body) == json{{"challenge", "3eZbrw1aB"}});
}

TEST_CASE("Intercom's ping is a plain 200", "[webhooks][receiver][vendors]") {
  ReceiverFixture door(vendors_config());
  const auto answer = deliver(door, "intercom", vendor_body(SourceType::kIntercom, "ping"), "");
  CHECK(answer.status == 200);
  CHECK(answer.body == R"({"job":null,"duplicate":false})");
}

TEST_CASE("a delivery whose address is signed is let in behind a proxy",
          "[webhooks][receiver][vendors]") {
  ReceiverFixture door(vendors_config());
  const std::string body = R"({"event":"message_created","conversation":{"id":"1"},)"
                           R"("message":{"id":"1","type":"incoming","content":"hi"}})";
  CHECK(deliver(door, "hub", body, "").status == 202);
}
