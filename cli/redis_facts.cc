#include "cli/redis_facts.h"

#include <charconv>

#include "core/clock.h"

namespace deskwire::cli {
namespace {

constexpr int kOldestMajorVersion = 7;

int major_version(std::string_view version) {
  int major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  return major;
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

Result<RedisFacts> read_redis_facts(redis::Client& client) {
  RedisFacts facts;
  const auto info = client.call({"INFO"});
  if (!info) return fail(info.error());
  const std::string text = info->as_string();
  facts.version = info_field(text, "redis_version");
  facts.maxmemory_policy = info_field(text, "maxmemory_policy");
  facts.appendonly = info_field(text, "aof_enabled");

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
  if (major_version(facts.version) < kOldestMajorVersion) {
    return fail(ErrorCode::kUnsupported,
                "redis: version " + facts.version + " is too old; 7.0 or newer is needed");
  }
  if (facts.maxmemory_policy != "noeviction") {
    return fail(ErrorCode::kInvalid, "redis: maxmemory-policy is " + facts.maxmemory_policy +
                                         ", which throws away waiting jobs when memory is short; "
                                         "run `redis-cli config set maxmemory-policy noeviction`");
  }
  return {};
}

}  // namespace deskwire::cli
