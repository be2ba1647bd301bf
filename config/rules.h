#pragma once

#include "config/config.h"
#include "config/problems.h"

namespace deskwire::config {

/// Checks what concerns several keys at once: names that must differ, secrets that a source needs,
/// pairs that must be in order, doors that may not be open to others, calendars
/// that must open within 400 days of `now_ms`.
void check_rules(const Config& config, std::int64_t now_ms, Problems& problems);

/// The part of it that concerns who may enter at the gateway: keys, issuers, TLS.
void check_gateway(const Config& config, Problems& problems);

}  // namespace deskwire::config
