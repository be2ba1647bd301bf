#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "core/net/http_message.h"
#include "webhooks/signature.h"

namespace deskwire::webhooks {

/// The schemes that a source's deliveries may be signed by, the usual one first: config
/// sources[].scheme, else what its type's helpdesk uses. Never empty.
std::vector<const SignatureScheme*> schemes_of(const config::Source& source);

/// The one of them that a request says it is signed by: the first whose headers are all there, else
/// the usual one. A sender gains nothing by choosing: under each a secret must fit.
const SignatureScheme& scheme_of(const config::Source& source, const net::HttpRequest& request);

/// The message of a request, for `verify`. Refers to the request.
SignedMessage signed_message(const net::HttpRequest& request);

/// The address that a request was sent to, as its sender knows it: config sources[].public_url,
/// else https:// with its Host header and path; its query behind that.
std::string address_of(const config::Source& source, const net::HttpRequest& request);

/// Whether the scheme signs the address.
bool signs_address(const SignatureScheme& scheme);

}  // namespace deskwire::webhooks
