#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/net/http_message.h"
#include "core/result.h"

namespace deskwire::webhooks {

/// A delivery as the source's helpdesk would send it: for `deskwire send`, `doctor` and load.
struct OutgoingDelivery {
  std::string target;    ///< "/webhooks/support", with the token where `auth` asks for one.
  net::Headers headers;  ///< Content-Type, delivery id, timestamp, signature or Authorization.
};

/// Builds the target and headers for posting `body` to the source, with its first secret.
///
/// @param delivery_id  Goes into the scheme's delivery header, where it has one.
/// @errors kInvalid: the source has no secret, or not one of its scheme's form.
Result<OutgoingDelivery> prepare_delivery(const config::Source& source, std::string_view body,
                                          std::string_view delivery_id, std::int64_t now_s);

}  // namespace deskwire::webhooks
