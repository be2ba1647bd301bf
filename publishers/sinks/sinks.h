#pragma once

#include <memory>
#include <string>

#include "config/sla.h"
#include "core/clock.h"
#include "publishers/sinks/alert_sink.h"
#include "publishers/sinks/http_poster.h"

namespace deskwire::publishers {

/// The sink of one entry of `sla.sinks`. The poster outlives it.
std::unique_ptr<AlertSink> make_sink(const config::SlaSink& settings, HttpPoster& poster,
                                     const Clock& clock);

// The bodies, pure; docs/sla.md, "Sinks", has an example of each.
std::string alertmanager_body(const Alert& alert, std::int64_t ends_at_ms);
std::string pagerduty_body(const Alert& alert, std::string_view routing_key);
std::string slack_body(const Alert& alert);
std::string webhook_body(const Alert& alert);

/// `text` safe inside Slack's mrkdwn: customers' words can make no link and call no channel.
std::string slack_escape(std::string_view text);

/// `v1,<base64>` over id, timestamp and body (Standard Webhooks); a key with the prefix whsec_ is
/// base64 behind it.
std::string standard_signature(std::string_view key, std::string_view id, std::int64_t now_s,
                               std::string_view body);

/// What an answer's status says: 2xx is fine; 429 and 503 with their Retry-After and other 5xx, 408
/// are temporary; the rest is permanent. Never quotes the body.
Status verdict(const HttpAnswer& answer, std::string_view what);

}  // namespace deskwire::publishers
