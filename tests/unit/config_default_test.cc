#include <nlohmann/json.hpp>

#include "config/load.h"
#include "core/json.h"
#include "tests/support/catch.h"

using namespace deskwire;
using nlohmann::json;

TEST_CASE("the annotated default file and the structs say the same", "[config]") {
  const auto parsed = config::parse(config::default_file(), ".");
  REQUIRE(parsed.has_value());
  CHECK(config::show(*parsed) == config::show(config::embedded()));
}

TEST_CASE("the default file lists every key and no other", "[config]") {
  JsonLimits limits;
  limits.allow_comments = true;
  const auto written = parse_json(config::default_file(), limits);
  REQUIRE(written.has_value());
  CHECK(*written == json::parse(config::show(config::embedded())));
}

TEST_CASE("a config text changes only what it names", "[config]") {
  const auto parsed = config::parse(R"({
    // Comments are welcome.
    "receiver": {"listen": "127.0.0.1:9000", "threads": {"max": 2}} /* also this kind */
  })",
                                    ".");
  REQUIRE(parsed.has_value());
  CHECK(parsed->receiver.listen == "127.0.0.1:9000");
  CHECK(parsed->receiver.threads_max == 2);
  CHECK(parsed->receiver.threads_min == 1);
  CHECK(parsed->gateway.listen == "127.0.0.1:8081");
  CHECK(parsed->has_sandbox());
  CHECK_FALSE(parsed->embedded_defaults);
}

TEST_CASE("a whole config arrives in the structs", "[config]") {
  const auto parsed = config::parse(R"({
    "data_dir": "/var/lib/deskwire",
    "redis": {"url": "redis://user:pw@redis.internal:6380/2", "request_timeout_ms": 500},
    "gateway": {"keys": [{"kid": "a", "secret": "0123456789abcdef0123456789abcdef"}],
                "server_keys": [{"secret": "s", "capability": {"conversation:*": ["publish"]}}],
                "open_prefixes": ["room:"], "origins": ["https://www.example.com"],
                "limits": {"publish_per_s": 7, "max_sessions_per_client": 8, "connects_per_s": 9},
                "log": {"max_events": 10, "max_bytes": 5000}},
    "admin": {"listen": "0.0.0.0:8082", "key": "operator", "hosts": ["ops.example.com"]},
    "sources": [{"name": "support", "type": "chatwoot", "account_id": 3, "secrets": ["one", "two"],
                 "base_url": "https://chatwoot.example.com/", "bot_token": "t"},
                {"name": "other", "type": "generic", "namespace": "b", "secrets": ["three"],
                 "auth": "url_token"}],
    "replies": {"rules": [{"contains": "refund", "reply": "Hello {name}"}]},
    "jobs": {"lease_ms": 5000, "backoff": {"base_ms": 10, "cap_ms": 20},
             "retention": {"dead_max_age_s": 60}},
    "sla": {"queue_wait": {"warning_s": 1, "critical_s": 2}},
    "log": {"level": "debug", "format": "json"}
  })",
                                    ".");
  REQUIRE(parsed.has_value());
  CHECK(parsed->redis.request_timeout == Milliseconds(500));
  CHECK(parsed->gateway.keys.at(0).kid == "a");
  CHECK(parsed->gateway.server_keys.at(0).capability.at("conversation:*").at(0) == "publish");
  CHECK(parsed->gateway.publish_per_s == 7);
  CHECK(parsed->gateway.max_sessions_per_client == 8);
  CHECK(parsed->gateway.connects_per_s == 9);
  CHECK(parsed->gateway.log_max_events == 10);
  CHECK(parsed->gateway.log_max_bytes == 5000);
  REQUIRE(parsed->find_source("support") != nullptr);
  CHECK(parsed->find_source("support")->account_id == "3");
  CHECK(parsed->find_source("support")->secrets.at(1).reveal() == "two");
  CHECK(parsed->find_source("support")->base_url == "https://chatwoot.example.com");
  CHECK(parsed->find_source("other")->auth == config::SourceAuth::kUrlToken);
  CHECK(parsed->find_source("sandbox") == nullptr);
  CHECK_FALSE(parsed->has_sandbox());
  CHECK(parsed->replies.rules.at(0).contains == "refund");
  CHECK(parsed->jobs.backoff_cap == Milliseconds(20));
  CHECK(parsed->sla.queue_wait.critical_s == 2);
  CHECK(parsed->log.format == "json");
}

TEST_CASE("what is shown contains no secret", "[config]") {
  const auto parsed = config::parse(R"({
    "redis": {"url": "redis://user:hunter2@redis.internal"},
    "gateway": {"keys": [{"kid": "a", "secret": "hunter2-0123456789abcdef0123456789abcdef"}],
                "server_keys": [{"secret": "hunter2"}]},
    "admin": {"key": "hunter2"},
    "sources": [{"name": "s", "type": "chatwoot", "secrets": ["hunter2"], "bot_token": "hunter2",
                 "user_token": "hunter2", "base_url": "http://localhost:3000"}]
  })",
                                    ".");
  REQUIRE(parsed.has_value());
  const std::string shown = config::show(*parsed);
  CHECK(shown.find("hunter2") == std::string::npos);
  CHECK(shown.find("redis.internal") != std::string::npos);
  CHECK(json::parse(shown)["sources"][0]["secrets"][0] == "[redacted]");
}

TEST_CASE("keys of features that are not there yet are accepted while they are off", "[config]") {
  CHECK(config::parse(R"({"gateway": {"issuers": [], "tls": {}},
    "replies": {"openai": {"url": ""}, "personas": {}}})",
                      ".")
            .has_value());
}
