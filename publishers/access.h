#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/net/http_message.h"
#include "publishers/codes.h"
#include "publishers/token.h"

namespace deskwire::publishers {

/// Who asks, and what they may do.
struct Principal {
  bool server = false;  ///< A server key: may publish any event, within its ceiling.
  /// Of the token; for a server key only its fingerprint and capability (empty: everything).
  Claims claims;

  bool can(std::string_view channel, std::string_view operation) const;
};

/// "capability denied: publish on conversation:7"
Refusal denied(std::string_view operation, std::string_view channel);

/// The text behind `Authorization: Bearer `; empty when there is none.
std::string_view bearer_of(const net::HttpRequest& request);

/// Browsers name the page they serve: it must be on the allow-list or come from this very host.
/// Requests without Origin do not come from a page and pass.
bool origin_allowed(const net::HttpRequest& request, const config::Gateway& settings);

}  // namespace deskwire::publishers
