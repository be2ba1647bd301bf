#include "cli/redis_facts.h"

#include <charconv>

#include "core/clock.h"

namespace deskwire::cli {
namespace {

constexpr int kOldestMajorVersion = 7;

/// The number that the text begins with; 0 without one.
std::int64_t number_of(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::string info_field(std::string_view info, std::string_view field) {
  while (!info.empty()) {
    const std::size_t end = info.find('\n');
    std::string_view line = info.substr(0, end);
    info = end == std::string_view::npos ? std::string_view() : info.substr(end + 1);
    if (!line.starts_with(field) || line.substr(field.size(), 1) != ":") continue;
    line.remove_prefix(field.size() + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return std::string(line);
  }
  return {};
}

RedisFacts facts_of_info(std::string_view info) {
  RedisFacts facts;
  const std::string name = info_field(info, "server_name");
  if (!name.empty()) facts.server = name;
  facts.version = info_field(info, "redis_version");
  facts.mode = info_field(info, "redis_mode");
  if (facts.mode.empty()) facts.mode = info_field(info, "server_mode");  // Valkey's word for it.
  facts.maxmemory_policy = info_field(info, "maxmemory_policy");
  facts.append_only = info_field(info, "aof_enabled") == "1";
  facts.replicas = static_cast<int>(number_of(info_field(info, "connected_slaves")));
  facts.used_memory = number_of(info_field(info, "used_memory"));
  facts.max_memory = number_of(info_field(info, "maxmemory"));
  return facts;
}

Result<RedisFacts> read_redis_facts(redis::Client& client) {
  const auto info = client.call({"INFO"});
  if (!info) return fail(info.error());
  RedisFacts facts = facts_of_info(info->as_string());
  // An operator who follows our advice forbids it: CONFIG GET would tell passwords.
  const auto fsync = client.call({"CONFIG", "GET", "appendfsync"});
  if (fsync) facts.append_fsync = fsync->at(1).as_string();

  const SystemClock clock;
  const std::int64_t before = clock.wall_ms();
  const auto time = client.call({"TIME"});
  if (!time) return fail(time.error());
  const std::int64_t middle = before + (clock.wall_ms() - before) / 2;
  const std::int64_t server = time->at(0).as_integer() * 1000 + time->at(1).as_integer() / 1000;
  facts.clock_ahead_ms = server - middle;
  return facts;
}

Status check_redis_facts(const RedisFacts& facts) {
  if (facts.mode == "sentinel") {
    return fail(ErrorCode::kUnsupported,
                "redis: it is a sentinel; write redis+sentinel://host[:port]/master-name");
  }
  if (!facts.version.empty() && number_of(facts.version) < kOldestMajorVersion) {
    return fail(ErrorCode::kUnsupported,
                "redis: version " + facts.version + " is too old; 7.0 or newer is needed");
  }
  if (facts.mode == "cluster") {
    return fail(ErrorCode::kUnsupported,
                "redis: it runs as a cluster, which this version cannot use; take a single master, "
                "with replicas and sentinels for failover");
  }
  if (!facts.maxmemory_policy.empty() && facts.maxmemory_policy != "noeviction") {
    return fail(ErrorCode::kInvalid, "redis: maxmemory-policy is " + facts.maxmemory_policy +
                                         ", which throws away waiting jobs when memory is short; "
                                         "run `redis-cli config set maxmemory-policy noeviction`");
  }
  return {};
}

}  // namespace deskwire::cli
