#pragma once

#include "config/checks.h"
#include "config/config.h"
#include "config/sla_settings.h"

/// Which key belongs to which member, with its range: said once, walked by JsonReader and by
/// JsonWriter alike, so that what is read and what is shown cannot drift apart. Each `visit` names
/// the keys of one struct in the order of `config/default.jsonc`.
namespace deskwire::config {

inline constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
inline constexpr std::int64_t kYearS = 366LL * 24 * 3600;
inline constexpr std::int64_t kSigningKeyBytes = 32;

template <typename Visitor>
void visit(Visitor& v, Redis& s) {
  v.secret_text("url", s.url, checks::redis_url);
  v.number("shards", s.shards, 16, 16);
  v.duration("connect_timeout_ms", s.connect_timeout, 10, 60000);
  v.duration("request_timeout_ms", s.request_timeout, 10, 60000);
  v.text("sentinel_user", s.sentinel_user);
  v.secret("sentinel_password", s.sentinel_password);
  v.number("wait_replicas", s.wait_replicas, 0, 16);
  v.duration("wait_timeout_ms", s.wait_timeout, 1, 60000);
}

template <typename Visitor>
void visit(Visitor& v, Spool& s) {
  v.number("max_bytes", s.max_bytes, 0, 1LL << 40);
  v.number("drain_batch", s.drain_batch, 1, 10000);
}

template <typename Visitor>
void visit(Visitor& v, QuarantineLimits& s) {
  v.number("max_bytes", s.max_bytes, 0, 1LL << 40);
  v.number("max_age_s", s.max_age_s, 60, kYearS);
  v.number("max_per_minute", s.max_per_minute, 1, 1000000);
}

template <typename Visitor>
void visit(Visitor& v, Receiver& s) {
  v.text("listen", s.listen, checks::listen_address);
  v.texts("hosts", s.hosts, checks::host_name);
  v.number("max_body_bytes", s.max_body_bytes, 1, 64 << 20);
  v.duration("head_timeout_ms", s.head_timeout, 10, 300000);
  v.duration("body_timeout_ms", s.body_timeout, 10, 300000);
  v.number("max_connections", s.max_connections, 1, 1000000);
  v.group("threads", [&](auto& threads) {
    threads.number("min", s.threads_min, 1, 64);
    threads.number("max", s.threads_max, 1, 64);
  });
  v.number("signature_tolerance_s", s.signature_tolerance_s, 1, 86400);
  v.number("refusal_lines_per_minute", s.refusal_lines_per_minute, 1, 1000000);
  v.section("spool", s.spool);
  v.section("quarantine", s.quarantine);
}

template <typename Visitor>
void visit(Visitor& v, SigningKey& s) {
  v.text("kid", s.kid, checks::key_id);
  v.secret("secret", s.secret, kSigningKeyBytes);
}

template <typename Visitor>
void visit(Visitor& v, ServerKey& s) {
  v.secret("secret", s.secret);
  v.capability("capability", s.capability);
}

template <typename Visitor>
void visit(Visitor& v, IssuerKey& s) {
  v.text("kid", s.kid);
  v.choice("algorithm", s.algorithm,
           {{"HS256", SignatureAlgorithm::kHs256},
            {"RS256", SignatureAlgorithm::kRs256},
            {"ES256", SignatureAlgorithm::kEs256}});
  v.secret("secret", s.secret, kSigningKeyBytes);
  v.secret("public_key", s.public_key);
}

template <typename Visitor>
void visit(Visitor& v, ClaimMap& s) {
  v.text("client_id", s.client_id, checks::not_empty);
  v.text("name", s.name, checks::not_empty);
  v.text("role", s.role, checks::not_empty);
  v.text("capability", s.capability, checks::not_empty);
}

template <typename Visitor>
void visit(Visitor& v, RightsCallback& s) {
  v.text("url", s.url, checks::base_url);
  v.secret("secret", s.secret);
  v.duration("timeout_ms", s.timeout, 10, 30000);
  v.number("cache_s", s.cache_s, 0, 86400);
  v.number("max_cached", s.max_cached, 1, 1000000);
  v.number("max_in_flight", s.max_in_flight, 1, 64);
}

template <typename Visitor>
void visit(Visitor& v, Issuer& s) {
  v.text("name", s.name, checks::source_name);
  v.text("issuer", s.issuer);
  v.texts("audience", s.audience, checks::not_empty);
  v.list("keys", s.keys);
  v.secret("jwks", s.jwks);
  v.number("leeway_s", s.leeway_s, 0, 300);
  v.section("claims", s.claims);
  v.texts("agent_roles", s.agent_roles, checks::not_empty);
  v.text("client_prefix", s.client_prefix, checks::name_space);
  v.capability("capability", s.capability);
  v.section("rights", s.rights);
  v.capability("ceiling", s.ceiling);
}

template <typename Visitor>
void visit(Visitor& v, Tls& s) {
  v.path("cert_file", s.cert_file);
  v.path("key_file", s.key_file);
  v.duration("handshake_timeout_ms", s.handshake_timeout, 10, 60000);
}

template <typename Visitor>
void visit(Visitor& v, Gateway& s) {
  v.text("listen", s.listen, checks::listen_address);
  v.texts("hosts", s.hosts, checks::host_name);
  v.texts("origins", s.origins, checks::origin);
  v.texts("trusted_proxies", s.trusted_proxies, checks::address_range);
  v.list("keys", s.keys);
  v.list("server_keys", s.server_keys);
  v.list("issuers", s.issuers);
  v.number("max_token_life_s", s.max_token_life_s, 60, kYearS);
  v.texts("open_prefixes", s.open_prefixes, checks::channel_prefix);
  v.section("tls", s.tls);
  v.number("threads", s.threads, 0, 64);
  v.duration("ping_ms", s.ping, 100, kDayMs);
  v.duration("pong_timeout_ms", s.pong_timeout, 100, kDayMs);
  v.duration("hello_timeout_ms", s.hello_timeout, 10, 600000);
  v.duration("drain_ms", s.drain, 0, 600000);
  v.duration("presence_ttl_ms", s.presence_ttl, 1000, 600000);
  v.group("limits", [&](auto& limits) {
    limits.number("max_sessions", s.max_sessions, 1, 1000000);
    limits.number("max_sessions_per_address", s.max_sessions_per_address, 1, 1000000);
    limits.number("max_sessions_per_client", s.max_sessions_per_client, 1, 1000000);
    limits.number("connects_per_s", s.connects_per_s, 1, 1000000);
    limits.number("connects_burst", s.connects_burst, 1, 1000000);
    limits.number("max_frame_bytes", s.max_frame_bytes, 125, 16 << 20);
    limits.number("max_outbox_bytes", s.max_outbox_bytes, 4096, 1 << 30);
    limits.number("max_channels_per_session", s.max_channels_per_session, 1, 100000);
    limits.number("publish_per_s", s.publish_per_s, 1, 1000000);
    limits.number("publish_burst", s.publish_burst, 1, 1000000);
  });
  v.group("log", [&](auto& log) {
    log.number("max_events", s.log_max_events, 1, 1000000);
    log.number("max_bytes", s.log_max_bytes, 4096, 1 << 30);
    log.number("max_age_s", s.log_max_age_s, 1, 10 * kYearS);
  });
}

template <typename Visitor>
void visit(Visitor& v, Admin& s) {
  v.text("listen", s.listen, checks::listen_address);
  v.texts("hosts", s.hosts, checks::host_name);
  v.secret("key", s.key);
}

template <typename Visitor>
void visit(Visitor& v, Source& s) {
  v.text("name", s.name, checks::source_name);
  v.choice("type", s.type,
           {{"chatwoot", SourceType::kChatwoot},
            {"generic", SourceType::kGeneric},
            {"sandbox", SourceType::kSandbox}});
  v.text("namespace", s.name_space, checks::name_space);
  v.id("account_id", s.account_id);
  v.secrets("secrets", s.secrets);
  v.choice("auth", s.auth,
           {{"signature", SourceAuth::kSignature},
            {"basic", SourceAuth::kBasic},
            {"url_token", SourceAuth::kUrlToken}});
  v.text("base_url", s.base_url, checks::base_url);
  v.secret("bot_token", s.bot_token);
  v.secret("user_token", s.user_token);
  v.id("bot_id", s.bot_id);
  v.flag("hand_off_unknown_outcome", s.hand_off_unknown_outcome);
  v.duration("request_timeout_ms", s.request_timeout, 10, 300000);
}

template <typename Visitor>
void visit(Visitor& v, ReplyRule& s) {
  v.text("contains", s.contains);
  v.text("reply", s.reply, checks::not_empty);
}

template <typename Visitor>
void visit(Visitor& v, Replies& s) {
  v.text("responder", s.responder, checks::responder);
  v.list("rules", s.rules);
  v.text("persona", s.persona, checks::not_empty);
  v.number("max_age_s", s.max_age_s, 1, kYearS);
  v.number("max_message_age_s", s.max_message_age_s, 0, kYearS);
  v.unavailable("openai", "{}");
  v.unavailable("personas", "{}");
  v.group("debounce", [&](auto& debounce) {
    debounce.duration("quiet_ms", s.debounce.quiet, 0, 60000);
    debounce.duration("max_wait_ms", s.debounce.max_wait, 1, 600000);
    debounce.number("max_n", s.debounce.max_n, 2, 100);
  });
}

template <typename Visitor>
void visit(Visitor& v, Jobs& s) {
  v.duration("lease_ms", s.lease, 500, 3600000);
  v.number("max_attempts", s.max_attempts, 1, 1000);
  v.number("max_crashes", s.max_crashes, 1, 100);
  v.group("backoff", [&](auto& backoff) {
    backoff.duration("base_ms", s.backoff_base, 1, kDayMs);
    backoff.duration("cap_ms", s.backoff_cap, 1, kDayMs);
  });
  v.duration("defer_limit_ms", s.defer_limit, 0, 7 * kDayMs);
  v.number("workers", s.workers, 1, 512);
  v.number("max_payload_bytes", s.max_payload_bytes, 1024, 64 << 20);
  v.number("max_lane_jobs", s.max_lane_jobs, 1, 10000000);
  v.number("max_halts", s.max_halts, 2, 1000000);
  v.group("retention", [&](auto& retention) {
    retention.number("completed_max", s.completed_max, 0, 100000000);
    retention.number("completed_max_age_s", s.completed_max_age_s, 1, kYearS);
    retention.number("dead_max_age_s", s.dead_max_age_s, 60, 10 * kYearS);
  });
  v.duration("shutdown_grace_ms", s.shutdown_grace, 0, 3600000);
}

template <typename Visitor>
void visit(Visitor& v, Log& s) {
  v.choice("level", s.level,
           {{"debug", std::string("debug")},
            {"info", std::string("info")},
            {"warn", std::string("warn")},
            {"error", std::string("error")}});
  v.choice("format", s.format, {{"text", std::string("text")}, {"json", std::string("json")}});
}

template <typename Visitor>
void visit(Visitor& v, Config& s) {
  v.text("data_dir", s.data_dir, checks::not_empty);
  v.section("redis", s.redis);
  v.section("receiver", s.receiver);
  v.section("gateway", s.gateway);
  v.section("admin", s.admin);
  v.list("sources", s.sources);
  v.section("replies", s.replies);
  v.section("jobs", s.jobs);
  v.section("sla", s.sla);
  v.section("log", s.log);
}

}  // namespace deskwire::config
