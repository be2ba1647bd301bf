// What of a changed config is taken in while everything runs, and what is said about the rest.
#include "cli/reloads.h"

#include "config/fingerprint.h"
#include "config/load.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"

using namespace deskwire;

namespace {

config::Source source_named(const std::string& name) {
  config::Source source;
  source.name = name;
  source.type = config::SourceType::kChatwoot;
  source.name_space = name == "support" ? "" : name;
  source.account_id = "1";
  source.base_url = "https://desk.example.com";
  source.bot_token = config::Secret("bot-token");
  source.secrets = {config::Secret("first-secret")};
  return source;
}

config::Config running_config() {
  config::Config config;
  config.sources = {source_named("support"), source_named("sales")};
  return config;
}

std::string needs_restart(const config::Config& running, const config::Config& changed) {
  return cli::differences(cli::with_changes(running, changed), changed);
}

std::int64_t now_ms() { return testing::ManualClock().wall_ms(); }

}  // namespace

TEST_CASE("secrets, tokens, policies and answers are taken in, and need no restart",
          "[cli][reload]") {
  const config::Config running = running_config();
  config::Config changed = running;
  changed.sources[0].secrets = {config::Secret("second-secret"), config::Secret("first-secret")};
  changed.sources[0].user_token = config::Secret("user-token");
  changed.sources[1].bot_token = config::Secret("another-bot-token");
  changed.receiver.signature_tolerance_s = 60;
  changed.gateway.keys = {{"k", config::Secret(std::string(32, 'k'))}};
  changed.admin.key = config::Secret("operator-key");
  changed.replies.shadow = true;
  changed.replies.rules.emplace_back().reply = "Hello";
  changed.sla.calendars["office"];

  const config::Config taken = cli::with_changes(running, changed);
  CHECK(config::fingerprint(taken) == config::fingerprint(changed));
  CHECK(needs_restart(running, changed).empty());
  CHECK(needs_restart(running, running).empty());
}

TEST_CASE("what needs a restart stays as it runs and is named", "[cli][reload]") {
  const config::Config running = running_config();
  config::Config changed = running;
  changed.receiver.listen = "127.0.0.1:9090";
  changed.jobs.workers = 3;
  changed.data_dir = "./elsewhere";
  changed.replies.shadow = true;
  CHECK(needs_restart(running, changed) == "data_dir, jobs.workers, receiver.listen");
  const config::Config taken = cli::with_changes(running, changed);
  CHECK(taken.receiver.listen == running.receiver.listen);
  CHECK(taken.replies.shadow);
}

TEST_CASE("a changed secret that is not taken in is named, and its value is not", "[cli][reload]") {
  const config::Config running = running_config();
  config::Config changed = running;
  changed.redis.url = "redis://:hidden-password@127.0.0.1:6379";
  changed.redis.sentinel_password = config::Secret("hidden");
  CHECK(needs_restart(running, changed) == "redis.sentinel_password, redis.url");
  config::Config other = changed;
  other.redis.url = "redis://:other-password@127.0.0.1:6379";
  CHECK(needs_restart(changed, other) == "redis.url");
}

TEST_CASE("new tokens are not taken in for an address that needs a restart", "[cli][reload]") {
  const config::Config running = running_config();
  config::Config changed = running;
  changed.sources[0].base_url = "https://moved.example.com";
  changed.sources[0].bot_token = config::Secret("token-of-the-new-house");
  changed.sources[1].bot_token = config::Secret("another-bot-token");
  CHECK(needs_restart(running, changed) == "sources.support.base_url, sources.support.bot_token");
  const config::Config taken = cli::with_changes(running, changed);
  CHECK(taken.sources[0].bot_token.reveal() == "bot-token");
  CHECK(taken.sources[1].bot_token.reveal() == "another-bot-token");
}

TEST_CASE("sources that come, go or are renamed are named; the others are taken in",
          "[cli][reload]") {
  const config::Config running = running_config();
  config::Config changed = running;
  changed.sources[1] = source_named("billing");
  changed.sources[0].secrets = {config::Secret("second-secret")};
  CHECK(needs_restart(running, changed) == "sources.billing, sources.sales");
  const config::Config taken = cli::with_changes(running, changed);
  REQUIRE(taken.sources.size() == 2);
  CHECK(taken.sources[0].secrets[0].reveal() == "second-secret");
  CHECK(taken.sources[1].name == "sales");

  config::Config turned = running;
  std::swap(turned.sources[0], turned.sources[1]);
  CHECK(needs_restart(running, turned).empty());
}

TEST_CASE("TLS cannot be turned on without a restart, its files can change", "[cli][reload]") {
  config::Config running = running_config();
  config::Config changed = running;
  changed.gateway.tls.cert_file = "cert.pem";
  changed.gateway.tls.key_file = "key.pem";
  CHECK(needs_restart(running, changed) == "gateway.tls.cert_file, gateway.tls.key_file");
  running.gateway.tls.cert_file = "old.pem";
  running.gateway.tls.key_file = "old-key.pem";
  CHECK(needs_restart(running, changed).empty());
}

TEST_CASE("a mixture that neither config is, and that breaks a rule, is refused whole",
          "[cli][reload]") {
  config::Config running = running_config();
  running.gateway.keys = {{"k", config::Secret(std::string(32, 'k'))}};
  running.admin.listen = "0.0.0.0:8082";
  running.admin.key = config::Secret("operator-key");
  REQUIRE(cli::checked_changes(running, running, now_ms()));
  config::Config changed = running;
  changed.admin.listen = "127.0.0.1:8082";
  changed.admin.key = config::Secret();
  changed.replies.shadow = true;
  const auto taken = cli::checked_changes(running, changed, now_ms());
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == ErrorCode::kInvalid);
  CHECK(taken.error().message.find("admin.key") != std::string::npos);
}

TEST_CASE("settings are shown redacted and compared by their secrets", "[cli][reload]") {
  config::Config config = running_config();
  CHECK(config::show(config).find("first-secret") == std::string::npos);
  const std::string before = config::fingerprint(config);
  CHECK(before.find("first-secret") == std::string::npos);
  const std::string shown = config::show(config);
  config.sources[0].secrets = {config::Secret("second-secret")};
  CHECK(config::show(config) == shown);
  CHECK(config::fingerprint(config) != before);
}
