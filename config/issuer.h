#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/secret.h"
#include "core/clock.h"
#include "core/signature_key.h"

namespace deskwire::config {

/// A key that tokens of an issuer are signed with. The algorithm is the key's, whatever a token
/// says.
struct IssuerKey {
  std::string kid;  ///< Empty: for tokens of any kid, or none.
  SignatureAlgorithm algorithm = SignatureAlgorithm::kHs256;
  Secret secret;      ///< HS256.
  Secret public_key;  ///< RS256, ES256: PEM.
};

/// Which claim says what; `a.b` is b within a, unless there is a claim of the whole name.
struct ClaimMap {
  std::string client_id = "sub";
  std::string name = "name";
  std::string role = "role";
  std::string capability = "cap";
};

/// A service of the user's that is asked for a client's rights.
struct RightsCallback {
  std::string url;  ///< Empty: nobody is asked.
  Secret secret;    ///< Signs the questions.
  Milliseconds timeout{2000};
  std::int64_t cache_s = 60;
  std::size_t max_cached = 10000;
  int max_in_flight = 8;  ///< Questions at a time, each on a thread of its own.
};

/// An application of the user's own whose tokens the gateway accepts.
struct Issuer {
  std::string name;
  std::string issuer;                 ///< `iss`; empty: not checked.
  std::vector<std::string> audience;  ///< One of them must be in `aud`; empty: not checked.
  std::vector<IssuerKey> keys;
  Secret jwks;  ///< The text of a JWKS file; empty: none.
  std::int64_t leeway_s = 30;
  ClaimMap claims;
  std::vector<std::string> agent_roles{"agent"};
  std::string client_prefix;
  /// Rights of every client, with {clientId}; empty: they come from the claim or the callback.
  std::map<std::string, std::vector<std::string>> capability;
  RightsCallback rights;
  std::map<std::string, std::vector<std::string>> ceiling;  ///< Empty: no limit.
};

/// TLS of the gateway's own; off while both files are empty.
struct Tls {
  std::string cert_file;  ///< PEM, the whole chain.
  std::string key_file;
  Milliseconds handshake_timeout{5000};

  bool enabled() const { return !cert_file.empty(); }
};

}  // namespace deskwire::config
