#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/issuer.h"
#include "config/secret.h"
#include "config/sla.h"
#include "core/clock.h"

/// The settings as plain values. The keys, their meaning, units, ranges and defaults are written
/// once, in `config/default.jsonc`, which the binary embeds and a test loads against these structs.
namespace deskwire::config {

struct Redis {
  std::string url;  ///< Empty: the embedded redis-server in data_dir.
  int shards = 16;
  Milliseconds connect_timeout{1000};
  Milliseconds request_timeout{2000};
  std::string sentinel_user;  ///< The sentinels' own login; empty password: none.
  Secret sentinel_password;
  int wait_replicas = 0;  ///< That must have an enqueued job or an intent before it counts.
  Milliseconds wait_timeout{100};
};

/// Deliveries on disk while Redis is away, in data_dir/spool.
struct Spool {
  std::size_t max_bytes = std::size_t{64} << 20U;  ///< 0: no spool.
  std::size_t drain_batch = 64;                    ///< Under way to Redis at a time.
};

/// Refused deliveries, kept for `deskwire deliveries` in data_dir/quarantine.
struct QuarantineLimits {
  std::size_t max_bytes = std::size_t{32} << 20U;  ///< 0: none is kept.
  std::int64_t max_age_s = std::int64_t{7} * 86400;
  std::int64_t max_per_minute = 60;  ///< Of each source and reason.
};

struct Receiver {
  std::string listen = "127.0.0.1:8080";
  std::vector<std::string> hosts;
  std::size_t max_body_bytes = std::size_t{4} << 20U;
  Milliseconds head_timeout{2000};
  Milliseconds body_timeout{10000};
  std::size_t max_connections = 4096;
  int threads_min = 1;  ///< I/O threads: the number of cores, clamped into min..max.
  int threads_max = 4;
  std::int64_t signature_tolerance_s = 300;
  std::int64_t refusal_lines_per_minute = 60;
  Spool spool;
  QuarantineLimits quarantine;
};

struct SigningKey {
  std::string kid;
  Secret secret;
};

struct ServerKey {
  Secret secret;
  /// Channel pattern -> operations; empty: everything.
  std::map<std::string, std::vector<std::string>> capability;
};

struct Gateway {
  std::string listen = "127.0.0.1:8081";
  std::vector<std::string> hosts;
  std::vector<std::string> origins;
  std::vector<std::string> trusted_proxies;
  std::vector<SigningKey> keys;
  std::vector<ServerKey> server_keys;
  std::vector<Issuer> issuers;
  std::int64_t max_token_life_s = 86400;  ///< Of any token; revocations are kept as long.
  std::vector<std::string> open_prefixes;
  Tls tls;
  int threads = 0;  ///< 0: the number of cores.
  std::size_t max_sessions = 20000;
  std::size_t max_sessions_per_address = 10000;
  std::size_t max_sessions_per_client = 10000;
  int connects_per_s = 500;  ///< Of one address; beyond it connections are told 4029.
  int connects_burst = 5000;
  std::size_t max_frame_bytes = 65536;
  std::size_t max_outbox_bytes = std::size_t{1} << 20U;
  std::size_t max_channels_per_session = 200;
  int publish_per_s = 50;
  int publish_burst = 50;
  Milliseconds ping{25000};
  Milliseconds pong_timeout{10000};
  Milliseconds hello_timeout{10000};
  Milliseconds drain{5000};
  Milliseconds presence_ttl{9000};
  std::size_t log_max_events = 1000;
  std::size_t log_max_bytes = std::size_t{8} << 20U;
  std::int64_t log_max_age_s = std::int64_t{7} * 24 * 3600;
};

struct Admin {
  std::string listen = "127.0.0.1:8082";
  std::vector<std::string> hosts;
  Secret key;
};

enum class SourceType : std::uint8_t { kChatwoot, kGeneric, kSandbox };
enum class SourceAuth : std::uint8_t { kSignature, kBasic, kUrlToken };

struct Source {
  std::string name;  ///< [a-z0-9_-]{1,64}; the URL's last segment.
  SourceType type = SourceType::kSandbox;
  std::string name_space;  ///< config key `namespace`; empty for at most one source.
  std::string account_id;  ///< Empty: any account.
  std::vector<Secret> secrets;
  SourceAuth auth = SourceAuth::kSignature;
  std::string base_url;  ///< Of the helpdesk's API; http:// or https://.
  Secret bot_token;
  Secret user_token;
  std::string bot_id;  ///< Empty: any assigned agent bot counts as ours.
  /// What to do when a post's outcome cannot be verified: true hands over, false posts again.
  bool hand_off_unknown_outcome = true;
  Milliseconds request_timeout{5000};
};

struct ReplyRule {
  std::string contains;  ///< Lower-case text that the message must contain; empty matches all.
  std::string reply;     ///< May use {name} and {content}.
};

/// A customer's burst of messages is answered once. Off while `quiet` is 0.
struct Debounce {
  Milliseconds quiet{0};         ///< Without a message, before the reply is begun.
  Milliseconds max_wait{20000};  ///< Since the first message: then it is begun anyway.
  int max_n = 20;                ///< Messages answered together.
};

struct Replies {
  std::string responder = "template";  ///< Only "template" in this version.
  std::vector<ReplyRule> rules;
  std::string persona = "Assistant";
  std::int64_t max_age_s = 3600;       ///< Since Deskwire accepted it; older: not answered.
  std::int64_t max_message_age_s = 0;  ///< Since the helpdesk created it; 0: not checked.
  Debounce debounce;
};

struct Jobs {
  Milliseconds lease{10000};
  int max_attempts = 8;
  int max_crashes = 3;
  Milliseconds backoff_base{1000};
  Milliseconds backoff_cap{60000};
  Milliseconds defer_limit{900000};  ///< Longest time that rate limits and outages may hold a job.
  int workers = 16;                  ///< Worker threads of a process.
  std::size_t max_payload_bytes = std::size_t{16} << 20U;
  std::size_t max_lane_jobs = 10000;
  std::size_t max_halts = 10000;       ///< Pauses and parked conversations a shard.
  std::int64_t completed_max = 10000;  ///< Finished jobs kept a shard, newest first.
  std::int64_t completed_max_age_s = 86400;
  std::int64_t dead_max_age_s = std::int64_t{30} * 86400;
  Milliseconds shutdown_grace{25000};
};

struct Log {
  std::string level = "info";   ///< debug, info, warn, error
  std::string format = "text";  ///< text, json
};

struct Config {
  std::string data_dir = "./deskwire-data";
  Redis redis;
  Receiver receiver;
  Gateway gateway;
  Admin admin;
  std::vector<Source> sources;
  Replies replies;
  Jobs jobs;
  Sla sla;
  Log log;
  /// True when no file was given: embedded Redis, sandbox source, chat page.
  bool embedded_defaults = false;

  const Source* find_source(std::string_view name) const;
  bool has_sandbox() const;
};

}  // namespace deskwire::config
