#include "config/rules.h"

#include <array>
#include <map>
#include <string>

#include "config/load.h"
#include "config/sla_rules.h"

namespace deskwire::config {
namespace {

std::string source_path(std::size_t index, std::string_view key) {
  return "sources[" + std::to_string(index) + "]." + std::string(key);
}

void check_source_names(const Config& config, Problems& problems) {
  std::map<std::string, std::size_t> names;
  std::map<std::string, std::size_t> spaces;
  for (std::size_t i = 0; i < config.sources.size(); ++i) {
    const Source& source = config.sources[i];
    if (source.name.empty()) {
      problems.add(source_path(i, "name"),
                   "is missing; it becomes the end of the webhook's URL, /webhooks/<name>");
    } else if (const auto [first, is_new] = names.emplace(source.name, i); !is_new) {
      problems.add(source_path(i, "name"), in_quotes(source.name) +
                                               " is already the name of sources[" +
                                               std::to_string(first->second) + "]");
    }
    const auto [first, is_new] = spaces.emplace(source.name_space, i);
    if (is_new) continue;
    problems.add(source_path(i, "namespace"),
                 source.name_space.empty()
                     ? "is empty, as it is for sources[" + std::to_string(first->second) +
                           "]; only one source may go without, set it for example to " +
                           in_quotes(source.name.empty() ? "second" : source.name)
                     : in_quotes(source.name_space) + " is already used by sources[" +
                           std::to_string(first->second) + "]; their conversations would mix");
  }
}

void check_source_secrets(const Config& config, Problems& problems) {
  for (std::size_t i = 0; i < config.sources.size(); ++i) {
    const Source& source = config.sources[i];
    // A sandbox gets a random secret at its first start.
    if (source.type == SourceType::kSandbox) continue;
    if (source.secrets.empty()) {
      problems.add(source_path(i, "secrets"),
                   "is missing; list the secret of each webhook that posts to this source");
    }
    if (source.type != SourceType::kChatwoot) continue;
    if (source.base_url.empty()) {
      problems.add(source_path(i, "base_url"),
                   "is missing; write the address of Chatwoot, such as https://app.chatwoot.com");
    }
    if (source.bot_token.empty()) {
      problems.add(source_path(i, "bot_token"),
                   "is missing; replies are posted with the access token of an agent bot");
    }
  }
}

void check_order(const Config& config, Problems& problems) {
  const auto not_above = [&](const char* path, std::int64_t low, const char* other,
                             std::int64_t high) {
    if (low <= high) return;
    problems.add(path, std::to_string(low) + " is above " + other + " (" + std::to_string(high) +
                           "); lower it or raise the other");
  };
  not_above("receiver.threads.min", config.receiver.threads_min, "receiver.threads.max",
            config.receiver.threads_max);
  not_above("jobs.backoff.base_ms", config.jobs.backoff_base.count(), "jobs.backoff.cap_ms",
            config.jobs.backoff_cap.count());
  not_above("sla.queue_wait.warning_s", config.sla.queue_wait.warning_s,
            "sla.queue_wait.critical_s", config.sla.queue_wait.critical_s);
  not_above("replies.debounce.quiet_ms", config.replies.debounce.quiet.count(),
            "replies.debounce.max_wait_ms", config.replies.debounce.max_wait.count());
  for (std::size_t i = 0; i < config.replies.rules.size(); ++i) {
    if (config.replies.rules[i].reply.empty()) {
      problems.add("replies.rules[" + std::to_string(i) + "].reply", "is missing");
    }
  }
}

void check_redis(const Config& config, Problems& problems) {
  const Redis& redis = config.redis;
  const bool has_sentinels = redis.url.starts_with("redis+sentinel://");
  if (!has_sentinels && !redis.sentinel_password.empty()) {
    problems.add("redis.sentinel_password",
                 "is set, but redis.url names no sentinels; write redis+sentinel://host,host/name");
  }
  if (!redis.sentinel_user.empty() && redis.sentinel_password.empty()) {
    problems.add("redis.sentinel_user", "has no password; set redis.sentinel_password");
  }
  if (redis.wait_replicas == 0) return;
  if (redis.url.empty()) {
    problems.add("redis.wait_replicas",
                 "needs replicas, and the embedded Redis has none; name "
                 "yours in redis.url");
  }
  if (redis.wait_timeout >= redis.request_timeout) {
    problems.add("redis.wait_timeout_ms", "is not below redis.request_timeout_ms (" +
                                              std::to_string(redis.request_timeout.count()) +
                                              "); lower it or raise the other");
  }
}

void check_doors(const Config& config, Problems& problems) {
  struct Door {
    const char* path;
    const std::string& listen;
  };
  const std::array<Door, 3> doors = {{{"receiver.listen", config.receiver.listen},
                                      {"gateway.listen", config.gateway.listen},
                                      {"admin.listen", config.admin.listen}}};
  std::map<std::string, const char*> taken;
  for (const Door& door : doors) {
    const auto address = parse_listen(door.listen);
    if (!address) continue;  // Already reported by its own check.
    const auto [first, is_new] = taken.emplace(door.listen, door.path);
    if (!is_new && address->port != 0) {
      problems.add(door.path, in_quotes(door.listen) + " is taken by " + first->second);
    }
    if (is_loopback(address->host)) continue;
    if (config.has_sandbox()) {
      problems.add(door.path, in_quotes(door.listen) +
                                  " is open to others while there is a source of type sandbox; "
                                  "use 127.0.0.1, or remove the sandbox source");
    }
  }
  const auto admin = parse_listen(config.admin.listen);
  if (admin && !is_loopback(admin->host) && config.admin.key.empty()) {
    problems.add("admin.key", "is missing while admin.listen is " + in_quotes(config.admin.listen) +
                                  "; set a key, or listen on 127.0.0.1");
  }
}

}  // namespace

void check_rules(const Config& config, std::int64_t now_ms, Problems& problems) {
  check_source_names(config, problems);
  check_source_secrets(config, problems);
  check_gateway(config, problems);
  check_order(config, problems);
  check_redis(config, problems);
  check_doors(config, problems);
  check_sla(config.sla, now_ms, problems);
}

}  // namespace deskwire::config
