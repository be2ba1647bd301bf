#include "cli/redis_checkup.h"

#include <string>

#include "cli/job_access.h"
#include "cli/redis_facts.h"
#include "jobs/data_layout.h"

namespace deskwire::cli {
namespace {

using Level = Finding::Level;
using Findings = std::vector<Finding>;

constexpr std::int64_t kSkewWarnMs = 1000;
constexpr std::int64_t kSkewFailMs = 60000;

void check_server(const RedisFacts& facts, Findings& findings) {
  if (const auto fit = check_redis_facts(facts); !fit) {
    findings.push_back({Level::kFail, "redis", fit.error().message, ""});
    return;
  }
  const bool known = !facts.maxmemory_policy.empty();
  findings.push_back({known ? Level::kOk : Level::kWarn, "redis",
                      facts.server + " " + facts.version + ", " +
                          (known ? "evicts nothing" : "does not tell its maxmemory-policy"),
                      known ? "" : "make sure that it is noeviction"});
}

void check_durability(const RedisFacts& facts, Findings& findings) {
  constexpr const char* kCheck = "redis durability";
  if (!facts.append_only) {
    findings.push_back({Level::kWarn, kCheck, "a crash of Redis loses jobs",
                        "turn on its append-only file: appendonly yes, appendfsync always"});
  } else if (facts.append_fsync.empty()) {
    findings.push_back({Level::kOk, kCheck,
                        "append-only file; we may not ask how often it is written to disk", ""});
  } else if (facts.append_fsync == "no") {
    findings.push_back({Level::kWarn, kCheck,
                        "append-only file, written to disk when the system likes (appendfsync no)",
                        "set appendfsync always, or everysec"});
  } else {
    const bool always = facts.append_fsync == "always";
    findings.push_back({Level::kOk, kCheck,
                        always ? "append-only file, on disk before each answer (always)"
                               : "append-only file, on disk each second (everysec): a power cut "
                                 "loses the last one",
                        ""});
  }
}

void check_memory(const RedisFacts& facts, Findings& findings) {
  constexpr const char* kCheck = "redis memory";
  const std::string used = std::to_string(facts.used_memory >> 20U) + " MiB used";
  if (facts.max_memory == 0) {
    findings.push_back({Level::kOk, kCheck,
                        used + ", no limit (maxmemory 0): it may take all of its machine's", ""});
    return;
  }
  const bool tight = facts.used_memory * 5 >= facts.max_memory * 4;
  findings.push_back(
      {tight ? Level::kWarn : Level::kOk, kCheck,
       used + " of " + std::to_string(facts.max_memory >> 20U) + " MiB (maxmemory)",
       tight ? "when it is full webhooks are answered 429: raise maxmemory, or see what waits with "
               "`deskwire jobs stats`"
             : ""});
}

void check_replicas(const config::Redis& settings, const RedisFacts& facts, Findings& findings) {
  if (settings.wait_replicas == 0 && facts.replicas == 0) return;
  const bool enough = facts.replicas >= settings.wait_replicas;
  const std::string wanted =
      settings.wait_replicas == 0
          ? "none must confirm (redis.wait_replicas 0): a failover may lose the last moments"
          : std::to_string(settings.wait_replicas) + " must confirm";
  findings.push_back({enough ? Level::kOk : Level::kFail, "redis replicas",
                      std::to_string(facts.replicas) + " connected, " + wanted,
                      enough ? ""
                             : "webhooks are answered 429: start the replicas, or lower "
                               "config redis.wait_replicas"});
}

void check_sentinel(const redis::Client::Options& options, std::size_t index, Findings& findings) {
  redis::Client::Options one = options;
  one.endpoint = options.endpoint.sentinel(index);
  redis::Client sentinel(one);
  sentinel.start();
  const std::string name = "sentinel " + options.endpoint.sentinels[index].display();
  if (!sentinel.wait_connected(one.connect_timeout)) {
    findings.push_back({Level::kWarn, name, "does not answer, or refuses our login",
                        "start it; check config redis.sentinel_user and sentinel_password"});
    return;
  }
  const auto quorum = sentinel.call({"SENTINEL", "CKQUORUM", options.endpoint.master_name});
  if (quorum) {
    findings.push_back({Level::kOk, name, quorum->as_string(), ""});
  } else {
    findings.push_back({Level::kFail, name, quorum.error().message,
                        "without a quorum no failover happens; look at the sentinels' logs"});
  }
}

void check_layout(redis::Client& client, Findings& findings) {
  const auto checked = jobs::check_data_layout(client);
  findings.push_back(
      {checked ? Level::kOk : Level::kFail, "redis data",
       checked ? "layout version " + std::to_string(jobs::kDataLayout) : checked.error().message,
       ""});
}

void check_clock(const RedisFacts& facts, Findings& findings) {
  const std::int64_t skew = facts.clock_ahead_ms < 0 ? -facts.clock_ahead_ms : facts.clock_ahead_ms;
  const std::string found = "redis is " + std::to_string(skew) + " ms " +
                            (facts.clock_ahead_ms < 0 ? "behind" : "ahead of") + " this machine";
  const Level level = skew >= kSkewFailMs   ? Level::kFail
                      : skew >= kSkewWarnMs ? Level::kWarn
                                            : Level::kOk;
  findings.push_back({level, "clock", found,
                      level == Level::kOk ? "" : "synchronise both clocks (chrony, timesyncd)"});
}

void check_reached(const config::Config& config, redis::Client& client, Findings& findings) {
  if (const auto facts = read_redis_facts(client)) {
    check_server(*facts, findings);
    check_memory(*facts, findings);
    check_durability(*facts, findings);
    check_replicas(config.redis, *facts, findings);
    check_clock(*facts, findings);
  } else if (facts.error().code == ErrorCode::kInvalid) {
    findings.push_back({Level::kWarn, "redis", "cannot be checked: " + facts.error().message,
                        "allow its user INFO and TIME; the ACL line is in docs/operations.md"});
  } else {
    findings.push_back({Level::kFail, "redis", facts.error().message,
                        "it is reachable but does not answer INFO; look at its log"});
  }
  check_layout(client, findings);
}

}  // namespace

void check_redis(const config::Config& config, Findings& findings) {
  const auto options = client_options(config, "deskwire-doctor");
  if (options) {
    for (std::size_t i = 0; i < options->endpoint.sentinels.size(); ++i) {
      check_sentinel(*options, i, findings);
    }
  }
  if (const auto access = JobAccess::connect(config)) {
    check_reached(config, (*access)->client(), findings);
  } else {
    const bool embedded = config.redis.url.empty();
    const bool reachable_later = embedded && access.error().code == ErrorCode::kUnavailable;
    findings.push_back(
        {reachable_later ? Level::kWarn : Level::kFail, "redis",
         reachable_later ? "the embedded one is not running" : access.error().message,
         reachable_later ? "`deskwire serve` starts it" : "check config redis.url and the server"});
  }
}

}  // namespace deskwire::cli
