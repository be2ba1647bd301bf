#pragma once

#include <optional>
#include <string>

#include "config/config.h"
#include "core/net/http_message.h"

namespace deskwire::webhooks {

/// The body to answer with when a delivery, already known to be genuine, only asks whether somebody
/// is here: Front's `X-Front-Challenge` header and Slack's `url_verification`. Both want their
/// challenge back as `{"challenge":"…"}`. nullopt for any other delivery; Intercom's ping is one of
/// those and wants nothing but a 200.
std::optional<std::string> handshake_answer(const config::Source& source,
                                            const net::HttpRequest& request);

}  // namespace deskwire::webhooks
