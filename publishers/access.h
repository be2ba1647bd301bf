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
  Claims claims;        ///< Of the token; for a server key only its capability (empty: everything).

  bool can(std::string_view channel, std::string_view operation) const;
};

/// "capability denied: publish on conversation:7"
Refusal denied(std::string_view operation, std::string_view channel);

/// The principal of a token.
Answer<Principal> principal_of_token(std::string_view token, const config::Gateway& settings,
                                     std::int64_t now_ms);

/// The principal of a request: `Authorization: Bearer` with a token or server key, or `?token=`
/// (for EventSource, which cannot set headers).
Answer<Principal> authenticate(const net::HttpRequest& request, const config::Gateway& settings,
                               std::int64_t now_ms);

/// The text behind `Authorization: Bearer `; empty when there is none.
std::string_view bearer_of(const net::HttpRequest& request);

/// Browsers name the page they serve: it must be on the allow-list or come from this very host.
/// Requests without Origin do not come from a page and pass.
bool origin_allowed(const net::HttpRequest& request, const config::Gateway& settings);

}  // namespace deskwire::publishers
