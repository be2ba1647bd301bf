#pragma once

#include <array>
#include <string_view>

namespace deskwire::config {

/// The names that sources[].scheme may have. What each of them signs is the table of
/// webhooks/signature_schemes.cc; a test holds the two together.
inline constexpr std::array<std::string_view, 14> kSignatureSchemes{
    "ably",       "chatwoot", "freshchat",   "front-application",
    "front-rule", "github",   "github-sha1", "helpscout",
    "hubspot-v3", "intercom", "slack",       "standard-webhooks",
    "zammad",     "zendesk"};

}  // namespace deskwire::config
