#pragma once

#include <cstdint>
#include <string_view>

#include "config/config.h"
#include "core/net/http_message.h"

namespace deskwire::webhooks {

/// Is this delivery from who the source's secrets belong to? By the source's `auth`: a signature
/// over the raw bytes, the secret in a header (as it is or behind "Bearer "), HTTP Basic with
/// "user:password" as the secret, or a token in the URL (`/webhooks/{source}/{token}` or
/// `?token=`).
///
/// @param path_token  The path's segment behind the source; empty when there is none.
/// @return "none" when accepted, else the reason, of a closed set: those of SignatureRefusal,
///         `missing_credentials`, `repeated_header`, `wrong_credentials`.
std::string_view authenticate(const config::Source& source, const net::HttpRequest& request,
                              std::string_view path_token, std::int64_t now_s,
                              std::int64_t tolerance_s);

}  // namespace deskwire::webhooks
