#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "webhooks/refused_delivery.h"

namespace deskwire::webhooks {

/// One thing that decides over a delivery, in words for people. Never holds a secret, a signature
/// or a word of the body.
struct SignaturePart {
  std::string part;  ///< "signature", "timestamp", "signed headers", "secret", "body",
                     ///< "credentials", "content"
  bool ok = false;
  std::string detail;
};

struct SignatureReport {
  std::string reason;  ///< Why it is refused today, the timestamp's window waived; "none": it fits.
  std::vector<SignaturePart> parts;
  std::vector<std::size_t> fitting_secrets;  ///< Indexes in config sources[].secrets.

  bool fits() const { return reason == "none"; }
};

/// Which part of a refused delivery's signature fails, checked against today's config.
///
/// Also tries what commonly goes wrong between a helpdesk and us: a body that a proxy has changed
/// (line end added or cut off, JSON written anew), and the secret of another source.
///
/// @param source  Its source; must be of `sources`.
SignatureReport explain_signature(const RefusedDelivery& delivery, const config::Source& source,
                                  const std::vector<config::Source>& sources,
                                  std::int64_t tolerance_s);

/// The headers of a request that decide over its acceptance, with the sender's delivery id, the
/// content type and encoding. No others are kept.
net::Headers deciding_headers(const net::HttpRequest& request, const config::Source& source);

}  // namespace deskwire::webhooks
