#include "config/rules.h"

#include <algorithm>
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

void check_chatwoot(const Source& source, std::size_t index, Problems& problems) {
  if (source.base_url.empty()) {
    problems.add(source_path(index, "base_url"),
                 "is missing; write the address of Chatwoot, such as https://app.chatwoot.com");
  }
  if (source.bot_token.empty()) {
    problems.add(source_path(index, "bot_token"),
                 "is missing; replies are posted with the access token of an agent bot");
  }
}

/// Both or neither: without them the source only listens.
void check_ticket_api(const Source& source, std::size_t index, Problems& problems) {
  if (source.base_url.empty() == source.bot_token.empty()) return;
  if (source.base_url.empty()) {
    problems.add(source_path(index, "base_url"),
                 "is missing while bot_token is set; write the address of the helpdesk, such as "
                 "https://desk.example.com, or leave out both to listen only");
  } else {
    problems.add(source_path(index, "bot_token"),
                 "is missing while base_url is set; replies are posted with it. Leave out both to "
                 "listen only");
  }
}

void check_no_api(const Source& source, std::size_t index, Problems& problems) {
  if (source.base_url.empty() && source.bot_token.empty()) return;
  problems.add(source_path(index, source.base_url.empty() ? "bot_token" : "base_url"),
               "is of no use: this version only listens to this helpdesk and cannot write to it; "
               "leave it out");
}

void check_source_secrets(const Config& config, Problems& problems) {
  for (std::size_t i = 0; i < config.sources.size(); ++i) {
    const Source& source = config.sources[i];
    // A sandbox gets a random secret at its first start.
    if (source.type != SourceType::kSandbox && source.secrets.empty()) {
      problems.add(source_path(i, "secrets"),
                   "is missing; list the secret of each webhook that posts to this source");
    }
    if (!source.scheme.empty() && source.auth != SourceAuth::kSignature) {
      problems.add(source_path(i, "scheme"),
                   "is of no use while auth is not \"signature\"; leave out one of them");
    }
    for (std::size_t at = 0; source.auth == SourceAuth::kBasic && at < source.secrets.size();
         ++at) {
      if (source.secrets[at].reveal().find(':') != std::string_view::npos) continue;
      problems.add(source_path(i, "secrets") + "[" + std::to_string(at) + "]",
                   "has no colon; auth \"basic\" needs user:password");
    }
    switch (source.type) {
      case SourceType::kChatwoot:
        check_chatwoot(source, i, problems);
        break;
      case SourceType::kZendesk:
      case SourceType::kZammad:
        check_ticket_api(source, i, problems);
        break;
      case SourceType::kIntercom:
      case SourceType::kFront:
      case SourceType::kHelpScout:
      case SourceType::kFreshdesk:
        check_no_api(source, i, problems);
        break;
      case SourceType::kGeneric:
      case SourceType::kSandbox:
        break;
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
}

void check_replies(const Config& config, Problems& problems) {
  const Replies& replies = config.replies;
  const std::vector<std::string> order = replies.order();
  const auto asks = [&order](const char* name) {
    return std::find(order.begin(), order.end(), name) != order.end();
  };
  const auto missing = [&](const char* path, bool is_missing, const char* who) {
    if (is_missing) problems.add(path, std::string("is missing; responder ") + who + " needs it");
  };
  if (asks("openai")) {
    missing("replies.openai.url", replies.openai.url.empty(), "openai");
    missing("replies.openai.model", replies.openai.model.empty(), "openai");
  }
  if (asks("http")) {
    missing("replies.http.url", replies.http.url.empty(), "http");
    missing("replies.http.secret", replies.http.secret.empty(), "http");
  }
  for (std::size_t i = 0; i < replies.rules.size(); ++i) {
    const ReplyRule& rule = replies.rules[i];
    const std::string path = "replies.rules[" + std::to_string(i) + "].";
    if (rule.reply.empty()) problems.add(path + "reply", "is missing");
    if (rule.from.empty() != rule.to.empty()) {
      problems.add(path + (rule.from.empty() ? "from" : "to"),
                   "is missing; a time of day needs both");
    }
  }
  for (std::size_t i = 0; i < replies.rollout.size(); ++i) {
    const std::string& source = replies.rollout[i].source;
    if (source.empty() || config.find_source(source) != nullptr) continue;
    problems.add("replies.rollout[" + std::to_string(i) + "].source",
                 in_quotes(source) + " is not the name of a source");
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
  check_replies(config, problems);
  check_redis(config, problems);
  check_doors(config, problems);
  check_sla(config.sla, now_ms, problems);
}

}  // namespace deskwire::config
