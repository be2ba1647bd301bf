#include "tests/support/redis_job_harness.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/channel.h"
#include "core/ids.h"
#include "core/json.h"
#include "jobs/keys.h"
#include "places.h"
#include "tests/support/catch.h"
#include "tests/support/lane_check.h"

namespace deskwire::testing {
namespace {

/// The line that operators copy: what it says is what the store is tested with.
redis::Command documented_acl() {
  std::ifstream file(DESKWIRE_SOURCE_DIR "/docs/operations.md");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("ACL SETUSER deskwire ")) continue;
    std::istringstream words(line);
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

redis::Client::Options as_documented_user(redis::Client::Options options) {
  options.endpoint.user = "deskwire";
  options.endpoint.password = "PASSWORD";
  return options;
}

}  // namespace

RedisServer& RedisJobHarness::server() {
  static RedisServer shared;
  return shared;
}

RedisJobHarness::RedisJobHarness(const jobs::LaneLimits& limits)
    : RedisJobHarness(limits, server().options()) {}

RedisJobHarness::RedisJobHarness(const jobs::LaneLimits& limits,
                                 const redis::Client::Options& options)
    : client_(options),
      restricted_(as_documented_user(options)),
      store_(restricted_, clock_, limits),
      operators_(restricted_, limits) {
  client_.start();
  REQUIRE(client_.wait_connected(Milliseconds{20000}));
  ask({"FLUSHALL"});
  ask(documented_acl());
  restricted_.start();
  REQUIRE(restricted_.wait_connected(Milliseconds{20000}));
}

redis::Reply RedisJobHarness::ask(redis::Command command) {
  auto reply = client_.call(std::move(command));
  INFO((reply ? std::string() : reply.error().message));
  REQUIRE(reply);
  return std::move(*reply);
}

std::int64_t RedisJobHarness::server_now() {
  const redis::Reply time = ask({"TIME"});
  return time.at(0).as_integer() * 1000 + time.at(1).as_integer() / 1000;
}

void RedisJobHarness::pass(Milliseconds by) {
  // The server's clock cannot be moved, so its own word is awaited.
  const std::int64_t until = server_now() + by.count() + 1;
  while (server_now() < until) {
  }
}

std::vector<JobStoreHarness::Shown> RedisJobHarness::shown(const std::string& channel) {
  const std::string key = jobs::keys::prefix(shard_of_channel(channel)) + "log:" + channel;
  std::vector<Shown> shown;
  for (const redis::Reply& entry : ask({"XRANGE", key, "-", "+"}).items) {
    const auto envelope = parse_json(entry.at(1).at(1).text);
    REQUIRE(envelope);
    shown.push_back({string_at(*envelope, "id"), string_at(*envelope, "event"),
                     dump_json(object_at(*envelope, "data"))});
  }
  return shown;
}

std::vector<std::string> RedisJobHarness::facts(const std::string& lane) {
  const std::string key = jobs::keys::prefix(shard_of_lane(lane)) + "facts:" + lane;
  std::vector<std::string> facts;
  for (const redis::Reply& entry : ask({"XRANGE", key, "-", "+"}).items) {
    facts.push_back(entry.at(1).at(1).text);
  }
  return facts;
}

std::vector<std::string> RedisJobHarness::violations() { return lane_violations(client_); }

std::int64_t RedisJobHarness::finished_kept() {
  std::int64_t kept = 0;
  for (int shard = 0; shard < kShardCount; ++shard) {
    kept += ask({"ZCARD", jobs::keys::prefix(shard) + "done"}).integer;
    kept += ask({"ZCARD", jobs::keys::prefix(shard) + "dead"}).integer;
  }
  return kept;
}

}  // namespace deskwire::testing
