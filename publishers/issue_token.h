#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/config.h"
#include "publishers/access.h"
#include "publishers/codes.h"

namespace deskwire::publishers {

/// `POST /v1/tokens`: a token for somebody, within the server key's ceiling.
/// @return The body: token, issued, expires (Unix ms), capability, clientId.
Answer<std::string> issue_token(const nlohmann::json& body, const Principal& server,
                                const config::Gateway& settings, std::int64_t now_ms);

/// `POST /v1/sandbox/sessions`: an unguessable conversation of the sandbox source and a token for
/// it, valid for a day. With `conversation` the session joins that one: its id is the secret.
/// @return The body: channel, conversation, token, expires. 40400 without a sandbox source.
Answer<std::string> open_sandbox_session(const nlohmann::json& body,
                                         const std::vector<config::Source>& sources,
                                         const config::Gateway& settings, std::int64_t now_ms);

}  // namespace deskwire::publishers
