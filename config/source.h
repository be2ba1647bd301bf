#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/secret.h"
#include "core/clock.h"

namespace deskwire::config {

enum class SourceType : std::uint8_t {
  kChatwoot,
  kGeneric,
  kSandbox,
  kZendesk,
  kIntercom,
  kFront,
  kHelpScout,
  kZammad,
  kFreshdesk
};
enum class SourceAuth : std::uint8_t { kSignature, kBasic, kUrlToken, kHeader };

/// A helpdesk account whose webhooks are taken: config sources[].
struct Source {
  std::string name;  ///< [a-z0-9_-]{1,64}; the URL's last segment.
  SourceType type = SourceType::kSandbox;
  std::string name_space;  ///< config key `namespace`; empty for at most one source.
  std::string account_id;  ///< Empty: any account.
  std::vector<Secret> secrets;
  SourceAuth auth = SourceAuth::kSignature;
  std::string scheme;  ///< Of the signature; empty: the type's own.
  std::string auth_header = "X-Deskwire-Token";
  std::string public_url;  ///< Where the sender posts to, for schemes that sign the address.
  std::string base_url;    ///< Of the helpdesk's API; http:// or https://.
  Secret bot_token;
  Secret user_token;
  std::string bot_id;  ///< Empty: any assigned agent bot counts as ours.
  /// What to do when a post's outcome cannot be verified: true hands over, false posts again.
  bool hand_off_unknown_outcome = true;
  Milliseconds request_timeout{5000};

  /// How a sender proves itself: `auth`, except that Freshdesk, which signs nothing, sends a header
  /// where others sign.
  SourceAuth proof() const {
    const bool unsigned_type = type == SourceType::kFreshdesk && scheme.empty();
    return auth == SourceAuth::kSignature && unsigned_type ? SourceAuth::kHeader : auth;
  }
  /// Whether replies can be written to this helpdesk at all.
  bool takes_replies() const {
    const bool has_client = type == SourceType::kZendesk || type == SourceType::kZammad;
    const bool always = type == SourceType::kChatwoot || type == SourceType::kGeneric ||
                        type == SourceType::kSandbox;
    return always || (has_client && !base_url.empty());
  }
};

}  // namespace deskwire::config
